//! `cargo xtask bench`: what the journeys cost, each beside its floor from the same run.
//!
//! It prints one Markdown table with the machine and its load; the README carries a copy. Nothing here passes
//! or fails by time. Words after the command choose some of the [`Journey`]s;
//! `swarm=N` is the comparison with Docker Swarm once, with at most N containers.
#![forbid(unsafe_code)]

mod client;
mod commands;
mod engine;
mod floor;
mod journeys;
mod log_tail;
mod losses;
mod machine;
mod restarts;
mod stored;
mod swarm;

use anyhow::{Context as _, Result};

/// One line of the table.
struct Row {
    what: String,
    ours: String,
    floor: String,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Journey {
    NoOp,
    Docker,
    Agent,
    LogTail,
    Losses,
    /// With the most containers that one round is to have, where only that is wanted.
    Swarm(Option<usize>),
    Commands,
    Master,
    Bundle,
}

impl Journey {
    const ALL: [Self; 9] = [
        Self::NoOp,
        Self::Docker,
        Self::Agent,
        Self::LogTail,
        Self::Losses,
        Self::Swarm(None),
        Self::Commands,
        Self::Master,
        Self::Bundle,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Docker => "docker",
            Self::Agent => "agent",
            Self::LogTail => "log-tail",
            Self::Losses => "losses",
            Self::Swarm(_) => "swarm",
            Self::Commands => "commands",
            Self::Master => "master",
            Self::Bundle => "bundle",
        }
    }

    async fn measure(self) -> Result<Vec<Row>> {
        match self {
            Self::NoOp => journeys::no_op_launches().await,
            Self::Docker => journeys::docker_starts().await,
            Self::Agent => journeys::agent_restart().await,
            Self::LogTail => log_tail::latency().await,
            Self::Losses => losses::replacements().await,
            Self::Swarm(most) => swarm::comparison(most).await,
            Self::Commands => commands::launches().await,
            Self::Master => restarts::master().await,
            Self::Bundle => machine::bundle_bytes(),
        }
    }
}

/// The journeys that were asked for, or all.
fn chosen(names: impl Iterator<Item = String>) -> Result<Vec<Journey>> {
    let chosen: Vec<Journey> = names
        .map(|name| {
            if let Some(most) = name.strip_prefix("swarm=") {
                return Ok(Journey::Swarm(Some(most.parse()?)));
            }
            let journey = Journey::ALL.into_iter().find(|journey| journey.name() == name);
            journey.with_context(|| {
                format!("there is no `{name}`, only {}", Journey::ALL.map(Journey::name).join(", "))
            })
        })
        .collect::<Result<_>>()?;
    Ok(if chosen.is_empty() { Journey::ALL.to_vec() } else { chosen })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let journeys = chosen(std::env::args().skip(1))?;
    let before = machine::load()?;
    let mut rows = Vec::new();
    for journey in journeys {
        rows.extend(journey.measure().await.with_context(|| format!("measuring {journey:?}"))?);
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
