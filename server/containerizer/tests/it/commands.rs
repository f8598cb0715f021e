//! Commands as plain processes: started at most once, ended whole, whatever calls come twice, late or at the same time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_core::container::{Exit, FoundState, ProcessExit, ProcessSpec};
use containerizer::{Containerizer, Error, Process, ProcessConfig};
use tempfile::TempDir;

pub(crate) const NAME: &str = "process-S0.c1";

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) process: Process,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        std::fs::create_dir(folder.path().join("sandbox")).expect("a sandbox");
        let process = Self::open(folder.path());
        Self { folder, process }
    }

    /// What a new process of the agent sees.
    pub(crate) fn open(folder: &Path) -> Process {
        Process::open(&ProcessConfig {
            folder: folder.join("commands"),
            cgroup: format!("test-{}", folder.file_name().unwrap_or_default().to_string_lossy()),
        })
        .expect("the folder can be written")
    }

    pub(crate) fn spec(&self, script: &str) -> ProcessSpec {
        let variable = |name: &str, value: String| (name.to_owned(), value);
        let sandbox = self.sandbox().display().to_string();
        ProcessSpec {
            name: NAME.to_owned(),
            program: "/bin/sh".to_owned(),
            arguments: ["sh", "-c", script].map(str::to_owned).into(),
            environment: vec![
                variable("PATH", "/usr/bin:/bin".to_owned()),
                variable("MESOS_SANDBOX", sandbox.clone()),
            ],
            user: None,
            sandbox,
            cpu_shares: 102,
            cpu_quota: Some(50_000),
            memory_bytes: Some(32 << 20),
            memory_reservation_bytes: None,
            max_processes: None,
            volumes: Vec::new(),
            limits: Vec::new(),
        }
    }

    pub(crate) fn sandbox(&self) -> PathBuf {
        self.folder.path().join("sandbox")
    }

    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.sandbox().join("stdout")).unwrap_or_default()
    }

    pub(crate) async fn prints(&self, text: &str) {
        let printed = tokio::time::timeout(Duration::from_secs(30), async {
            while !self.output().contains(text) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(printed.await.is_ok(), "no `{text}` in `{}`", self.output());
    }

    pub(crate) async fn state(&self) -> Option<FoundState> {
        let found = self.process.list().await.expect("the commands can be listed");
        found.into_iter().find(|found| found.name == NAME).map(|found| found.state)
    }
}

#[tokio::test]
async fn a_command_that_is_started_many_times_at_once_runs_once() {
    let world = World::new();
    world.process.create_process(&world.spec("echo begun; sleep 1000")).await.unwrap();
    assert_eq!(world.state().await, Some(FoundState::Created));
    let others: Vec<Process> = (0..4).map(|_| World::open(world.folder.path())).collect();
    let starts = others.iter().map(|process| process.start(NAME));
    for started in futures_util::future::join_all(starts).await {
        started.unwrap();
    }
    world.process.start(NAME).await.unwrap();
    // Made anew after a restart that did not know better.
    world.process.create_process(&world.spec("echo another")).await.unwrap();
    world.process.start(NAME).await.unwrap();
    assert_eq!(world.state().await, Some(FoundState::Running));
    world.process.stop(NAME, Duration::ZERO).await.unwrap();
    assert_eq!(world.process.wait(NAME).await, Exit::Process(ProcessExit::Signaled(9)));
    assert_eq!(world.output(), "begun\n");
    world.process.remove(NAME).await.unwrap();
    assert_eq!(world.state().await, None);
}

#[tokio::test]
async fn a_command_that_was_given_up_is_not_started_any_more() {
    let world = World::new();
    world.process.create_process(&world.spec("echo begun")).await.unwrap();
    world.process.stop(NAME, Duration::ZERO).await.unwrap();
    let late = world.process.start(NAME).await;
    assert!(matches!(late, Err(Error::UnknownContainer { .. })), "{late:?}");
    world.process.remove(NAME).await.unwrap();
    let late = world.process.start(NAME).await;
    assert!(late.is_err(), "{late:?}");
    assert_eq!(world.output(), "");
    // What is unknown has ended.
    world.process.stop(NAME, Duration::ZERO).await.unwrap();
    world.process.remove(NAME).await.unwrap();
    assert_eq!(world.process.wait(NAME).await, Exit::Vanished);
}

#[tokio::test]
async fn a_later_order_shortens_the_grace_period() {
    let world = World::new();
    let script = "trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done";
    world.process.create_process(&world.spec(script)).await.unwrap();
    world.process.start(NAME).await.unwrap();
    world.prints("up").await;
    let patient = world.process.clone();
    let patient = tokio::spawn(async move { patient.stop(NAME, Duration::from_secs(1_000)).await });
    world.prints("asked").await;
    world.process.stop(NAME, Duration::from_millis(50)).await.unwrap();
    patient.await.unwrap().unwrap();
    assert_eq!(world.process.wait(NAME).await, Exit::Process(ProcessExit::Signaled(9)));
    world.process.remove(NAME).await.unwrap();
}

#[tokio::test]
async fn a_command_that_forks_for_ever_ends_too() {
    let world = World::new();
    let script =
        "f() { setsid sleep 1000 & sleep 0.01; f; }; for i in 1 2 3; do f & done; echo up; wait";
    world.process.create_process(&world.spec(script)).await.unwrap();
    world.process.start(NAME).await.unwrap();
    world.prints("up").await;
    world.process.stop(NAME, Duration::ZERO).await.unwrap();
    assert!(matches!(world.process.wait(NAME).await, Exit::Process(_)));
    world.process.remove(NAME).await.unwrap();
}

#[tokio::test]
async fn a_command_over_its_memory_ends_whole_and_says_so() {
    let world = World::new();
    let script = "sleep 1000 & tail /dev/zero; sleep 1000";
    world.process.create_process(&world.spec(script)).await.unwrap();
    world.process.start(NAME).await.unwrap();
    let exit = world.process.wait(NAME).await;
    let Exit::Process(ProcessExit::OutOfMemory { limit, statistics, .. }) = exit else {
        panic!("this test needs memory cgroups: {exit:?}")
    };
    assert_eq!(limit, 32 << 20);
    assert!(!statistics.is_empty());
    world.process.remove(NAME).await.unwrap();
}

#[tokio::test]
async fn what_a_killed_executor_leaves_is_ended_by_whoever_looks_next() {
    let world = World::new();
    let script = "setsid sleep 1000 & echo up; sleep 1000";
    world.process.create_process(&world.spec(script)).await.unwrap();
    world.process.start(NAME).await.unwrap();
    world.prints("up").await;
    let folder = world.folder.path().join("commands/tasks").join(NAME);
    let identity = |file: &str| {
        executor::Identity::from_bytes(&std::fs::read(folder.join(file)).unwrap()).unwrap()
    };
    let (executor, task) = (identity("claim"), identity("task"));
    let number = rustix::process::Pid::from_raw(executor.pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(number, rustix::process::Signal::KILL).unwrap();
    let next = World::open(world.folder.path());
    assert_eq!(next.wait(NAME).await, Exit::Process(ProcessExit::Unknown));
    assert!(!task.is_alive());
    next.remove(NAME).await.unwrap();
    assert_eq!(world.state().await, None);
}

#[tokio::test]
async fn a_command_leads_a_session_and_a_process_group_of_its_own() {
    let world = World::new();
    let script = "read -r own name state parent group session rest < /proc/$$/stat; \
                  echo $$ $own $group $session end; sleep 1000";
    world.process.create_process(&world.spec(script)).await.unwrap();
    world.process.start(NAME).await.unwrap();
    world.prints("end").await;
    let output = world.output();
    let numbers: Vec<&str> = output.split_whitespace().take(4).collect();
    assert!(numbers.iter().all(|number| *number == numbers[0]), "{output}");
    world.process.remove(NAME).await.unwrap();
}

/// Where the machine has version 2 this is tested in `unified` alone.
#[tokio::test]
async fn processor_time_is_shared_and_bounded_in_cgroups_of_version_1() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mut lines = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let cpu =
        lines.find(|fields| fields[2] == "cgroup" && fields[3].split(',').any(|it| it == "cpu"));
    let Some(cpu) = cpu else { return };
    let world = World::new();
    world.process.create_process(&world.spec("echo up; sleep 1000")).await.unwrap();
    world.process.start(NAME).await.unwrap();
    world.prints("up").await;
    let parent = world.folder.path().file_name().unwrap().to_string_lossy().into_owned();
    let folder = Path::new(cpu[1]).join("ekiden").join(format!("test-{parent}")).join(NAME);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap().trim().to_owned();
    let names = ["cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us"];
    assert_eq!(names.map(read), ["102", "50000", "100000"]);
    let count = || read("cgroup.procs").lines().count();
    let are_both_there = tokio::time::timeout(Duration::from_secs(30), async {
        while count() != 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(are_both_there.await.is_ok(), "{} and not the shell and what it waits for", count());
    world.process.remove(NAME).await.unwrap();
    assert!(!folder.exists());
}

#[tokio::test]
async fn files_without_their_content_cost_one_command_its_story_and_no_other() {
    let world = World::new();
    world.process.create_process(&world.spec("sleep 1000")).await.unwrap();
    world.process.start(NAME).await.unwrap();
    // As a loss of power leaves them: there, and empty.
    let tasks = world.folder.path().join("commands/tasks");
    for (name, files) in [("process-S0.c2", ["spec", "claim"]), ("process-S0.c3", ["spec", "exit"])]
    {
        std::fs::create_dir(tasks.join(name)).unwrap();
        for file in files {
            std::fs::write(tasks.join(name).join(file), "").unwrap();
        }
    }
    let next = World::open(world.folder.path());
    let mut found = next.list().await.unwrap();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let states: Vec<_> = found.iter().map(|found| found.state).collect();
    assert_eq!(states, [FoundState::Running, FoundState::Exited, FoundState::Exited]);
    for found in &found[1..] {
        let waited = tokio::time::timeout(Duration::from_secs(30), next.wait(&found.name)).await;
        assert_eq!(waited.unwrap(), Exit::Process(ProcessExit::Unknown), "{}", found.name);
        next.remove(&found.name).await.unwrap();
    }
    next.remove(NAME).await.unwrap();
    assert_eq!(next.list().await.unwrap(), []);
}
