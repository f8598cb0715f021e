//! Commands beside a running one: like it in everything, and ended whole when nobody waits for them or it has ended.

use std::time::Duration;

use agent_core::container::{Exit, ProcessExit};
use containerizer::{Containerizer, Error, Inside};

use crate::commands::{NAME, World};

/// Runs a shell line beside the command.
async fn ask(world: &World, line: &str) -> Result<i64, Error> {
    let line = ["/bin/sh", "-c", line].map(str::to_owned);
    let environment = [("ASKED".to_owned(), "yes".to_owned())];
    world.process.run(NAME, &line, &environment).await
}

async fn running(change: impl FnOnce(&mut agent_core::container::ProcessSpec)) -> World {
    let world = World::new();
    let mut spec = world.spec("echo up; sleep 1000");
    change(&mut spec);
    world.process.create_process(&spec).await.expect("it can be made");
    world.process.start(NAME).await.expect("it can be started");
    world.prints("up").await;
    world
}

/// Waits until a line stands in a file of the sandbox.
async fn line(world: &World, file: &str) -> String {
    let path = world.sandbox().join(file);
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            match std::fs::read_to_string(&path) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    waited.await.unwrap_or_else(|_| panic!("no line in `{file}`"))
}

fn is_alive(pid: &str) -> bool {
    let pid = pid.parse().expect("a number");
    let status = executor::Status::of(pid).expect("the system answers");
    status.is_some_and(|status| !status.has_ended())
}

async fn ends(pid: &str) {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("process {pid} lives on"));
}

#[tokio::test]
async fn a_command_beside_has_the_environment_the_sandbox_and_the_cgroups_of_the_task() {
    let world = running(|_| {}).await;
    assert_eq!(ask(&world, "exit 0").await.unwrap(), 0);
    assert_eq!(ask(&world, "exit 7").await.unwrap(), 7);
    assert_eq!(ask(&world, "kill -KILL $$").await.unwrap(), 137);
    let line = "test \"$PWD\" = \"$MESOS_SANDBOX\" && test \"$ASKED\" = yes && cat /proc/self/cgroup > asked";
    assert_eq!(ask(&world, line).await.unwrap(), 0);
    let folder = world.folder.path().join("commands/tasks").join(NAME);
    let task = std::fs::read(folder.join("task")).unwrap();
    let task = executor::Identity::from_bytes(&task).unwrap();
    let of_task = std::fs::read_to_string(format!("/proc/{}/cgroup", task.pid)).unwrap();
    let asked = std::fs::read_to_string(world.sandbox().join("asked")).unwrap();
    assert_eq!(asked, of_task);
    assert!(asked.contains(NAME), "this test needs cgroups: {asked}");
    world.process.remove(NAME).await.unwrap();
    let gone = ask(&world, "exit 0").await;
    assert!(matches!(gone, Err(Error::UnknownContainer { .. })), "{gone:?}");
}

#[tokio::test]
async fn a_command_beside_runs_as_the_tasks_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = running(|_| {}).await;
    world.process.remove(NAME).await.unwrap();
    // The user has to get through to its sandbox.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.folder.path(), open).unwrap();
    let mut spec = world.spec("echo again; sleep 1000");
    spec.user = Some("nobody".to_owned());
    world.process.create_process(&spec).await.unwrap();
    world.process.start(NAME).await.unwrap();
    world.prints("again").await;
    assert_eq!(ask(&world, "test \"$(id -un)\" = nobody && touch made").await.unwrap(), 0);
    world.process.remove(NAME).await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let world = running(|_| {}).await;
    let line = ["no-such-program".to_owned()];
    let error = world.process.run(NAME, &line, &[]).await.unwrap_err();
    assert!(matches!(error, Error::Beside { .. }), "{error:?}");
    assert!(error.to_string().starts_with("could not execute `no-such-program`"), "{error}");
    world.process.remove(NAME).await.unwrap();
}

#[tokio::test]
async fn nobody_waits_any_more_so_all_of_it_ends() {
    let world = running(|_| {}).await;
    let script =
        "setsid sleep 1000 & echo $! > hidden; trap '' TERM; echo $$ > first; wait; sleep 1000";
    let asked = tokio::time::timeout(Duration::from_secs(60), async {
        let line_of_first = async {
            let first = line(&world, "first").await;
            (first, line(&world, "hidden").await)
        };
        // The loser of this race is dropped, as a check is whose time is over.
        tokio::select! {
            answer = ask(&world, script) => panic!("{answer:?}"),
            lines = line_of_first => lines,
        }
    });
    let (first, hidden) = asked.await.unwrap();
    ends(&first).await;
    ends(&hidden).await;
    assert_eq!(ask(&world, "exit 0").await.unwrap(), 0, "the task itself runs on");
    world.process.remove(NAME).await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_task_ends_what_runs_beside_it() {
    let world = running(|_| {}).await;
    let stopped = async {
        let first = line(&world, "first").await;
        world.process.stop(NAME, Duration::ZERO).await.unwrap();
        first
    };
    let script = "setsid sleep 1000 & echo $$ > first; sleep 1000";
    let (answer, first) = tokio::join!(ask(&world, script), stopped);
    assert_eq!(answer.unwrap(), 137);
    assert!(!is_alive(&first));
    assert_eq!(world.process.wait(NAME).await, Exit::Process(ProcessExit::Signaled(9)));
    world.process.remove(NAME).await.unwrap();
}

#[tokio::test]
async fn what_a_command_beside_leaves_behind_ends_with_it() {
    let world = running(|_| {}).await;
    assert_eq!(ask(&world, "setsid sleep 1000 & echo $! > left; exit 3").await.unwrap(), 3);
    assert!(!is_alive(&line(&world, "left").await));
    world.process.remove(NAME).await.unwrap();
}

#[tokio::test]
async fn a_command_that_wants_too_many_processes_is_refused_them_and_says_so() {
    let world = World::new();
    let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; exit 5";
    let mut spec = world.spec(script);
    spec.max_processes = Some(5);
    world.process.create_process(&spec).await.unwrap();
    world.process.start(NAME).await.unwrap();
    let exit = world.process.wait(NAME).await;
    let Exit::Process(ProcessExit::ShortOfProcesses { limit, refused, .. }) = exit else {
        panic!("this test needs cgroups of pids: {exit:?}")
    };
    assert_eq!(limit, 5);
    assert!(refused >= 1, "{refused}");
    world.process.remove(NAME).await.unwrap();
}
