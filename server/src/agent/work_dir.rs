//! The agent's folder: who the agent is, its journal, and the sandboxes of its tasks.
//!
//! The layout is the original's where people and tools look into it: `slaves/<agent>/frameworks/…/runs/<container>` with `latest` links,
//! and `meta/slaves/latest`, whose removal makes the agent register as a new one (the cure that the deployment guide gives).
//!
//! ```text
//! meta/identity          random identity of the folder, a label on every container
//! meta/nonce             nonce of the registration, new with each new agent
//! meta/journal           what must survive the process
//! meta/pulled-images.json  the images that this agent has pulled, and may remove again
//! meta/slaves/<agent>/   address.json: under which name and address the agent was admitted; offered.json: what it offers
//! meta/slaves/latest     -> <agent>
//! slaves/<agent>/…       sandboxes
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use agent_core::{Entry, Record};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::config::AgentConfig;
use super::journal::{self, Journal};
use super::reconfiguration::{Offered, Policy};

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not {operation} `{path}`: {source}")]
    Io { operation: &'static str, path: String, source: std::io::Error },
    #[error("the work directory `{0}` is used by another agent process")]
    InUse(String),
    #[error("this machine has no user `{0}`")]
    NoUser(String),
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error(
        "agent `{agent}` offered {before} before and now offers {now}, which --reconfiguration_policy={policy} does not allow: \
         undo the change, start with a policy that allows it (additive, any), or remove `meta/slaves/latest` to begin as a new agent"
    )]
    Reconfigured { agent: String, before: String, now: String, policy: &'static str },
}

impl Error {
    /// Whether there is only no space at the moment.
    pub(crate) fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => journal::is_disk_full(source),
            Self::InUse(_) | Self::NoUser(_) | Self::Reconfigured { .. } => false,
            Self::Journal(error) => error.is_disk_full(),
        }
    }
}

/// Under which name and address an agent was admitted.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Address {
    hostname: String,
    ip: String,
    port: u16,
}

/// The folder, held by this process alone.
#[derive(Debug)]
pub(crate) struct WorkDir {
    path: PathBuf,
    identity: String,
    nonce: Vec<u8>,
    address: Address,
    /// What the agent offers, once that is known.
    offered: Option<Offered>,
    _lock: File,
}

impl WorkDir {
    /// Makes the folder if there is none, and takes it.
    pub(crate) fn open(config: &AgentConfig) -> Result<Self, Error> {
        let meta = config.work_dir.join("meta");
        fs::create_dir_all(meta.join("slaves")).map_err(failed("make", &meta))?;
        let path = fs::canonicalize(&config.work_dir).map_err(failed("find", &config.work_dir))?;
        let meta = path.join("meta");
        let lock = File::create(meta.join("lock")).map_err(failed("open", &meta.join("lock")))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(Error::InUse(path.display().to_string()));
            }
            Err(error) => return Err(failed("lock", &meta.join("lock"))(error.into())),
        }
        let identity = remembered(&meta.join("identity"), || uuid::Uuid::new_v4().to_string())?;
        let nonce = remembered(&meta.join("nonce"), new_nonce)?;
        let address = Address {
            hostname: config.hostname.clone(),
            ip: config.ip.to_string(),
            port: config.port,
        };
        Ok(Self { path, identity, nonce: nonce.into_bytes(), address, offered: None, _lock: lock })
    }

    /// The folder's absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The random identity that was made with the folder.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// The nonce of the registration.
    pub(crate) fn nonce(&self) -> &[u8] {
        &self.nonce
    }

    /// Where the journal lies.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("meta").join("journal")
    }

    /// The records of the journal; none when the agent must begin as a new one.
    pub(crate) async fn read_journal(
        &mut self,
        config: &AgentConfig,
    ) -> Result<Vec<Record>, Error> {
        let records = Journal::read(&self.journal()).await?;
        let Some(reason) = self.reason_to_begin_anew(&records, config) else {
            return Ok(records);
        };
        warn!("{reason}; it registers as a new agent, and containers of the old one are stopped");
        let nonce = new_nonce();
        write_synced(&self.path.join("meta").join("nonce"), nonce.as_bytes())?;
        self.nonce = nonce.into_bytes();
        Ok(Vec::new())
    }

    fn reason_to_begin_anew(&self, records: &[Record], config: &AgentConfig) -> Option<String> {
        let agent = records.iter().rev().find_map(|Record::V1(entry)| match entry {
            Entry::Admitted { agent } => Some(Some(agent)),
            Entry::Left => Some(None),
            _ => None,
        })??;
        let slaves = self.path.join("meta").join("slaves");
        let latest = fs::read_link(slaves.join("latest")).unwrap_or_default();
        if latest.as_os_str() != agent.as_str() {
            return Some(format!(
                "`{}` no longer names agent `{agent}`",
                slaves.join("latest").display()
            ));
        }
        let text = fs::read(slaves.join(agent.as_str()).join("address.json")).ok()?;
        let admitted: Address = serde_json::from_slice(&text).ok()?;
        (admitted != self.address).then(|| {
            format!(
                "agent `{agent}` was admitted as {} at {}:{} and is now {} at {}:{}",
                admitted.hostname,
                admitted.ip,
                admitted.port,
                config.hostname,
                config.ip,
                config.port
            )
        })
    }

    /// Says what the agent offers from now on.
    pub(crate) fn offer(&mut self, offered: Offered) {
        self.offered = Some(offered);
    }

    /// Checks what is offered against what the agent offered before, and takes note of it.
    pub(crate) fn reconcile(&self, agent: &str, policy: Policy) -> Result<(), Error> {
        match &self.offered {
            Some(offered) => offered.reconcile(&self.offered_by(agent), agent, policy),
            None => Ok(()),
        }
    }

    fn offered_by(&self, agent: &str) -> PathBuf {
        self.path.join("meta").join("slaves").join(agent).join("offered.json")
    }

    /// Makes the folders of an agent that has just been admitted.
    pub(crate) fn admit(&self, agent: &str) -> Result<(), Error> {
        let slaves = self.path.join("meta").join("slaves");
        let own = slaves.join(agent);
        fs::create_dir_all(&own).map_err(failed("make", &own))?;
        let address =
            serde_json::to_vec(&self.address).expect("an address has only texts and a number");
        write_synced(&own.join("address.json"), &address)?;
        if let Some(offered) = &self.offered {
            offered.write(&self.offered_by(agent))?;
        }
        point_latest(&slaves, agent)?;
        let sandboxes = self.path.join("slaves");
        fs::create_dir_all(sandboxes.join(agent)).map_err(failed("make", &sandboxes))?;
        point_latest(&sandboxes, agent)
    }
}

/// Makes a task's sandbox, an absolute path ending in `runs/<container>`, with the `latest` link beside it.
pub(crate) fn make_sandbox(sandbox: &Path) -> Result<(), Error> {
    fs::create_dir_all(sandbox).map_err(failed("make", sandbox))?;
    for stream in ["stdout", "stderr"] {
        let path = sandbox.join(stream);
        // An archive of an earlier attempt could have left anything there.
        containerizer::sandbox::append(&path).map_err(failed("make", &path))?;
    }
    match (sandbox.parent(), sandbox.file_name().and_then(|name| name.to_str())) {
        (Some(runs), Some(container)) => point_latest(runs, container),
        _ => Ok(()),
    }
}

/// Makes a user and its group the owners of a sandbox and of its output files.
pub(crate) fn give_sandbox(sandbox: &Path, (user, group): (u32, u32)) -> Result<(), Error> {
    for path in [sandbox.to_owned(), sandbox.join("stdout"), sandbox.join("stderr")] {
        std::os::unix::fs::lchown(&path, Some(user), Some(group))
            .map_err(failed("give away", &path))?;
    }
    Ok(())
}

/// User and group of a name, or of a number, on this machine.
pub(crate) async fn ids(name: &str) -> Result<(u32, u32), Error> {
    match containerizer::account::find(name).await {
        Ok(Some(account)) => Ok((account.user, account.group)),
        Ok(None) => Err(Error::NoUser(name.to_owned())),
        Err(source) => Err(failed("find the user in", Path::new("/etc/passwd"))(source)),
    }
}

/// Makes now the time of a sandbox's last change: from the end of its task on its age is counted, however long that was silent.
///
/// Source: apache/mesos: src/slave/slave.cpp, `removeExecutor` (`os::utime` before the collection is scheduled).
pub(crate) fn mark_end(sandbox: &Path) -> std::io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};

    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    Ok(utimensat(CWD, sandbox, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Adds a line of the agent's own to a sandbox file: why there is nothing else in it.
pub(crate) fn note_failure(sandbox: &Path, message: &str) -> std::io::Result<()> {
    let mut stderr = containerizer::sandbox::append(&sandbox.join("stderr"))?;
    writeln!(stderr, "{message}")
}

/// Makes `folder/latest` point to `name`, in one step.
fn point_latest(folder: &Path, name: &str) -> Result<(), Error> {
    let new = folder.join(".latest.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(failed("remove", &new)(error));
        }
        Ok(()) | Err(_) => {}
    }
    symlink(name, &new).map_err(failed("make", &new))?;
    fs::rename(&new, folder.join("latest")).map_err(failed("rename", &new))?;
    sync_folder(folder)
}

fn new_nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// The content of a small file; made from `new` if there is none.
fn remembered(path: &Path, new: impl FnOnce() -> String) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("read", path)(error)),
        Ok(_) | Err(_) => {
            let text = new();
            write_synced(path, text.as_bytes())?;
            Ok(text)
        }
    }
}

pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(failed("make", folder))
}

pub(super) fn write_synced(path: &Path, content: &[u8]) -> Result<(), Error> {
    let new = path.with_extension("new");
    let mut file = File::create(&new).map_err(failed("make", &new))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed("write", &new))?;
    fs::rename(&new, path).map_err(failed("rename", &new))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable; the journal is not to know of an agent whose folder is lost with the power.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed("sync", folder))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sandbox_is_given_to_users_of_this_machine_alone() {
        assert_eq!(ids("root").await.unwrap(), (0, 0));
        let error = ids("no-such-user").await.unwrap_err().to_string();
        assert_eq!(error, "this machine has no user `no-such-user`");
    }

    #[test]
    fn a_sandbox_that_an_archive_has_been_in_is_made_without_following_its_links() {
        let folder = tempfile::tempdir().unwrap();
        let (sandbox, outside) = (folder.path().join("runs/C1"), folder.path().join("outside"));
        fs::create_dir_all(&sandbox).unwrap();
        symlink(&outside, sandbox.join("stdout")).unwrap();
        symlink("/dev/zero", sandbox.join("stderr")).unwrap();
        make_sandbox(&sandbox).unwrap();
        note_failure(&sandbox, "why").unwrap();
        assert!(!outside.exists());
        assert!(fs::symlink_metadata(sandbox.join("stdout")).unwrap().is_file());
        assert_eq!(fs::read_to_string(sandbox.join("stderr")).unwrap(), "why\n");
        make_sandbox(&sandbox).unwrap();
        assert_eq!(fs::read_to_string(sandbox.join("stderr")).unwrap(), "why\n");
    }
}
