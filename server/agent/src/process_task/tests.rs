use wire::mesos::v1::{DurationInfo, Image};
use wire::mesos::v1::{Environment, KillPolicy, RLimitInfo, container_info, environment};

use super::*;
use crate::fixtures::{marathon, nginx_task, scalar_resource, settings, shell_task};

fn spec_with(task: &TaskInfo, settings: &Settings) -> Result<ProcessSpec, Refusal> {
    let key = TaskKey { framework: "F".into(), task: task.task_id.value.as_str().into() };
    let framework = marathon();
    process_spec(
        task,
        Surroundings {
            name: "process-S5.c",
            key: &key,
            agent: "S5",
            sandbox: "/sandbox",
            settings,
            framework: Some(&framework),
        },
    )
}

fn spec(task: &TaskInfo) -> ProcessSpec {
    spec_with(task, &settings()).unwrap()
}

fn refusal(task: &TaskInfo) -> String {
    spec_with(task, &settings()).unwrap_err().to_string()
}

fn command(change: impl FnOnce(&mut CommandInfo)) -> TaskInfo {
    let mut task = shell_task("t");
    change(task.command.as_mut().unwrap());
    task
}

fn variable(name: &str, value: &str) -> environment::Variable {
    environment::Variable { name: name.into(), value: Some(value.into()), ..Default::default() }
}

fn value<'a>(spec: &'a ProcessSpec, name: &str) -> Option<&'a str> {
    let mut found = spec.environment.iter().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert_eq!(found.next(), None, "{name} is given twice");
    value
}

#[test]
fn the_guides_command_runs_in_a_shell() {
    let spec = spec(&shell_task("basic-0.1"));
    assert_eq!(spec.program, "/bin/sh");
    assert_eq!(spec.arguments[..2], ["sh", "-c"]);
    assert!(spec.arguments[2].contains("/mnt/test"));
    assert_eq!((spec.user.as_deref(), spec.sandbox.as_str()), (Some("root"), "/sandbox"));
    // With the executor's allowance: 0.2 cpus and 42 MB.
    assert_eq!((spec.cpu_shares, spec.cpu_quota, spec.memory_bytes), (204, None, Some(42 << 20)));
}

#[test]
fn a_bound_on_the_cpu_is_given_on_demand() {
    let bound = Settings { bounds_cpu: true, ..settings() };
    assert_eq!(spec_with(&shell_task("t"), &bound).unwrap().cpu_quota, Some(20_000));
}

#[test]
fn arguments_are_handed_over_as_they_are() {
    let task = command(|command| {
        command.shell = Some(false);
        command.value = Some("sleep".into());
        command.arguments = vec!["named".into(), "$HOME".into()];
    });
    assert_eq!(
        (spec(&task).program, spec(&task).arguments),
        ("sleep".into(), vec!["named".into(), "$HOME".into()])
    );
    let bare =
        command(|command| (command.shell, command.value) = (Some(false), Some("true".into())));
    assert_eq!(spec(&bare).arguments, ["true"]);
}

#[test]
fn the_environment_is_the_originals_and_the_frameworks_wins() {
    let mut task = command(|command| {
        let variables = vec![
            variable("MESOS_TASK_ID", "basic-0.1"),
            variable("PORT0", "31000"),
            variable("PATH", "/own"),
            variable("EMPTY", ""),
            variable("MESOS_SANDBOX", "elsewhere"),
        ];
        command.environment = Some(Environment { variables });
    });
    let grace_period = Some(DurationInfo { nanoseconds: 7_500_000_000 });
    task.kill_policy = Some(KillPolicy { grace_period });
    let settings = Settings {
        executor_environment: vec![("LANG".into(), "C".into()), ("PORT0".into(), "1".into())],
        ..settings()
    };
    let spec = spec_with(&task, &settings).unwrap();
    for (name, wanted) in [
        ("LIBPROCESS_IP", Some("127.0.0.11")),
        ("LIBPROCESS_PORT", Some("0")),
        ("MESOS_FRAMEWORK_ID", Some("F")),
        ("MESOS_EXECUTOR_ID", Some("t")),
        ("MESOS_DIRECTORY", Some("/sandbox")),
        ("MESOS_SANDBOX", Some("/sandbox")),
        ("MESOS_SLAVE_ID", Some("S5")),
        ("MESOS_SLAVE_PID", Some("slave(1)@127.0.0.11:5051")),
        ("MESOS_AGENT_ENDPOINT", Some("127.0.0.11:5051")),
        ("MESOS_CHECKPOINT", Some("0")),
        ("MESOS_RECOVERY_TIMEOUT", None),
        ("MESOS_HTTP_COMMAND_EXECUTOR", Some("0")),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", Some("9500ms")),
        ("MESOS_ALLOCATION_ROLE", Some("*")),
        ("MESOS_TASK_ID", Some("basic-0.1")),
        ("PORT0", Some("31000")),
        ("PATH", Some("/own")),
        ("LANG", Some("C")),
        ("EMPTY", Some("")),
    ] {
        assert_eq!(value(&spec, name), wanted, "{name}");
    }
    assert_eq!(value(&self::spec(&shell_task("t")), "PATH"), Some(PATH));
}

#[test]
fn the_commands_own_user_comes_before_the_frameworks() {
    let task = command(|command| command.user = Some("nobody".into()));
    assert_eq!(spec(&task).user.as_deref(), Some("nobody"));
    let stays = Settings { switches_user: false, ..settings() };
    assert_eq!(spec_with(&task, &stays).unwrap().user, None);
}

#[test]
fn limits_are_carried_out_and_half_a_limit_is_refused() {
    let limited = |limit: RLimit| {
        let mut task = shell_task("t");
        task.container = Some(ContainerInfo {
            r#type: ContainerType::Mesos as i32,
            rlimit_info: Some(RLimitInfo { rlimits: vec![limit] }),
            ..ContainerInfo::default()
        });
        task
    };
    let kind = Some(r_limit::Type::RlmtNofile as i32);
    let limit = RLimit { r#type: kind, soft: Some(64), hard: Some(128) };
    let wanted = ProcessLimit { name: "NOFILE".into(), soft: Some(64), hard: Some(128) };
    assert_eq!(spec(&limited(limit)).limits, [wanted]);
    assert!(refusal(&limited(RLimit { soft: None, ..limit })).contains("`NOFILE`"));
    assert!(refusal(&limited(RLimit { r#type: Some(0), ..limit })).contains("not known"));
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let with = |change: fn(&mut TaskInfo)| {
        let mut task = shell_task("t");
        change(&mut task);
        refusal(&task)
    };
    let disk = |task: &mut TaskInfo| task.limits = [("disk".into(), Default::default())].into();
    assert!(with(disk).contains("`disk`"));
    assert!(with(|task| task.command = None).contains("command"));
    let empty = command(|command| command.value = None);
    assert_eq!(refusal(&empty), "Shell specified but no command value provided");
    let nul = command(|command| command.value = Some("a\0b".into()));
    assert!(refusal(&nul).contains("NUL"));
}

#[test]
fn commands_and_containers_are_told_apart() {
    assert!(is_one(&shell_task("t")));
    assert!(!is_one(&nginx_task("t", 31_000)));
    let mut task = shell_task("t");
    let container = ContainerInfo { r#type: ContainerType::Mesos as i32, ..Default::default() };
    task.container = Some(container.clone());
    assert!(is_one(&task));
    let image = Some(Image::default());
    task.container =
        Some(ContainerInfo { mesos: Some(container_info::MesosInfo { image }), ..container });
    assert!(!is_one(&task));
}

#[test]
fn an_end_is_told_in_the_originals_words() {
    let told = |exit: ProcessExit, is_killed| {
        let news = ending(&exit, is_killed);
        (news.state, news.message.unwrap())
    };
    let exited = |status| ProcessExit::Exited(status);
    assert_eq!(
        told(exited(0), false),
        (TaskState::Finished, "Command exited with status 0".into())
    );
    assert_eq!(told(exited(3), false), (TaskState::Failed, "Command exited with status 3".into()));
    assert_eq!(told(exited(0), true).0, TaskState::Killed);
    let killed = (TaskState::Killed, "Command terminated with signal Killed".into());
    assert_eq!(told(ProcessExit::Signaled(9), true), killed);
    let failed = (TaskState::Failed, "Command terminated with signal Segmentation fault".into());
    assert_eq!(told(ProcessExit::Signaled(11), false), failed);
    assert_eq!(signal_name(35), "Real-time signal 1");
    assert_eq!(signal_name(0), "Unknown signal 0");
}

#[test]
fn too_much_memory_is_told_as_a_limitation() {
    let exit = ProcessExit::OutOfMemory {
        limit: 42 << 20,
        used: (42 << 20) - 4_096,
        statistics: "cache 0\nrss 9\n".to_owned(),
    };
    let news = ending(&exit, false);
    assert_eq!(news.reason, Some(Reason::ContainerLimitationMemory));
    assert_eq!(
        news.limitation.unwrap().resources,
        [Resource { allocation_info: None, ..scalar_resource("mem", 42.0) }]
    );
    assert_eq!(
        news.message.unwrap(),
        "Memory limit exceeded: Requested: 42MB Maximum Used: 43004KB\n\nMEMORY STATISTICS: \ncache 0\nrss 9\n\n"
    );
}

fn limited(limits: &[(&str, f64)]) -> TaskInfo {
    let mut task = shell_task("t");
    let limits = limits.iter();
    let limits = limits.map(|(name, value)| ((*name).to_owned(), value::Scalar { value: *value }));
    task.limits = limits.collect();
    task
}

#[test]
fn limits_bound_a_command_above_what_it_asks_for() {
    let bounds = |task: &TaskInfo| {
        let spec = spec(task);
        (spec.cpu_quota, spec.memory_bytes, spec.memory_reservation_bytes)
    };
    let mib = |number: u64| Some(number << 20);
    assert_eq!(bounds(&shell_task("t")), (None, mib(42), None));
    // The executor's allowance comes on top of limits too.
    assert_eq!(
        bounds(&limited(&[("cpus", 0.5), ("mem", 100.0)])),
        (Some(60_000), mib(132), mib(42))
    );
    let endless = limited(&[("cpus", f64::INFINITY), ("mem", f64::INFINITY)]);
    assert_eq!(bounds(&endless), (None, None, mib(42)));
    let settings = Settings { bounds_cpu: true, ..settings() };
    assert_eq!(spec_with(&endless, &settings).unwrap().cpu_quota, None, "the task's word counts");
    for (name, value) in [("mem", 9.0), ("cpus", 0.05), ("mem", f64::NAN), ("mem", -1.0)] {
        let refused = refusal(&limited(&[(name, value)]));
        assert!(refused.contains(&format!("of `{name}`")), "{name} {value}: {refused}");
    }
}

#[test]
fn the_number_of_processes_is_bounded_and_the_bound_told() {
    assert_eq!(spec(&shell_task("t")).max_processes, Some(Settings::MAX_PROCESSES));
    let end = Box::new(ProcessExit::Exited(2));
    let news = ending(&ProcessExit::ShortOfProcesses { end, limit: 64, refused: 3 }, false);
    assert_eq!(news.state, TaskState::Failed);
    let message = news.message.unwrap();
    assert!(
        message.starts_with("Command exited with status 2; 3 times it was refused"),
        "{message}"
    );
    assert!(message.ends_with("may have 64 (--max_processes_per_task)"), "{message}");
}
