//! `sim --seeds A..B` runs many seeds and prints the failing ones; `sim --seed N` replays one with its trace;
//! `--bug NAME` before either gives the world that bug.
#![expect(clippy::print_stdout, reason = "a command line tool talks on stdout")]

use std::process::ExitCode;

use sim::{Bug, Options, run};

/// Seeds that are run when none are named.
const SEEDS: std::ops::Range<u64> = 0..2_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (bug, words) = match words.as_slice() {
        ["--bug", name, rest @ ..] => match Bug::ALL.iter().find(|bug| format!("{bug:?}") == *name)
        {
            Some(bug) => (Some(*bug), rest),
            None => return usage(),
        },
        words => (None, words),
    };
    let options = Options { bug, traces: false };
    match words {
        [] => many(SEEDS, options),
        ["--seeds", range] => match parse_range(range) {
            Some(seeds) => many(seeds, options),
            None => usage(),
        },
        ["--seed", seed] => match seed.parse() {
            Ok(seed) => replay(seed, options),
            Err(_) => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    let bugs = Bug::ALL.map(|bug| format!("{bug:?}")).join(", ");
    println!("usage: sim [--bug NAME] [--seeds A..B | --seed N]; bugs are {bugs}");
    ExitCode::FAILURE
}

fn parse_range(text: &str) -> Option<std::ops::Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}

fn many(seeds: std::ops::Range<u64>, options: Options) -> ExitCode {
    let (mut failed, mut events, mut slowest) = (0_u64, 0, (std::time::Duration::ZERO, 0));
    let count = seeds.end.saturating_sub(seeds.start);
    for seed in seeds {
        match run(seed, options) {
            Ok(report) => {
                events += report.events;
                slowest = slowest.max((report.healing, seed));
            }
            Err(failure) => {
                failed += 1;
                println!("{failure}");
            }
        }
    }
    let (healing, seed) = slowest;
    println!(
        "{failed} of {count} seeds failed; {events} events; the slowest healing took {} s (seed {seed})",
        healing.as_secs()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(seed: u64, options: Options) -> ExitCode {
    match run(seed, Options { traces: true, ..options }) {
        Ok(report) => {
            println!(
                "seed {seed} holds: {} events, at rest {} s after the faults",
                report.events,
                report.healing.as_secs()
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            for line in &failure.trace {
                println!("{line}");
            }
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}
