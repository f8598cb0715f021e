//! The engine, an image and a sandbox for one test.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made ends its test")]

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent_core::container::{ContainerSpec, Network};
use agent_core::engine_options::EngineOptions;
use containerizer::{Docker, DockerConfig};
use tempfile::TempDir;

/// Label by which a test finds its containers.
pub(crate) const LABEL: &str = "ekiden.agent-dir";

/// What one test works with; dropping it removes its containers and its image.
pub(crate) struct Bench {
    pub(crate) docker: Docker,
    pub(crate) id: String,
    pub(crate) image: String,
    pub(crate) sandbox: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let id = format!("it-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let image = format!("ekiden-test/containerizer:{id}");
        import_busybox(&image);
        let config =
            DockerConfig { retry_pause: Duration::from_millis(100), ..DockerConfig::default() };
        Self { docker: Docker::new(config), id, image, sandbox: TempDir::new().unwrap() }
    }

    /// A container that runs `script` in busybox's shell.
    pub(crate) fn shell(&self, name: &str, script: &str) -> ContainerSpec {
        ContainerSpec {
            name: format!("mesos-{}.{name}", self.id),
            image: self.image.clone(),
            force_pull: false,
            entrypoint: Some(vec!["/bin/busybox".to_owned(), "sh".to_owned()]),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: vec![("PATH".to_owned(), "/bin".to_owned())],
            labels: [
                (LABEL.to_owned(), self.id.clone()),
                ("ekiden.task".to_owned(), name.to_owned()),
            ]
            .into(),
            network: Network::Bridge,
            ports: Vec::new(),
            hostname: None,
            cpu_shares: 102,
            cpu_quota: None,
            memory_bytes: 32 << 20,
            memory_reservation_bytes: None,
            privileged: false,
            volumes: Vec::new(),
            options: EngineOptions::default(),
            sandbox_owner: None,
            sandbox: self.sandbox.path().display().to_string(),
            sandbox_mount: "/mnt/mesos/sandbox".to_owned(),
        }
    }

    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.sandbox.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let listed = docker(&["ps", "-aq", "--filter", &format!("label={LABEL}={}", self.id)]);
        for container in listed.split_whitespace() {
            docker(&["rm", "-f", "-v", container]);
        }
        docker(&["rmi", "-f", &self.image]);
    }
}

/// Runs the engine's own client; its output, empty when it fails.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).stderr(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn import_busybox(image: &str) {
    let root = TempDir::new().unwrap();
    let bin = root.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::copy("/bin/busybox", bin.join("busybox"))
        .expect("/bin/busybox is there: these tests need Debian's package busybox-static");
    for applet in ["sh", "sleep", "cat", "echo", "httpd", "seq", "hostname"] {
        std::os::unix::fs::symlink("busybox", bin.join(applet)).unwrap();
    }
    let mut tar = Command::new("tar")
        .args(["-C", &root.path().display().to_string(), "-c", "."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let imported = Command::new("docker")
        .args(["import", "--change", "LABEL of=the-image", "-", image])
        .stdin(tar.stdout.take().unwrap())
        .output()
        .expect("the `docker` client is installed");
    tar.wait().unwrap();
    assert!(
        imported.status.success(),
        "docker import: {}",
        String::from_utf8_lossy(&imported.stderr)
    );
}
