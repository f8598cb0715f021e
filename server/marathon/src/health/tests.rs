//! Counting as the reference does it (marathon.md §8.8).

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::run_spec::RunSpec;

fn check(grace: u64, most: u32) -> HealthCheck {
    let posted = json!({"id": "/a", "container": {"docker": {"image": "a", "network": "BRIDGE"}},
        "healthChecks": [{"gracePeriodSeconds": grace, "maxConsecutiveFailures": most}]});
    RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap().health_checks()[0].clone()
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(second).unwrap() * 1_000)
}

fn finding(good: bool) -> Finding {
    if good { Finding::Good } else { Finding::Bad("503 Service Unavailable".to_owned()) }
}

/// Feeds results `(second, good)` and names what each does: `.` nothing, `g` good, `f` a failure that counts,
/// `k` one that kills.
fn fate(check: &HealthCheck, results: &[(u64, bool)]) -> String {
    let mut health = Health::default();
    let mut fate = String::new();
    for (second, good) in results {
        let ran = Some(Duration::from_secs(*second));
        let judgement = health.judge(check, ran, finding(*good), at(*second));
        fate.push(match (good, judgement.has_failed, judgement.gives_up) {
            (true, false, false) => 'g',
            (false, false, false) => '.',
            (false, true, false) => 'f',
            (false, true, true) => 'k',
            other => panic!("{other:?}"),
        });
        health = judgement.health;
    }
    fate
}

#[test]
fn a_task_is_killed_at_one_failure_more_than_is_forgiven() {
    let (good, bad) = (true, false);
    for (grace, most, results, expected) in [
        // Without grace every failure counts; the fourth kills where three are forgiven.
        (0, 3, vec![(1, bad), (2, bad), (3, bad), (4, bad), (5, bad)], "fffkk"),
        (0, 1, vec![(1, bad), (2, bad)], "fk"),
        // 0 never kills.
        (0, 0, vec![(1, bad), (2, bad), (3, bad), (4, bad), (5, bad)], "fffff"),
        // A success begins anew.
        (0, 1, vec![(1, bad), (2, good), (3, bad), (4, good), (5, bad), (6, bad)], "fgfgfk"),
        // Before the first success nothing counts until the grace period is over, to the second.
        (10, 1, vec![(1, bad), (9, bad), (10, bad), (11, bad)], "..fk"),
        // The first success ends the grace period.
        (10, 1, vec![(1, bad), (2, good), (3, bad), (4, bad)], ".gfk"),
    ] {
        assert_eq!(fate(&check(grace, most), &results), expected, "{grace} {most} {results:?}");
    }
}

#[test]
fn a_task_that_does_not_run_collects_no_failures() {
    let judgement = Health::default().judge(&check(0, 1), None, finding(false), at(1));
    assert_eq!(judgement.health, Health::default());
    assert!(!judgement.has_failed && !judgement.gives_up);
}

#[test]
fn a_result_that_says_nothing_changes_nothing() {
    let known = Health { consecutive_failures: 2, ..Health::default() };
    let ran = Some(Duration::from_secs(9));
    assert_eq!(known.judge(&check(0, 1), ran, Finding::Nothing, at(1)).health, known);
}

#[test]
fn times_and_causes_are_kept() {
    let (check, ran) = (check(0, 9), Some(Duration::from_secs(99)));
    let known = Health::default().judge(&check, ran, finding(true), at(1)).health;
    let known = known.judge(&check, ran, finding(true), at(2)).health;
    let known = known.judge(&check, ran, finding(false), at(3)).health;
    assert_eq!((known.first_success, known.last_success), (Some(at(1)), Some(at(2))));
    assert_eq!((known.last_failure, known.is_alive), (Some(at(3)), false));
    assert_eq!(known.last_failure_cause.as_deref(), Some("503 Service Unavailable"));
    let known = known.judge(&check, ran, finding(true), at(4)).health;
    assert_eq!((known.is_alive, known.consecutive_failures), (true, 0));
}

#[test]
fn http_answers_from_200_to_399_are_good() {
    let answer = |status, reason: &str| {
        let (reason, content_type, body) = (reason.to_owned(), String::new(), String::new());
        Outcome::Answered(Answer { status, reason, content_type, body })
    };
    let bad = |text: &str| Finding::Bad(text.to_owned());
    for (outcome, ignores, expected) in [
        (answer(200, "OK"), false, Finding::Good),
        (answer(302, "Found"), false, Finding::Good),
        (answer(399, ""), false, Finding::Good),
        (answer(400, "Bad Request"), false, bad("400 Bad Request")),
        (answer(199, ""), false, bad("199")),
        (answer(199, ""), true, Finding::Nothing),
        (answer(200, "OK"), true, Finding::Good),
        (Outcome::Connected, false, Finding::Good),
        (Outcome::Failed("refused".to_owned()), true, bad("refused")),
    ] {
        assert_eq!(outcome.clone().finding(ignores), expected, "{outcome:?}");
    }
}

#[test]
fn all_checks_together_are_healthy_only_when_each_is() {
    let result = |is_alive| Some(Health { is_alive, ..Health::default() });
    let health = |results| Checks { results, ..Checks::default() }.health();
    assert_eq!(health(vec![result(true), result(true)]), Some(true));
    assert_eq!(health(vec![result(true), result(false)]), Some(false));
    assert_eq!(health(vec![result(false), None]), None);
    assert_eq!(health(vec![result(true), None]), None);
}

proptest! {
    #[test]
    fn no_task_is_killed_without_so_many_failures_in_a_row_after_its_grace_period(
        grace in 0..20_u64,
        most in 0..4_u32,
        results in prop::collection::vec((0..5_u64, any::<bool>()), 0..40),
    ) {
        let check = check(grace, most);
        let mut second = 0;
        let results: Vec<(u64, bool)> = results
            .into_iter()
            .map(|(more, good)| { second += more; (second, good) })
            .collect();
        let fate = fate(&check, &results);
        for (index, what) in fate.char_indices() {
            let before = &results[..=index];
            let in_a_row = before.iter().rev().take_while(|(_, good)| !good).count();
            let had_success = before.iter().any(|(_, good)| *good);
            // What came in the grace period before the first success does not count.
            let counted = before[index + 1 - in_a_row..]
                .iter()
                .filter(|(second, _)| had_success || *second >= grace)
                .count();
            let must_kill = most > 0 && counted > most as usize;
            prop_assert_eq!(what == 'k', must_kill, "{} at {} of {:?}", fate, index, results);
        }
    }
}
