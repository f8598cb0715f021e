//! Checks of commands: asked beside them, told as the original tells them, and the end of those that fail.

use wire::mesos::v1;
use wire::mesos::v1::TaskState;
use wire::mesos::v1::task_status::Reason;

use super::commands::{World, shell_task};

fn shell(line: &str) -> v1::CommandInfo {
    v1::CommandInfo { value: Some(line.to_owned()), ..v1::CommandInfo::default() }
}

#[tokio::test]
async fn a_command_whose_health_check_fails_is_ended_for_that_reason() {
    let world = World::new().await;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(world.folder.path(), open).unwrap();
    let (agent, mut connection) = world.admitted().await;
    let mut task = shell_task("job.1", "touch good; sleep 1000");
    task.command.as_mut().unwrap().user = Some("nobody".to_owned());
    let line = "test -e good && test \"$(id -un)\" = nobody && test \"$MESOS_EXECUTOR_ID\" = job.1";
    task.health_check = Some(Box::new(v1::HealthCheck {
        r#type: Some(v1::health_check::Type::Command.into()),
        command: Some(shell(line)),
        delay_seconds: Some(0.0),
        interval_seconds: Some(0.1),
        grace_period_seconds: Some(60.0),
        consecutive_failures: Some(2),
        ..v1::HealthCheck::default()
    }));
    connection.run(task).await;
    let mut running = connection.update_to(TaskState::TaskRunning).await;
    assert_eq!(running.healthy, None);
    running = connection.update_to(TaskState::TaskRunning).await;
    let reason = Some(Reason::TaskHealthCheckStatusUpdated as i32);
    assert_eq!((running.healthy, running.reason), (Some(true), reason), "{running:?}");
    std::fs::remove_file(world.sandbox("job.1").join("good")).unwrap();
    for _ in 0..2 {
        running = connection.update_to(TaskState::TaskRunning).await;
        assert_eq!((running.healthy, running.reason), (Some(false), reason), "{running:?}");
        assert_eq!(running.message.as_deref(), Some("Command returned 1"));
    }
    let killed = connection.update_to(TaskState::TaskKilled).await;
    assert_eq!(killed.healthy, Some(false));
    world.nothing_is_left().await;
    agent.stop().await;
}

#[tokio::test]
async fn the_result_of_a_check_is_told_when_it_changes_and_ends_nothing() {
    let world = World::new().await;
    let (agent, mut connection) = world.admitted().await;
    let mut task = shell_task("job.1", "echo 3 > result; sleep 1000");
    task.check = Some(Box::new(v1::CheckInfo {
        r#type: Some(v1::check_info::Type::Command.into()),
        command: Some(v1::check_info::Command { command: shell("exit $(cat result)") }),
        delay_seconds: Some(0.0),
        interval_seconds: Some(0.1),
        ..v1::CheckInfo::default()
    }));
    connection.run(task).await;
    let exit_code = |status: v1::TaskStatus| {
        assert_eq!(status.reason, Some(Reason::TaskCheckStatusUpdated as i32), "{status:?}");
        status.check_status.unwrap().command.unwrap().exit_code
    };
    connection.update_to(TaskState::TaskRunning).await;
    // The first look may have come before the command had written.
    let mut found = exit_code(connection.update_to(TaskState::TaskRunning).await);
    while found != Some(3) {
        found = exit_code(connection.update_to(TaskState::TaskRunning).await);
    }
    let result = world.sandbox("job.1").join("result");
    let new = result.with_extension("new");
    std::fs::write(&new, "0").unwrap();
    std::fs::rename(&new, &result).unwrap();
    assert_eq!(exit_code(connection.update_to(TaskState::TaskRunning).await), Some(0));
    connection.kill("job.1").await;
    let killed = connection.update_to(TaskState::TaskKilled).await;
    assert_eq!(killed.healthy, None);
    world.nothing_is_left().await;
    agent.stop().await;
}
