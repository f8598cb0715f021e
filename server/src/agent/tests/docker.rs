//! Real containers, from the master's order to the page, over a restart of the agent, to the end.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use wire::mesos::v1::TaskState;
use wire::mesos::v1::task_status::Reason;

use super::master::{Master, docker_task};
use super::{Engine, Running, config};

/// An image of static busybox for one test; removed with its containers when dropped.
struct Image(String);

impl Image {
    fn busybox(test: &str) -> Self {
        let name = format!("ekiden-test/agent:{test}-{}", std::process::id());
        let root = TempDir::new().unwrap();
        let bin = root.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::copy("/bin/busybox", bin.join("busybox"))
            .expect("/bin/busybox is there: these tests need Debian's package busybox-static");
        for applet in ["sh", "sleep", "httpd", "echo", "cat"] {
            std::os::unix::fs::symlink("busybox", bin.join(applet)).unwrap();
        }
        let folder = root.path().display().to_string();
        let mut tar = Command::new("tar")
            .args(["-C", &folder, "-c", "."])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let imported = Command::new("docker")
            .args(["import", "-", &name])
            .stdin(tar.stdout.take().unwrap())
            .output()
            .unwrap();
        tar.wait().unwrap();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        Self(name)
    }

    fn containers(&self, format: &str) -> Vec<String> {
        let filter = format!("ancestor={}", self.0);
        let listed = docker(&["ps", "-a", "--no-trunc", "--filter", &filter, "--format", format]);
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        for container in self.containers("{{.ID}}") {
            docker(&["rm", "-f", "-v", &container]);
        }
        docker(&["rmi", "-f", &self.0]);
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).stderr(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn page(port: u16) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.91", port)).ok()?;
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    (!page.is_empty()).then_some(page)
}

fn free_port(base: u32) -> u32 {
    base + std::process::id() % 200
}

#[tokio::test]
async fn a_task_runs_through_a_restart_of_the_agent_and_is_killed() {
    let image = Image::busybox("restart");
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::Docker)).await;
    let (mut connection, _) = master.admit().await;
    let port = free_port(31_100);
    let script = "echo It works > index.html; echo started; trap 'echo bye; exit 0' TERM; \
                  httpd -f -p 80 & while true; do sleep 1; done";
    connection
        .run(docker_task("web.1", &image.0, &format!("export PATH=/bin; {script}"), port))
        .await;
    let running = connection.update_to(TaskState::TaskRunning).await;
    let inspected: serde_json::Value =
        serde_json::from_slice(running.data.as_ref().unwrap()).unwrap();
    let container = running.container_status.unwrap().container_id.unwrap().value;
    assert_eq!(inspected[0]["Name"], format!("/mesos-S0.{container}"));
    assert_eq!(image.containers("{{.Names}}"), [format!("mesos-S0.{container}")]);
    assert!(image.containers("{{.Ports}}")[0].contains(&format!("127.0.0.91:{port}->80/tcp")));
    let port = u16::try_from(port).unwrap();
    while page(port).is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(page(port).unwrap().ends_with("It works\n"));

    connection.settle().await;
    agent.stop().await;
    drop(connection);
    assert!(page(port).is_some(), "the container runs on without its agent");
    let agent = Running::start(config(&folder, &master, Engine::Docker)).await;
    let (mut connection, told) = master.take_back(2).await;
    assert_eq!(told.tasks.len(), 1);
    assert!(told.tasks[0].unacknowledged.is_empty(), "nothing is told twice");

    connection.kill("web.1").await;
    let killed = connection.update_to(TaskState::TaskKilled).await;
    assert_eq!(killed.message.as_deref(), Some("Container exited with status 0"));
    assert!(image.containers("{{.Status}}")[0].starts_with("Exited (0)"), "it stays in the engine");
    let path = "/frameworks/F-0000/executors/web.1/runs/latest/stdout";
    let stdout = agent.json(&format!("/files/read?path={path}&offset=0")).await;
    assert_eq!(stdout["data"], "started\nbye\n", "whole, over the restart");
    agent.stop().await;
}

#[tokio::test]
async fn an_image_that_is_nowhere_fails_the_task_in_the_engines_words() {
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::Docker)).await;
    let (mut connection, _) = master.admit().await;
    connection.run(docker_task("web.1", "127.0.0.1:1/no-such/image", "true", 31_000)).await;
    let status = connection.update_to(TaskState::TaskFailed).await;
    assert_eq!(status.reason, Some(Reason::ContainerLaunchFailed as i32));
    let message = status.message.unwrap();
    assert!(
        message.starts_with(
            "Failed to launch container: failed to pull image `127.0.0.1:1/no-such/image`"
        ),
        "{message}"
    );
    assert!(message.contains("connection refused"), "{message}");
    agent.stop().await;
}

#[tokio::test]
async fn a_container_that_ended_while_the_agent_was_away_is_reported() {
    let image = Image::busybox("away");
    let (folder, master) = (TempDir::new().unwrap(), Master::listen().await);
    let agent = Running::start(config(&folder, &master, Engine::Docker)).await;
    let (mut connection, _) = master.admit().await;
    let script = "export PATH=/bin; echo one; \
                  while [ ! -e /mnt/mesos/sandbox/go ]; do sleep 0.1; done; echo two; exit 3";
    connection.run(docker_task("job.1", &image.0, script, free_port(31_400))).await;
    connection.update_to(TaskState::TaskRunning).await;
    connection.settle().await;
    agent.stop().await;
    drop(connection);
    let sandbox = "work/slaves/S0/frameworks/F-0000/executors/job.1/runs/latest";
    std::fs::write(folder.path().join(sandbox).join("go"), "").unwrap();
    while image.containers("{{.Status}}")[0].starts_with("Up") {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let agent = Running::start(config(&folder, &master, Engine::Docker)).await;
    let (mut connection, _) = master.take_back(2).await;
    let failed = connection.update_to(TaskState::TaskFailed).await;
    assert_eq!(failed.message.as_deref(), Some("Container exited with status 3"));
    let path = "/frameworks/F-0000/executors/job.1/runs/latest/stdout";
    let stdout = agent.json(&format!("/files/read?path={path}&offset=0")).await;
    assert_eq!(stdout["data"], "one\ntwo\n");
    agent.stop().await;
}
