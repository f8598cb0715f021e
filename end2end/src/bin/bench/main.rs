//! `cargo xtask bench`: what the journeys of the first slice cost, each beside its floor from the same run.
//!
//! It prints one Markdown table with the machine and its load; the README carries a copy. Nothing here passes
//! or fails by time.
#![forbid(unsafe_code)]

mod client;
mod commands;
mod floor;
mod journeys;
mod log_tail;
mod machine;
mod restarts;
mod stored;

use anyhow::Result;

/// One line of the table.
struct Row {
    what: String,
    ours: String,
    floor: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let before = machine::load()?;
    let only = std::env::args().nth(1);
    let rows = match only.as_deref() {
        None => all().await?,
        Some("log_tail") => log_tail::latency().await?,
        Some(other) => anyhow::bail!("there is no benchmark `{other}` to be run alone"),
    };
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

async fn all() -> Result<Vec<Row>> {
    let mut rows = journeys::no_op_launches().await?;
    rows.extend(journeys::docker_starts().await?);
    rows.extend(journeys::agent_restart().await?);
    rows.extend(commands::launches().await?);
    rows.extend(restarts::master().await?);
    rows.extend(log_tail::latency().await?);
    rows.extend(machine::bundle_bytes()?);
    Ok(rows)
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
