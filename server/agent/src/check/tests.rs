//! Counting as the reference does it (mesos.md §5.4).

use proptest::prelude::*;

use super::*;

fn plan(grace: u64, most_failures: u32) -> Plan {
    Plan {
        question: Question::Tcp { port: 80, is_v6: false },
        delay: Duration::ZERO,
        interval: Duration::from_secs(1),
        timeout: None,
        grace: Duration::from_secs(grace),
        most_failures,
    }
}

/// Feeds results `(second, good)`: `.` silence, `h` healthy is told, `u` unhealthy is told, `k` and the task has to end.
fn fate(plan: &Plan, told: Option<bool>, results: &[(u64, bool)]) -> String {
    let mut count = HealthCount::resumed(told);
    let fate = results.iter().map(|(second, good)| {
        let verdict =
            if *good { count.success() } else { count.failure(plan, Duration::from_secs(*second)) };
        match verdict {
            Verdict::Silence => '.',
            Verdict::Healthy => 'h',
            Verdict::Unhealthy { kills: false } => 'u',
            Verdict::Unhealthy { kills: true } => 'k',
        }
    });
    fate.collect()
}

#[test]
fn failures_are_counted_as_the_reference_does() {
    let (good, bad) = (true, false);
    for (grace, most, told, results, expected) in [
        // The first success is told, the others are not.
        (10, 3, None, vec![(1, good), (2, good), (3, good)], "h.."),
        // Each failure that counts is told; the third ends the task.
        (0, 3, None, vec![(1, bad), (2, bad), (3, bad)], "uuk"),
        // 0 and 1 both end it at once.
        (0, 0, None, vec![(1, bad)], "k"),
        (0, 1, None, vec![(1, bad)], "k"),
        // Up to the end of the grace period nothing counts.
        (10, 1, None, vec![(1, bad), (10, bad), (11, bad)], "..k"),
        // The first success ends the grace period.
        (10, 2, None, vec![(1, good), (2, bad), (3, bad)], "huk"),
        // A success in between begins anew, and is told.
        (0, 2, None, vec![(1, bad), (2, good), (3, bad), (4, bad)], "uhuk"),
        // After a restart of the agent: what was told is known, what was counted is not.
        (10, 2, Some(true), vec![(1, good), (2, bad), (3, bad)], ".uk"),
        (10, 2, Some(false), vec![(1, bad)], "k"),
        (10, 2, Some(false), vec![(1, good), (2, bad)], "hu"),
    ] {
        assert_eq!(
            fate(&plan(grace, most), told, &results),
            expected,
            "{grace} {most} {results:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_task_ends_without_enough_failures_in_a_row_after_its_grace_period(
        grace in 0..10_u64,
        most in 0..4_u32,
        results in prop::collection::vec((0..4_u64, any::<bool>()), 0..30),
    ) {
        let mut second = 0;
        let results: Vec<(u64, bool)> =
            results.into_iter().map(|(more, good)| { second += more; (second, good) }).collect();
        let fate = fate(&plan(grace, most), None, &results);
        for (index, what) in fate.char_indices() {
            let before = &results[..=index];
            let in_a_row = before.iter().rev().take_while(|(_, good)| !good).count();
            let had_success = before.iter().any(|(_, good)| *good);
            let counted = before[index + 1 - in_a_row..]
                .iter()
                .filter(|(second, _)| had_success || grace == 0 || *second > grace)
                .count();
            let must_end = counted > 0 && counted >= most as usize;
            prop_assert_eq!(what == 'k', must_end, "{} at {} of {:?}", fate, index, results);
        }
    }
}

#[test]
fn a_health_check_is_read_with_the_defaults_of_the_reference() {
    let http = v1::health_check::HttpCheckInfo { port: 80, ..Default::default() };
    let check = v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Http.into()),
        http: Some(http),
        ..Default::default()
    };
    let plan = Plan::of_health(&check).unwrap();
    let path = "/".to_owned();
    assert_eq!(plan.question, Question::Http { is_tls: false, port: 80, path, is_v6: false });
    let seconds = |time: Duration| time.as_secs();
    assert_eq!((seconds(plan.delay), seconds(plan.interval)), (15, 10));
    assert_eq!((plan.timeout.map(seconds), seconds(plan.grace)), (Some(20), 10));
    assert_eq!(plan.most_failures, 3);
    let forever = v1::HealthCheck { timeout_seconds: Some(0.0), ..check.clone() };
    assert_eq!(Plan::of_health(&forever).unwrap().timeout, None, "0 is no limit");
    for (bad, error) in [
        (v1::HealthCheck { http: None, ..check.clone() }, "an HTTP health check without `http`"),
        (
            v1::HealthCheck { r#type: None, ..check.clone() },
            "a health check without a known `type`",
        ),
        (v1::HealthCheck { interval_seconds: Some(-1.0), ..check }, "-1 is no time in seconds"),
    ] {
        assert_eq!(Plan::of_health(&bad).unwrap_err(), error);
    }
}

#[test]
fn commands_are_run_by_a_shell_or_as_they_are() {
    let line = |shell, value: &str, arguments: &[&str]| {
        let command = v1::CommandInfo {
            shell,
            value: Some(value.to_owned()),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            ..Default::default()
        };
        match super::command(Some(&command)).unwrap() {
            Question::Command { line, .. } => line,
            other @ (Question::Http { .. } | Question::Tcp { .. }) => panic!("{other:?}"),
        }
    };
    assert_eq!(line(None, "test -f /ok", &[]), ["/bin/sh", "-c", "test -f /ok"]);
    assert_eq!(line(Some(false), "/bin/test", &["test", "-f", "/ok"]), ["/bin/test", "-f", "/ok"]);
}

#[test]
fn what_a_command_of_a_check_cannot_have_is_refused_by_name() {
    let refusal = |change: fn(&mut v1::CommandInfo)| {
        let mut given = v1::CommandInfo { value: Some("true".into()), ..Default::default() };
        change(&mut given);
        command(Some(&given)).unwrap_err()
    };
    let variable = |command: &mut v1::CommandInfo, name: &str, secret: bool| {
        let kind = v1::environment::variable::Type::Secret as i32;
        let variable = v1::environment::Variable {
            name: name.into(),
            r#type: secret.then_some(kind),
            ..Default::default()
        };
        command.environment = Some(v1::Environment { variables: vec![variable] });
    };
    let mut secret = v1::CommandInfo { value: Some("true".into()), ..Default::default() };
    variable(&mut secret, "PASSWORD", true);
    assert!(command(Some(&secret)).unwrap_err().contains("`PASSWORD`"));
    variable(&mut secret, "A=B", false);
    assert!(command(Some(&secret)).unwrap_err().contains("'A=B'"));
    assert!(refusal(|command| command.value = Some("a\0b".into())).contains("NUL"));
}

#[test]
fn what_the_original_ignores_is_ignored_and_named() {
    let command = v1::CommandInfo {
        value: Some("true".into()),
        user: Some("nobody".into()),
        uris: vec![Default::default()],
        ..Default::default()
    };
    let of_command = v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Command.into()),
        command: Some(command.clone()),
        ..Default::default()
    };
    let statuses =
        v1::health_check::HttpCheckInfo { port: 80, statuses: vec![200], ..Default::default() };
    let of_http = v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Http.into()),
        http: Some(statuses),
        ..Default::default()
    };
    let plain = v1::CheckInfo {
        r#type: Some(v1::check_info::Type::Command.into()),
        command: Some(v1::check_info::Command { command }),
        ..Default::default()
    };
    let health = |check| v1::TaskInfo { health_check: Some(Box::new(check)), ..Default::default() };
    let status = v1::TaskInfo { check: Some(Box::new(plain)), ..Default::default() };
    for (task, expected) in [
        (health(of_command), &["health_check.command.user", "health_check.command.uris"][..]),
        (health(of_http), &["health_check.http.statuses"]),
        (status, &["check.command.user", "check.command.uris"]),
        (v1::TaskInfo::default(), &[]),
    ] {
        assert_eq!(validate(&task), Ok(()));
        assert_eq!(ignored(&task), expected);
    }
}

#[test]
fn a_plain_check_tells_its_result_and_none_where_there_is_no_answer() {
    let json = |outcome: Outcome, question: &Question| {
        serde_json::to_value(outcome.status(question)).unwrap()
    };
    let command = Question::Command { line: Vec::new(), environment: Vec::new() };
    let http = Question::Http { is_tls: false, port: 1, path: "/".to_owned(), is_v6: false };
    let tcp = Question::Tcp { port: 1, is_v6: false };
    let failed = || Outcome::Failed("x".to_owned());
    for (outcome, question, expected) in [
        (Outcome::Exited(3), &command, r#"{"type":"COMMAND","command":{"exit_code":3}}"#),
        (failed(), &command, r#"{"type":"COMMAND","command":{}}"#),
        (Outcome::Answered(503), &http, r#"{"type":"HTTP","http":{"status_code":503}}"#),
        (failed(), &http, r#"{"type":"HTTP","http":{}}"#),
        (Outcome::Connected, &tcp, r#"{"type":"TCP","tcp":{"succeeded":true}}"#),
        (failed(), &tcp, r#"{"type":"TCP","tcp":{"succeeded":false}}"#),
    ] {
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(json(outcome, question), expected);
    }
}

#[test]
fn http_answers_from_200_to_399_are_good() {
    for (status, is_good) in [
        (199, false),
        (200, true),
        (204, true),
        (300, true),
        (302, true),
        (399, true),
        (400, false),
        (503, false),
    ] {
        let judged = Outcome::Answered(status).judged().unwrap();
        let wanted = format!("Unexpected HTTP response code: {status}");
        assert_eq!(judged, if is_good { Ok(()) } else { Err(wanted) }, "{status}");
    }
}
