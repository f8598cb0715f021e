//! Nodes of a cluster as processes of the test's own: for flags and ends that `ekiden local` does not have.

use std::{fs, path::PathBuf, process::Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{
    cluster,
    containers::{self, CLUSTER_LABEL, Container},
    network::Network,
};

/// The addresses, folders and label of a cluster; dropping it removes its containers.
#[derive(Debug)]
pub struct Nodes {
    program: PathBuf,
    network: Network,
    folder: TempDir,
    label: String,
}

impl Nodes {
    /// Takes a network and a folder; nothing runs yet.
    pub fn prepare() -> Result<Self> {
        let folder = TempDir::with_prefix("ekiden-")?;
        let label = folder
            .path()
            .file_name()
            .context("a temporary folder has a name")?
            .to_string_lossy()
            .into_owned();
        Ok(Self { program: cluster::program()?, network: Network::take()?, folder, label })
    }

    /// Starts the master with more words on its command line; it ends with the returned handle.
    pub fn master(&self, more: &[&str]) -> Result<Child> {
        self.start("master", 1, more)
    }

    /// Starts the only agent; it ends with the returned handle, its containers run on.
    pub fn agent(&self) -> Result<Child> {
        let master = format!("--master={}:5050", self.network.address(1));
        self.start("agent", 11, &[&master, &format!("--cluster_label={}", self.label)])
    }

    fn start(&self, role: &str, host: u8, more: &[&str]) -> Result<Child> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_of(role))?;
        Command::new(&self.program)
            .arg(role)
            .arg(format!("--ip={}", self.network.address(host)))
            .arg(format!("--work_dir={}", self.work_dir(role).display()))
            .arg("--follow_stdin")
            .args(more)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start the {role}"))
    }

    /// An address on the master, port 5050.
    pub fn mesos(&self, path: &str) -> String {
        format!("http://{}:5050{path}", self.network.address(1))
    }

    /// An address on Marathon, port 8080.
    pub fn marathon(&self, path: &str) -> String {
        format!("http://{}:8080{path}", self.network.address(1))
    }

    /// The folder of `master` or `agent`.
    pub fn work_dir(&self, role: &str) -> PathBuf {
        self.folder.path().join(role)
    }

    /// What `master` or `agent` has logged, in all its lives.
    pub fn log(&self, role: &str) -> String {
        fs::read_to_string(self.log_of(role)).unwrap_or_default()
    }

    fn log_of(&self, role: &str) -> PathBuf {
        self.folder.path().join(format!("{role}.log"))
    }

    /// The cluster's containers as the engine knows them, ended ones included.
    pub async fn containers(&self) -> Result<Vec<Container>> {
        containers::labelled(CLUSTER_LABEL, &self.label).await
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        containers::remove_labelled(CLUSTER_LABEL, &self.label);
    }
}
