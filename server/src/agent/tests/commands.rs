//! Real commands, from the master's order to the sandbox, over a restart of the agent, to the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use wire::mesos::v1;
use wire::mesos::v1::TaskState;
use wire::mesos::v1::task_status::{Reason, Source};

use super::master::{Connection, Master};
use super::{Engine, Running, config};

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn shell_task(id: &str, script: &str) -> v1::TaskInfo {
    let scalar = |name: &str, amount: f64| v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar as i32,
        scalar: Some(v1::value::Scalar { value: amount }),
        ..v1::Resource::default()
    };
    v1::TaskInfo {
        name: "shell".to_owned(),
        task_id: v1::TaskId { value: id.to_owned() },
        agent_id: v1::AgentId { value: "S0".to_owned() },
        resources: vec![scalar("cpus", 0.1), scalar("mem", 10.0)],
        command: Some(v1::CommandInfo {
            value: Some(script.to_owned()),
            ..v1::CommandInfo::default()
        }),
        ..v1::TaskInfo::default()
    }
}

pub(super) struct World {
    pub(super) folder: TempDir,
    master: Master,
}

impl World {
    pub(super) async fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), master: Master::listen().await }
    }

    async fn start(&self) -> Running {
        Running::start(config(&self.folder, &self.master, Engine::None)).await
    }

    pub(super) async fn admitted(&self) -> (Running, Connection) {
        let agent = self.start().await;
        let (connection, _) = self.master.admit().await;
        (agent, connection)
    }

    fn work_dir(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(super) fn sandbox(&self, task: &str) -> PathBuf {
        self.work_dir().join(format!("slaves/S0/frameworks/F-0000/executors/{task}/runs/latest"))
    }

    pub(super) async fn output(&self, task: &str, wanted: &str) {
        let file = self.sandbox(task).join("stdout");
        until(&format!("{wanted:?} in {}", file.display()), || {
            std::fs::read_to_string(&file).is_ok_and(|text| text.contains(wanted))
        })
        .await;
    }

    /// What is left of commands: folders, cgroups, processes with the sandbox in their environment.
    fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        let tasks = self.work_dir().join("meta/commands/tasks");
        left.extend(entries(&tasks).iter().map(|path| path.display().to_string()));
        let identity = std::fs::read_to_string(self.work_dir().join("meta/identity")).unwrap();
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        for mount in mounts.lines().filter(|line| line.starts_with("cgroup")) {
            let mount = mount.split(' ').nth(1).unwrap();
            let parent = Path::new(mount).join("ekiden").join(format!("commands-{identity}"));
            left.extend(parent.exists().then(|| parent.display().to_string()));
        }
        left.extend(self.processes().iter().map(|pid| format!("process {pid}")));
        left
    }

    fn processes(&self) -> Vec<u32> {
        let mark = format!("MESOS_SANDBOX={}", self.work_dir().canonicalize().unwrap().display());
        let pids = entries(Path::new("/proc"));
        let pids = pids.iter().filter_map(|path| path.file_name()?.to_str()?.parse().ok());
        let is_ours = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|found| found.starts_with(mark.as_bytes()))
        };
        pids.filter(is_ours).collect()
    }

    pub(super) async fn nothing_is_left(&self) {
        let mut left = Vec::new();
        let all_gone = tokio::time::timeout(PATIENCE, async {
            loop {
                left = self.left();
                if left.is_empty() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let outcome = all_gone.await;
        assert!(outcome.is_ok(), "left behind: {left:?}");
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Whether the process runs that program; a copy of the shell that is about to begin it does not yet.
fn runs(pid: u32, program: &str) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).next() == Some(program.as_bytes())
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what} in {} s", PATIENCE.as_secs());
}

#[tokio::test]
async fn a_command_writes_into_its_sandbox_and_its_end_is_told_in_the_originals_words() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    let script = "echo out in $PWD for $MESOS_EXECUTOR_ID; echo err >&2; exit 3";
    connection.run(shell_task("job.1", script)).await;
    connection.update_to(TaskState::TaskStarting).await;
    let running = connection.update_to(TaskState::TaskRunning).await;
    assert_eq!((running.data, running.source), (None, Some(Source::Executor as i32)));
    let failed = connection.update_to(TaskState::TaskFailed).await;
    assert_eq!(failed.message.as_deref(), Some("Command exited with status 3"));
    let sandbox = world.sandbox("job.1").canonicalize().unwrap();
    let path = "/frameworks/F-0000/executors/job.1/runs/latest/stdout";
    let stdout = agent.json(&format!("/files/read?path={path}&offset=0")).await;
    assert_eq!(stdout["data"], format!("out in {} for job.1\n", sandbox.display()));
    assert_eq!(std::fs::read_to_string(sandbox.join("stderr")).unwrap(), "err\n");
    connection.run(shell_task("job.2", "exit 0")).await;
    let finished = connection.update_to(TaskState::TaskFinished).await;
    assert_eq!(finished.message.as_deref(), Some("Command exited with status 0"));
    connection.run(shell_task("job.3", "kill -SEGV $$")).await;
    let failed = connection.update_to(TaskState::TaskFailed).await;
    let message = "Command terminated with signal Segmentation fault";
    assert_eq!(failed.message.as_deref(), Some(message));
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn a_command_runs_on_without_its_agent_and_is_found_once() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    let script = "echo begun $$; while [ ! -e go ]; do sleep 0.05; done; echo gone on; sleep 1000";
    connection.run(shell_task("job.1", script)).await;
    connection.update_to(TaskState::TaskRunning).await;
    world.output("job.1", "begun").await;
    connection.settle().await;
    agent.stop().await;
    drop(connection);
    std::fs::write(world.sandbox("job.1").join("go"), "").unwrap();
    world.output("job.1", "gone on").await;
    let mut before = Vec::new();
    until("the shell waits for what it runs last", || {
        before = world.processes();
        before.iter().any(|pid| runs(*pid, "sleep"))
    })
    .await;
    let agent = world.start().await;
    let (mut connection, told) = world.master.take_back(2).await;
    assert_eq!(told.tasks.len(), 1);
    assert_eq!(world.processes(), before, "the same processes and no others");
    let text = std::fs::read_to_string(world.sandbox("job.1").join("stdout")).unwrap();
    assert_eq!(text.matches("begun").count(), 1, "{text}");
    connection.kill("job.1").await;
    let killed = connection.update_to(TaskState::TaskKilled).await;
    assert_eq!(killed.message.as_deref(), Some("Command terminated with signal Terminated"));
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn a_command_that_ended_while_the_agent_was_away_is_reported() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    let script = "while [ ! -e go ]; do sleep 0.05; done; exit 7";
    connection.run(shell_task("job.1", script)).await;
    connection.update_to(TaskState::TaskRunning).await;
    connection.settle().await;
    agent.stop().await;
    drop(connection);
    std::fs::write(world.sandbox("job.1").join("go"), "").unwrap();
    until("the command ends", || world.processes().is_empty()).await;
    let agent = world.start().await;
    let (mut connection, _) = world.master.take_back(2).await;
    let failed = connection.update_to(TaskState::TaskFailed).await;
    assert_eq!(failed.message.as_deref(), Some("Command exited with status 7"));
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn a_command_that_ignores_the_order_is_killed_with_all_that_it_started() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    // One that ignores the signal, one in a session of its own, and one whose parent has ended.
    let script =
        "trap '' TERM; setsid sleep 1000 & (sleep 1000 &); echo up; while :; do sleep 0.1; done";
    let mut task = shell_task("job.1", script);
    let grace_period = Some(v1::DurationInfo { nanoseconds: 200_000_000 });
    task.kill_policy = Some(v1::KillPolicy { grace_period });
    connection.run(task).await;
    world.output("job.1", "up").await;
    until("the sleeping ones", || world.processes().len() >= 3).await;
    connection.update_to(TaskState::TaskRunning).await;
    connection.kill("job.1").await;
    let killed = connection.update_to(TaskState::TaskKilled).await;
    assert_eq!(killed.message.as_deref(), Some("Command terminated with signal Killed"));
    assert_eq!(world.processes(), Vec::<u32>::new(), "its end is told when nothing of it is left");
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    connection.run(shell_task("job.1", "setsid sleep 1000 & sleep 1000 & exit 0")).await;
    connection.update_to(TaskState::TaskFinished).await;
    assert_eq!(world.processes(), Vec::<u32>::new());
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn an_executor_that_is_killed_takes_its_command_with_it() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    connection.run(shell_task("job.1", "setsid sleep 1000 & echo up; sleep 1000")).await;
    connection.update_to(TaskState::TaskRunning).await;
    world.output("job.1", "up").await;
    let tasks = entries(&world.work_dir().join("meta/commands/tasks"));
    let claim = std::fs::read(tasks[0].join("claim")).unwrap();
    let executor = executor::Identity::from_bytes(&claim).unwrap();
    let executor = rustix::process::Pid::from_raw(executor.pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(executor, rustix::process::Signal::KILL).unwrap();
    let failed = connection.update_to(TaskState::TaskFailed).await;
    assert_eq!(failed.reason, Some(Reason::ExecutorTerminated as i32));
    assert_eq!(world.processes(), Vec::<u32>::new());
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn a_command_that_cannot_be_started_fails_with_the_reason() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    let mut task = shell_task("job.1", "no-such-program");
    task.command.as_mut().unwrap().shell = Some(false);
    connection.run(task).await;
    let failed = connection.update_to(TaskState::TaskFailed).await;
    assert_eq!(failed.reason, Some(Reason::ContainerLaunchFailed as i32));
    let message = failed.message.unwrap();
    let wanted = "Failed to launch container: could not execute `no-such-program`";
    assert!(message.starts_with(wanted), "{message}");
    let mut task = shell_task("job.2", "true");
    task.command.as_mut().unwrap().user = Some("no-such-user".to_owned());
    connection.run(task).await;
    let message = connection.update_to(TaskState::TaskFailed).await.message.unwrap();
    assert!(message.contains("this machine has no user `no-such-user`"), "{message}");
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn a_command_runs_as_its_user_with_its_limits_and_an_environment_that_is_the_list() {
    let world = World::new().await;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(world.folder.path(), open).unwrap();
    let (agent, mut connection) = world.admitted().await;
    let mut task = shell_task("job.1", "id -un; ulimit -n; touch made; env | sort");
    let command = task.command.as_mut().unwrap();
    command.user = Some("nobody".to_owned());
    let own = v1::environment::Variable {
        name: "OWN".to_owned(),
        value: Some("of the task".to_owned()),
        ..v1::environment::Variable::default()
    };
    command.environment = Some(v1::Environment { variables: vec![own] });
    let kind = v1::r_limit_info::r_limit::Type::RlmtNofile;
    let limit =
        v1::r_limit_info::RLimit { r#type: Some(kind as i32), soft: Some(77), hard: Some(78) };
    task.container = Some(v1::ContainerInfo {
        r#type: v1::container_info::Type::Mesos as i32,
        rlimit_info: Some(v1::RLimitInfo { rlimits: vec![limit] }),
        ..v1::ContainerInfo::default()
    });
    connection.run(task).await;
    connection.update_to(TaskState::TaskFinished).await;
    let text = std::fs::read_to_string(world.sandbox("job.1").join("stdout")).unwrap();
    let environment = text.strip_prefix("nobody\n77\n").expect(&text);
    // What the shell sets for itself.
    let of_shell = ["PWD", "OLDPWD", "SHLVL", "_"];
    let found: BTreeMap<&str, &str> = environment
        .lines()
        .map(|line| line.split_once('=').expect(line))
        .filter(|(name, _)| !of_shell.contains(name))
        .collect();
    let sandbox = world.sandbox("job.1").canonicalize().unwrap().display().to_string();
    let expected = BTreeMap::from([
        ("LIBPROCESS_IP", "127.0.0.91"),
        ("LIBPROCESS_PORT", "0"),
        ("MESOS_AGENT_ENDPOINT", "127.0.0.91:5051"),
        ("MESOS_ALLOCATION_ROLE", "*"),
        ("MESOS_CHECKPOINT", "0"),
        ("MESOS_DIRECTORY", sandbox.as_str()),
        ("MESOS_EXECUTOR_ID", "job.1"),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"),
        ("MESOS_FRAMEWORK_ID", "F-0000"),
        ("MESOS_HTTP_COMMAND_EXECUTOR", "0"),
        ("MESOS_SANDBOX", sandbox.as_str()),
        ("MESOS_SLAVE_ID", "S0"),
        ("MESOS_SLAVE_PID", "slave(1)@127.0.0.91:5051"),
        ("OWN", "of the task"),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ]);
    assert_eq!(found, expected, "and nothing else");
    agent.stop().await;
}

#[tokio::test]
async fn a_command_that_needs_too_much_memory_fails_for_that_reason() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    let has_memory_cgroups =
        std::fs::read_to_string("/proc/self/mounts").unwrap().lines().any(|line| {
            line.starts_with("cgroup")
                && (line.contains(",memory") || line.starts_with("cgroup2 /sys/fs/cgroup "))
        });
    assert!(has_memory_cgroups, "this test needs a machine with memory cgroups");
    connection.run(shell_task("job.1", "tail /dev/zero; sleep 1000")).await;
    let failed = connection.update_to(TaskState::TaskFailed).await;
    assert_eq!(failed.reason, Some(Reason::ContainerLimitationMemory as i32), "{failed:?}");
    assert_eq!(failed.source, Some(Source::Agent as i32));
    let message = failed.message.unwrap();
    assert!(
        message.starts_with("Memory limit exceeded: Requested: 42MB Maximum Used: "),
        "{message}"
    );
    assert!(message.contains("\n\nMEMORY STATISTICS: \n"), "{message}");
    let limitation = failed.limitation.unwrap();
    assert_eq!(limitation.resources[0].scalar, Some(v1::value::Scalar { value: 42.0 }));
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn a_docker_task_without_an_engine_is_refused_clearly() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    connection.run(super::master::docker_task("web.1", "nginx", "true", 31_000)).await;
    let refused = connection.update_to(TaskState::TaskError).await;
    assert!(refused.message.unwrap().contains("without the docker containerizer"));
    agent.stop().await;
}

#[tokio::test]
async fn a_command_finds_what_it_wanted_fetched_and_may_change_it() {
    use std::os::unix::fs::MetadataExt;
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    let script = world.folder.path().join("hello.sh");
    std::fs::write(&script, "#!/bin/sh\necho fetched and run\n").unwrap();
    let mut task = shell_task("job.1", "bin/hello && ls -l bin && rm bin/hello");
    let command = task.command.as_mut().unwrap();
    command.user = Some("nobody".to_owned());
    command.uris = vec![v1::command_info::Uri {
        value: script.display().to_string(),
        executable: Some(true),
        output_file: Some("bin/hello".to_owned()),
        ..v1::command_info::Uri::default()
    }];
    connection.run(task).await;
    connection.update_to(TaskState::TaskFinished).await;
    let sandbox = world.sandbox("job.1");
    let text = std::fs::read_to_string(sandbox.join("stdout")).unwrap();
    assert!(text.starts_with("fetched and run\n"), "{text}");
    let folder = std::fs::metadata(sandbox.join("bin")).unwrap();
    let (nobody, _) = crate::agent::work_dir::ids("nobody").await.unwrap();
    assert_eq!(folder.uid(), nobody);
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_fetched_is_the_tasks_failure_and_stands_in_its_sandbox() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    let mut task = shell_task("job.1", "echo never");
    task.command.as_mut().unwrap().uris = vec![v1::command_info::Uri {
        value: "/no/such/file".to_owned(),
        ..v1::command_info::Uri::default()
    }];
    connection.run(task).await;
    let failed = connection.update_to(TaskState::TaskFailed).await;
    assert_eq!(failed.reason, Some(Reason::ContainerLaunchFailed as i32));
    let why = "Failed to fetch `/no/such/file`";
    assert!(failed.message.as_deref().unwrap().contains(why), "{:?}", failed.message);
    let file = world.sandbox("job.1").join("stderr");
    until("the reason in the sandbox", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains(why))
    })
    .await;
    world.nothing_is_left().await;
    agent.stop().await;
}
