//! `sim --seeds A..B` runs many seeds and prints the failing ones; `sim --seed N` replays one with its trace.
#![expect(clippy::print_stdout, reason = "a command line tool talks on stdout")]

use std::process::ExitCode;

use sim::{Options, run};

/// Seeds that are run when none are named.
const SEEDS: std::ops::Range<u64> = 0..2_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => many(SEEDS),
        ["--seeds", range] => match parse_range(range) {
            Some(seeds) => many(seeds),
            None => usage(),
        },
        ["--seed", seed] => match seed.parse() {
            Ok(seed) => replay(seed),
            Err(_) => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    println!("usage: sim [--seeds A..B | --seed N]");
    ExitCode::FAILURE
}

fn parse_range(text: &str) -> Option<std::ops::Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}

fn many(seeds: std::ops::Range<u64>) -> ExitCode {
    let (mut failed, mut events, mut slowest) = (0_u64, 0, (std::time::Duration::ZERO, 0));
    let count = seeds.end.saturating_sub(seeds.start);
    for seed in seeds {
        match run(seed, Options::default()) {
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

fn replay(seed: u64) -> ExitCode {
    match run(seed, Options { traces: true, ..Options::default() }) {
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
