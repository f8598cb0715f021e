//! The seeds of the test suite; `cargo xtask sim` runs more of them.

use std::ops::Range;

use sim::{Options, Report, run};

fn hold(seeds: Range<u64>) -> Vec<Report> {
    let mut failures = Vec::new();
    let mut reports = Vec::new();
    for seed in seeds {
        match run(seed, Options::default()) {
            Ok(report) => reports.push(report),
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    reports
}

#[test]
fn seeds_0_to_49_hold() {
    hold(0..50);
}

#[test]
fn seeds_50_to_99_hold() {
    hold(50..100);
}

#[test]
fn seeds_100_to_149_hold() {
    hold(100..150);
}

#[test]
fn seeds_150_to_199_hold() {
    hold(150..200);
}

#[test]
fn a_seed_decides_everything() {
    for seed in [3, 37] {
        assert_eq!(run(seed, Options::default()), run(seed, Options::default()));
    }
    let traces = Options { traces: true, ..Options::default() };
    assert_eq!(run(3, traces), run(3, Options::default()), "watching changes nothing");
}
