//! A registry of images on loopback, and a gate in front of it that can slow an image's layer down or hold it back in the middle.
//!
//! The registry is Debian's `docker-registry`, with its data in a folder of its own. Engines take a registry on loopback without
//! certificates. Images are pushed to the registry itself and pulled through the gate.

mod gate;

use std::{fs, net::Ipv4Addr, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
};

use self::gate::{Gate, Pace};
use crate::{containers::docker, curl, waiting::until};

/// How long the registry may take to answer.
const START: Duration = Duration::from_secs(30);

/// The size of each image's layer, random so that no two images share one.
const LAYER: usize = 4 << 20;

/// Who may use a private registry.
pub const USER: &str = "puller";

/// That user's password.
pub const PASSWORD: &str = "correct horse";

/// The line of that user in the registry's list: the password's bcrypt hash, at the least cost.
const PASSWORD_LINE: &str = "puller:$2y$05$EkidenEkidenEkidenEki.MLlgdIME70ynuldWZ6q3UyzTq0VggIu\n";

/// A registry with its gate; dropping it ends both and removes the images that it made from the engine.
#[derive(Debug)]
pub struct Registry {
    port: u16,
    gate: Gate,
    images: Vec<String>,
    folder: TempDir,
    _process: Child,
}

impl Registry {
    /// Starts an empty registry that asks nobody who they are, with its gate open.
    pub async fn start() -> Result<Self> {
        Self::start_with("", 200).await
    }

    /// Starts an empty registry that serves [`USER`] alone.
    pub async fn start_private() -> Result<Self> {
        let auth = "auth:\n  htpasswd:\n    realm: test\n    path: ";
        Self::start_with(auth, 401).await
    }

    /// Starts a registry with these words in its configuration, which then answers strangers with that status.
    async fn start_with(auth: &str, answer: u16) -> Result<Self> {
        let folder = TempDir::with_prefix("ekiden-registry-")?;
        let port = free_port()?;
        let file = |name: &str| folder.path().join(name);
        fs::write(file("users"), PASSWORD_LINE)?;
        let auth = match auth {
            "" => String::new(),
            auth => format!("{auth}{}\n", file("users").display()),
        };
        fs::write(
            file("config.yml"),
            format!(
                "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n{auth}",
                file("data").display()
            ),
        )?;
        let pushes = file("pushes");
        fs::create_dir(&pushes)?;
        fs::write(pushes.join("config.json"), config(port, PASSWORD))?;
        let log = fs::File::create(file("log"))?;
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(file("config.yml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("could not start `docker-registry`, of Debian's package of that name")?;
        until("the registry answers", START, async || {
            let reply = curl::get(&format!("http://127.0.0.1:{port}/v2/")).await?;
            ensure!(reply.status == answer, "it answers {}", reply.status);
            Ok(())
        })
        .await
        .with_context(|| fs::read_to_string(file("log")).unwrap_or_default())?;
        let gate = Gate::open(port).await?;
        Ok(Self { port, gate, images: Vec::new(), folder, _process: process })
    }

    /// Where images are pulled from, as it stands in their names.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.gate.port())
    }

    /// What an image is called through the gate, whether it is there or not.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address())
    }

    /// Docker's `config.json` for pulls with this password.
    pub fn credentials(&self, password: &str) -> String {
        config(self.gate.port(), password)
    }

    /// Makes an image of busybox and a layer like no other, pushes it, and takes it away from the engine; its name through the gate.
    pub async fn push(&mut self, name: &str) -> Result<String> {
        let mut random = vec![0; LAYER];
        tokio::fs::File::open("/dev/urandom").await?.read_exact(&mut random).await?;
        let layer = self.folder.path().join("random");
        fs::write(&layer, random)?;
        let direct = format!("127.0.0.1:{}/{name}", self.port);
        let container = docker(&["create", "docker.io/busybox", "sh"]).await?;
        let container = container.trim();
        let copied =
            docker(&["cp", &layer.display().to_string(), &format!("{container}:/random")]).await;
        let made = match copied {
            Ok(_) => docker(&["commit", container, &direct]).await,
            failed => failed,
        };
        docker(&["rm", container]).await?;
        made?;
        let settings = self.folder.path().join("pushes").display().to_string();
        docker(&["--config", &settings, "push", &direct]).await?;
        docker(&["rmi", &direct]).await?;
        self.images.push(self.image(name));
        Ok(self.image(name))
    }

    /// From here on layers stop in the middle, until the gate is opened.
    pub fn close(&self) {
        self.gate.set(Pace::Closed);
    }

    /// From here on layers pass at so many bytes a second.
    pub fn slow_down(&self, bytes_per_second: usize) {
        self.gate.set(Pace::Slow(bytes_per_second));
    }

    /// Lets everything through, also what is held.
    pub fn open(&self) {
        self.gate.set(Pace::Free);
    }

    /// How often somebody has asked for the manifest of an image since the start: every pull does, also of what is there.
    pub fn manifests(&self) -> usize {
        self.gate.manifests()
    }

    /// Waits until so many layers have been stopped since the start.
    pub async fn has_stopped(&self, layers: usize) -> Result<()> {
        self.gate.has_stopped(layers, START).await
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        for image in &self.images {
            // It may never have been pulled.
            let _ = std::process::Command::new("docker")
                .args(["rmi", "--force", image])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

fn config(port: u16, password: &str) -> String {
    let entry = json!({"username": USER, "password": password});
    json!({"auths": {format!("127.0.0.1:{port}"): entry}}).to_string()
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
