//! `cargo xtask bench`: what the journeys of the first slice cost, each beside its floor from the same run.
//!
//! Names of parts after `bench` measure these alone; `swarm=N` is the comparison with Docker Swarm once, with at most N containers.
//! It prints one Markdown table with the machine and its load; the README carries a copy. Nothing here passes
//! or fails by time.
#![forbid(unsafe_code)]

mod client;
mod commands;
mod engine;
mod floor;
mod journeys;
mod machine;
mod restarts;
mod stored;
mod swarm;

use anyhow::{Context, Result, ensure};

/// One line of the table.
struct Row {
    what: String,
    ours: String,
    floor: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let before = machine::load()?;
    let parts = Parts::named(std::env::args().skip(1))?;
    let mut rows = Vec::new();
    if parts.has("launches") {
        rows.extend(journeys::no_op_launches().await?);
        rows.extend(journeys::docker_starts().await?);
    }
    if parts.has("agent") {
        rows.extend(journeys::agent_restart().await?);
    }
    if parts.has("swarm") {
        rows.extend(swarm::comparison(parts.most("swarm")?).await?);
    }
    if parts.has("commands") {
        rows.extend(commands::launches().await?);
    }
    if parts.has("master") {
        rows.extend(restarts::master().await?);
    }
    if parts.has("bundle") {
        rows.extend(machine::bundle_bytes()?);
    }
    let after = machine::load()?;
    let mut table = format!(
        "Machine: {}; load {before} before and {after} after.\n\n| journey | ours | floor, same run |\n|---|---|---|\n",
        machine::description()?
    );
    for Row { what, ours, floor } in rows {
        table += &format!("| {what} | {ours} | {floor} |\n");
    }
    say(&table)
}

/// What to measure; everything when nothing is named.
struct Parts(Vec<(String, Option<String>)>);

impl Parts {
    const ALL: [&str; 6] = ["launches", "agent", "swarm", "commands", "master", "bundle"];

    fn named(words: impl Iterator<Item = String>) -> Result<Self> {
        let mut parts = Vec::new();
        for word in words {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            ensure!(Self::ALL.contains(&name.as_str()), "`{name}` is none of {:?}", Self::ALL);
            parts.push((name, value));
        }
        Ok(Self(parts))
    }

    fn has(&self, part: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|(name, _)| name == part)
    }

    /// The number behind the part's name.
    fn most(&self, part: &str) -> Result<Option<usize>> {
        let value =
            self.0.iter().find(|(name, _)| name == part).and_then(|(_, value)| value.as_ref());
        value.map(|value| value.parse().with_context(|| format!("{part}={value}"))).transpose()
    }
}

fn say(text: &str) -> Result<()> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// The middle of the samples and their spread, in milliseconds.
fn median(mut samples: Vec<f64>) -> String {
    samples.sort_by(f64::total_cmp);
    let middle = samples[samples.len() / 2];
    match (samples.first(), samples.last()) {
        (Some(least), Some(most)) if samples.len() > 1 => {
            format!("{middle:.1} ms ({least:.1}-{most:.1}, {} rounds)", samples.len())
        }
        _ => format!("{middle:.1} ms"),
    }
}
