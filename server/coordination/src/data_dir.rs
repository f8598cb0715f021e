//! The node's folder: who may use it, and which node of which cluster it belongs to.
//!
//! ```text
//! lock       held with flock while a process uses the folder; holds its process id
//! identity   format, cluster id and node number, written once
//! log/       segments of the raft log, the vote, and how far the log was acknowledged
//! snapshots/ the state at three positions of the log
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use zookeeper_core::NodeId;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process uses it.
    #[error("data folder `{path}` is in use by process {holder}; stop it or choose another folder")]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process id found in the lock file.
        holder: String,
    },
    /// A file operation failed.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It belongs to another node.
    #[error("data folder `{path}` belongs to node {found}, this node is {wanted}")]
    OtherNode {
        /// The folder.
        path: PathBuf,
        /// The node it was made for.
        found: NodeId,
        /// The node that was to start.
        wanted: NodeId,
    },
    /// The identity is missing or unreadable although there is a log.
    #[error("`{path}` {what}")]
    Identity {
        /// The identity file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// A folder that only this process uses, until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    cluster: u64,
    /// The lock ends when the file is closed, also when the process is killed.
    _lock: File,
}

impl DataDir {
    /// Locks the folder, makes it when it is not there, and reads or gives it its identity.
    pub(crate) fn open(path: &Path, node: NodeId) -> Result<Self, DataDirError> {
        fs::create_dir_all(path).map_err(failed("create", path))?;
        let lock = lock(path)?;
        let identity = path.join("identity");
        let cluster = match fs::read_to_string(&identity) {
            Ok(text) => known_cluster(path, &identity, &text, node)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if path.join("log").exists() {
                    return Err(DataDirError::Identity { path: identity, what: "is missing" });
                }
                let cluster = rand::random();
                write_identity(path, &identity, cluster, node)
                    .map_err(failed("write", &identity))?;
                cluster
            }
            Err(error) => return Err(failed("read", &identity)(error)),
        };
        Ok(Self { path: path.to_owned(), cluster, _lock: lock })
    }

    /// The random number that tells this cluster from others.
    pub(crate) fn cluster(&self) -> u64 {
        self.cluster
    }

    /// Where the raft log lies.
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Where the snapshots lie.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::Io { action, path, source }
}

fn lock(folder: &Path) -> Result<File, DataDirError> {
    let path = folder.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed("open", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(DataDirError::InUse {
                path: folder.to_owned(),
                holder: holder.trim().to_owned(),
            });
        }
        Err(error) => return Err(failed("lock", &path)(error.into())),
    }
    let note = || -> io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    let mut note = note;
    match note() {
        // The number is for people only; a full disk must not keep a node from starting.
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
        noted => noted.map_err(failed("write", &path))?,
    }
    Ok(file)
}

fn known_cluster(
    folder: &Path,
    identity: &Path,
    text: &str,
    node: NodeId,
) -> Result<u64, DataDirError> {
    let unreadable = |what| DataDirError::Identity { path: identity.to_owned(), what };
    let mut words = text.split_whitespace();
    if (words.next(), words.next()) != (Some("ekiden-node"), Some("1")) {
        return Err(unreadable("has a format that this program does not know"));
    }
    let cluster = words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
    let found = words.next().and_then(|word| word.parse().ok()).map(NodeId);
    let (Some(cluster), Some(found)) = (cluster, found) else {
        return Err(unreadable("does not name a cluster and a node"));
    };
    if found != node {
        return Err(DataDirError::OtherNode { path: folder.to_owned(), found, wanted: node });
    }
    Ok(cluster)
}

fn write_identity(folder: &Path, identity: &Path, cluster: u64, node: NodeId) -> io::Result<()> {
    let temporary = folder.join("identity.new");
    let mut file = File::create(&temporary)?;
    writeln!(file, "ekiden-node 1 {cluster:016x} {node}")?;
    file.sync_all()?;
    fs::rename(&temporary, identity)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_serves_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataDir::open(folder.path(), NodeId(1)).unwrap();
        let error = DataDir::open(folder.path(), NodeId(1)).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(held);
        DataDir::open(folder.path(), NodeId(1)).unwrap();
    }

    #[test]
    fn a_folder_keeps_its_cluster_and_refuses_another_node() {
        let folder = tempfile::tempdir().unwrap();
        let cluster = DataDir::open(folder.path(), NodeId(1)).unwrap().cluster();
        assert_eq!(DataDir::open(folder.path(), NodeId(1)).unwrap().cluster(), cluster);
        let error = DataDir::open(folder.path(), NodeId(2)).unwrap_err();
        assert!(matches!(error, DataDirError::OtherNode { found: NodeId(1), .. }), "{error}");
    }

    #[test]
    fn a_log_without_identity_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("log")).unwrap();
        let error = DataDir::open(folder.path(), NodeId(1)).unwrap_err().to_string();
        assert!(error.ends_with("is missing"), "{error}");
    }
}
