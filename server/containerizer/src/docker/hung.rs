//! The end of commands in containers for whose answer nobody waits any more.
//!
//! The engine has no call for it, so it is asked which process of this machine the command is, and that one is killed with all that it
//! has started: its session and its descendants. *Invariant:* only processes in the container's own cgroup are killed, whatever the
//! numbers mean meanwhile. A number that was given to another process of the same container in the moment between the engine's
//! answer and the signal is met wrongly; numbers come round only after tens of thousands of processes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use executor::Status;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::{Docker, Pauses};
use crate::Error;

/// How long is tried to end a command; the engine may be busy, or just about to start it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the engine may take to begin with a command that it was told to start, if it ever heard of that.
const START: Duration = Duration::from_secs(10);

/// How long the engine may think about one question.
const ANSWER: Duration = Duration::from_secs(10);

/// A command that is ended when this is dropped before it is over.
pub(super) struct Asked<'a> {
    docker: &'a Docker,
    container: &'a str,
    id: &'a str,
    is_over: bool,
}

impl<'a> Asked<'a> {
    /// Makes the command of this id in the engine end with the wait for it.
    pub(super) fn new(docker: &'a Docker, container: &'a str, id: &'a str) -> Self {
        Self { docker, container, id, is_over: false }
    }

    /// There is nothing to be ended any more.
    pub(super) fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.is_over {
            return;
        }
        let (docker, container) = (self.docker.clone(), self.container.to_owned());
        let id = self.id.to_owned();
        drop(runtime.spawn(async move {
            if timeout(PATIENCE, docker.end_exec(&id)).await.is_err() {
                tracing::warn!(container.name = %container, "a command that hangs in `{container}` could not be ended");
            }
        }));
    }
}

impl Docker {
    /// Kills a command until the engine says that it has ended.
    async fn end_exec(&self, id: &str) {
        let operation = "ask for a command that hangs";
        let mut pauses = Pauses::up_to(Duration::from_secs(1));
        let given_up = Instant::now();
        loop {
            let began = Instant::now();
            let limit = self.config.call_timeout.min(ANSWER);
            match self.call(operation, limit, async |client| client.inspect_exec(id).await).await {
                Ok(found) if found.exit_code.is_some() && found.running != Some(true) => return,
                Ok(found) => {
                    let pid = found.pid.and_then(|pid| u32::try_from(pid).ok());
                    match (pid, found.container_id) {
                        (Some(pid @ 2..), Some(container)) => {
                            let killed = tokio::task::spawn_blocking(move || kill(pid, &container));
                            let _ = killed.await;
                        }
                        // It has not been started yet, but may be at any moment.
                        _ if given_up.elapsed() < START => {}
                        _ => return,
                    }
                }
                // The container has gone, and the command with it.
                Err(Error::Refused { status: 404, .. }) => return,
                Err(error) => tracing::debug!("a command that hangs is looked for again: {error}"),
            }
            pauses.next(began.elapsed()).await;
        }
    }
}

/// Kills a process of a container and those that it has started. Blocks.
fn kill(root: u32, container: &str) {
    for pid in family(root, &processes()) {
        let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { continue };
        match pidfd_open(target, PidfdFlags::empty()) {
            // The handle means this process and no later one, so what is looked at now is what is killed or has ended.
            Ok(process) if is_in(pid, container) => {
                let _ = pidfd_send_signal(&process, Signal::KILL);
            }
            // A system without these calls: the moment between the look and the signal is short.
            Err(Errno::NOSYS | Errno::PERM) if is_in(pid, container) => {
                let _ = kill_process(target, Signal::KILL);
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// All processes of this machine, each with its parent and its session.
fn processes() -> BTreeMap<u32, (u32, u32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let known = pids.filter_map(|pid| {
        let status = Status::of(pid).ok().flatten()?;
        Some((pid, (status.parent, status.session)))
    });
    known.collect()
}

/// The process `root`, those of its session, and the descendants of all of them.
fn family(root: u32, processes: &BTreeMap<u32, (u32, u32)>) -> BTreeSet<u32> {
    let is_first = |pid: u32, session: u32| pid == root || session == root;
    let first = processes.iter().filter(|(pid, (_, session))| is_first(**pid, *session));
    let mut found: BTreeSet<u32> = first.map(|(pid, _)| *pid).collect();
    loop {
        let before = found.len();
        for (pid, (parent, _)) in processes {
            if found.contains(parent) {
                found.insert(*pid);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Whether a process belongs to the container of this id, which every form of its cgroups' names has in it.
fn is_in(pid: u32, container: &str) -> bool {
    let cgroups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    names(&cgroups, container)
}

/// Source: Linux: Documentation/admin-guide/cgroup-v2.rst (`/proc/$PID/cgroup`); moby/moby: daemon/oci_linux.go (`WithCgroups`).
fn names(cgroups: &str, container: &str) -> bool {
    let is_id = container.len() >= 32 && container.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id && cgroups.lines().any(|line| line.contains(container))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_the_session_and_all_descendants() {
        let processes = BTreeMap::from([
            (1, (0, 1)),
            (50, (1, 50)),
            // The command, its child, and a grandchild with a session of its own.
            (70, (50, 70)),
            (71, (70, 70)),
            (60, (71, 60)),
            // An orphan of the session.
            (72, (1, 70)),
            (80, (50, 80)),
        ]);
        assert_eq!(family(70, &processes), BTreeSet::from([60, 70, 71, 72]));
        assert_eq!(family(99, &processes), BTreeSet::new());
    }

    #[test]
    fn a_process_of_another_container_is_not_met() {
        let id = "0123456789abcdef".repeat(4);
        let other = "f".repeat(64);
        for cgroups in [
            format!("5:cpu:/docker/{id}\n1:name=systemd:/docker/{id}\n"),
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!("0::/../ekiden-a/{id}/own\n"),
        ] {
            assert!(names(&cgroups, &id) && !names(&cgroups, &other), "{cgroups}");
        }
        assert!(!names("0::/\n", "") && !names("0::/user.slice\n", "user"));
        kill(std::process::id(), &id);
        kill(std::process::id(), "");
    }
}
