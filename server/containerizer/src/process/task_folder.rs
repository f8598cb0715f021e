//! The folder of one command: what its files say, and what can be done about its processes.
//!
//! Whoever wants that a command is never started claims it first; the claim of nobody is one too.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use agent_core::container::{FoundState, ProcessExit};
use executor::{Ending, How, Identity, Malformed, OutOfProcesses, Spec, Status, boot_id, file};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use tracing::warn;

use super::cgroups::Cgroups;

/// A command's folder, whether it is there or not.
#[derive(Debug, Clone)]
pub(super) struct TaskFolder {
    path: PathBuf,
    name: String,
}

/// How far a command has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// There is no folder.
    Unknown,
    /// Nobody has claimed it yet.
    Made,
    /// Its executor lives.
    Runs(Identity),
    /// It ended, and its executor has left word.
    Ended(ProcessExit),
    /// Its executor ended without a word, or nobody was to start it.
    Abandoned,
}

impl State {
    pub(super) fn found(&self) -> Option<FoundState> {
        match self {
            State::Unknown => None,
            State::Made => Some(FoundState::Created),
            State::Runs(_) => Some(FoundState::Running),
            State::Ended(_) | State::Abandoned => Some(FoundState::Exited),
        }
    }
}

impl TaskFolder {
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name), name: name.to_owned() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder, which only this agent may read: environments hold secrets.
    pub(super) fn make(&self, spec: &Spec) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.write_whole(file::SPEC, &spec.to_bytes())
    }

    fn write_whole(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = self.path.join(format!("{name}.new"));
        fs::write(&new, content)?;
        fs::rename(&new, self.path.join(name))
    }

    /// What the files say.
    pub(super) fn state(&self) -> io::Result<State> {
        if let Some(exit) = self.exit()? {
            return Ok(State::Ended(exit));
        }
        match self.read(file::CLAIM)? {
            Some(claim) => {
                let Some(executor) = self.understood(file::CLAIM, Identity::from_bytes(&claim))
                else {
                    return Ok(State::Abandoned);
                };
                if executor.is_alive() {
                    return Ok(State::Runs(executor));
                }
                // Its last act may have been to leave word.
                Ok(self.exit()?.map_or(State::Abandoned, State::Ended))
            }
            None if self.path.exists() => Ok(State::Made),
            None => Ok(State::Unknown),
        }
    }

    fn exit(&self) -> io::Result<Option<ProcessExit>> {
        let Some(bytes) = self.read(file::EXIT)? else { return Ok(None) };
        let Some(ending) = self.understood(file::EXIT, Ending::from_bytes(&bytes)) else {
            return Ok(Some(ProcessExit::Unknown));
        };
        let Ending { how, out_of_memory, out_of_processes } = ending;
        let exit = match (out_of_memory, how) {
            (Some(memory), How::Exited(_) | How::Signaled(_)) => ProcessExit::OutOfMemory {
                limit: memory.limit,
                used: memory.used,
                statistics: memory.statistics,
            },
            (_, How::Failed(message)) => ProcessExit::Failed(message),
            (None, How::Exited(status)) => ProcessExit::Exited(status),
            (None, How::Signaled(signal)) => ProcessExit::Signaled(signal),
        };
        Ok(Some(match (out_of_processes, exit) {
            (Some(shortage), end @ (ProcessExit::Exited(_) | ProcessExit::Signaled(_))) => {
                let OutOfProcesses { limit, refused } = shortage;
                ProcessExit::ShortOfProcesses { end: Box::new(end), limit, refused }
            }
            (_, exit) => exit,
        }))
    }

    /// What a file says, when it says anything: after a loss of power it may be there without its content. That is told and costs this
    /// command its end's story, where an error would keep the agent from all its commands.
    fn understood<T>(&self, name: &str, read: Result<T, Malformed>) -> Option<T> {
        let told = |error| warn!("`{}` makes no sense: {error}", self.path.join(name).display());
        read.map_err(told).ok()
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Claims the command for nobody, if nobody has claimed it: no executor starts it any more.
    pub(super) fn fence(&self) -> io::Result<()> {
        let nobody = Identity { pid: 0, start: 0, boot: boot_id() };
        let new = self.path.join(format!("{}.fence", file::CLAIM));
        let fenced = fs::write(&new, nobody.to_bytes())
            .and_then(|()| fs::hard_link(&new, self.path.join(file::CLAIM)));
        match fenced {
            Err(error)
                if !matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) =>
            {
                Err(error)
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Tells the executor to end the command; whether it listens already.
    pub(super) fn order_stop(&self, grace_ms: u64) -> io::Result<bool> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let control =
            OpenOptions::new().write(true).custom_flags(flags).open(self.path.join(file::CONTROL));
        // Not made yet, or nobody has it open: either it has just been started or it has just ended.
        let is_deaf = |error: &io::Error| {
            error.kind() == ErrorKind::NotFound
                || error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
        };
        match control {
            Ok(mut control) => {
                control.write_all(executor::stop_order(grace_ms).as_bytes())?;
                Ok(true)
            }
            Err(error) if is_deaf(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends SIGKILL to whatever is left of a command whose executor has ended; how many processes there were.
    pub(super) fn kill_leftovers(&self, cgroups: &Cgroups) -> usize {
        let mut left = cgroups.processes(&self.name);
        left.extend(self.processes_of_session());
        left.sort_unstable();
        left.dedup();
        let own = std::process::id();
        let killed = left.into_iter().filter(|pid| {
            let ended = Status::of(*pid).ok().flatten().is_none_or(|status| status.has_ended());
            let target = i32::try_from(*pid).ok().and_then(Pid::from_raw);
            match target.filter(|_| !ended && *pid != own) {
                Some(target) => kill_process(target, Signal::KILL).is_ok(),
                None => false,
            }
        });
        killed.count()
    }

    /// Processes of the session that the command began with, and those that have its sandbox in their environment.
    fn processes_of_session(&self) -> Vec<u32> {
        let first = self.read(file::TASK).ok().flatten();
        let first = first.and_then(|bytes| Identity::from_bytes(&bytes).ok());
        let Some(first) = first.filter(|first| first.boot == boot_id()) else {
            return Vec::new();
        };
        let spec = self.read(file::SPEC).ok().flatten();
        let spec = spec.and_then(|bytes| Spec::from_bytes(&bytes).ok());
        let mark = spec.map(|spec| format!("MESOS_SANDBOX={}", spec.sandbox.display()));
        // Numbers are given away again, but not while a session is called so: another process of that number has another session.
        let is_given_away = Status::of(first.pid)
            .is_ok_and(|status| status.is_some_and(|status| status.start != first.start));
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let belongs = |pid: &u32| {
            let Ok(Some(status)) = Status::of(*pid) else { return false };
            // No earlier process can be the command's, whatever its session is called.
            status.start >= first.start
                && (status.session == first.pid && !is_given_away
                    || mark.as_ref().is_some_and(|mark| has_variable(*pid, mark)))
        };
        pids.filter(belongs).collect()
    }

    /// Removes the folder; what is to be run goes first, so that an executor that is late finds nothing to start.
    pub(super) fn remove(&self) -> io::Result<()> {
        let _ = fs::remove_file(self.path.join(file::SPEC));
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

fn has_variable(pid: u32, variable: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|found| found == variable.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_session_is_the_commands_only_as_long_as_its_number_is() {
        let parent = tempfile::tempdir().unwrap();
        let folder = TaskFolder::new(parent.path(), "process-S0.c1");
        folder.make(&Spec::default()).unwrap();
        let mut leader = Command::new("setsid").args(["sleep", "1000"]).spawn().unwrap();
        let status = || Status::of(leader.id()).unwrap().unwrap();
        // It is a child of this process, so it becomes what it starts.
        while status().session != leader.id() {
            std::thread::yield_now();
        }
        let own = Identity::of(leader.id()).unwrap();
        let before = Identity { start: own.start - 1, ..own.clone() };
        let mut found = Vec::new();
        for first in [own, before] {
            folder.write_whole(file::TASK, &first.to_bytes()).unwrap();
            found.push(folder.processes_of_session());
        }
        leader.kill().unwrap();
        leader.wait().unwrap();
        assert_eq!(found, [vec![leader.id()], vec![]]);
    }
}
