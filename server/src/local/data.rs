//! The folder of a local cluster: its identity, a lock, and one subfolder per node.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};

use crate::cluster_secret::ClusterSecret;

const SECRET: &str = "cluster_secret";

/// An opened data folder; nobody else can open it while this lives.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    cluster: String,
    _lock: File,
}

impl DataFolder {
    /// Opens `path`, making it and the cluster's id when they are not there.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path.join("logs"))
            .with_context(|| format!("cannot make the data folder {}", path.display()))?;
        let path = path.canonicalize()?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .with_context(|| format!("cannot open the lock in {}", path.display()))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            anyhow::anyhow!(
                "another local cluster already runs in {}; stop it or give another --data",
                path.display()
            )
        })?;
        let cluster = Self::cluster_id(&path)?;
        ClusterSecret::read_or_make(&path.join(SECRET))?;
        Ok(Self { path, cluster, _lock: lock })
    }

    fn cluster_id(path: &Path) -> anyhow::Result<String> {
        let file = path.join("cluster-id");
        match std::fs::read_to_string(&file) {
            Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
            Ok(_) | Err(_) => {
                let id = uuid::Uuid::new_v4().to_string();
                std::fs::write(&file, &id)
                    .with_context(|| format!("cannot write {}", file.display()))?;
                Ok(id)
            }
        }
    }

    /// Removes what the nodes stored; the cluster's id stays.
    pub(super) fn empty(&self) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("master-") || name.starts_with("agent-") {
                std::fs::remove_dir_all(&path)
                    .with_context(|| format!("cannot empty {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Where everything lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Labels the containers of this cluster.
    pub(super) fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The file of the secret that the nodes share.
    pub(super) fn secret(&self) -> PathBuf {
        self.path.join(SECRET)
    }

    /// The folder of the nodes' logs.
    pub(super) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The log of one node.
    pub(super) fn log(&self, node: &str) -> PathBuf {
        self.logs().join(format!("{node}.log"))
    }

    /// The `work_dir` of one node.
    pub(super) fn work_dir(&self, node: &str) -> PathBuf {
        self.path.join(node)
    }

    /// The `work_dir`s of all agents that there have been.
    pub(super) fn agent_work_dirs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let is_agents =
            |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("agent-");
        entries.filter(is_agents).map(|entry| entry.path()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_serves_one_cluster_at_a_time_and_keeps_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        let id = first.cluster().to_owned();
        let secret = std::fs::read(first.secret()).unwrap();
        assert!(DataFolder::open(folder.path()).unwrap_err().to_string().contains("already runs"));
        drop(first);
        let second = DataFolder::open(folder.path()).unwrap();
        assert_eq!(second.cluster(), id);
        assert_eq!(std::fs::read(second.secret()).unwrap(), secret);
    }

    #[test]
    fn emptying_leaves_nothing_of_the_nodes() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        std::fs::create_dir_all(data.work_dir("agent-1").join("meta")).unwrap();
        data.empty().unwrap();
        assert!(!data.work_dir("agent-1").exists());
        assert!(data.logs().exists());
    }
}
