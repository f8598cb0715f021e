//! All processes of the task: the descendants of the executor, which the system gives every orphan among them.

use std::collections::BTreeSet;
use std::fs;

use executor::Status;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// Sends a signal to every process of the task; how many there were.
pub(crate) fn signal(signal: Signal) -> usize {
    let found = descendants(std::process::id());
    for (pid, start) in &found {
        send(*pid, *start, signal);
    }
    found.len()
}

/// Sends it unless the number was given to another process meanwhile.
fn send(pid: u32, start: u64, signal: Signal) {
    let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    // That a process has just ended, or is another by now, is what was wanted.
    let is_still = || Status::of(pid).ok().flatten().is_some_and(|now| now.start == start);
    match pidfd_open(target, PidfdFlags::empty()) {
        Ok(process) if is_still() => {
            let _ = pidfd_send_signal(&process, signal);
        }
        // A system without these calls: the moment between the look and the signal is short.
        Err(Errno::NOSYS | Errno::PERM) if is_still() => {
            let _ = kill_process(target, signal);
        }
        Ok(_) | Err(_) => {}
    }
}

/// The processes below `root` that have not ended, parents first, each with its start.
fn descendants(root: u32) -> Vec<(u32, u64)> {
    let lists_children = fs::exists(format!("/proc/{root}/task/{root}/children")).unwrap_or(false);
    let all = if lists_children { Vec::new() } else { parents() };
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([root]);
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        let children = if lists_children { children(parent) } else { of_parent(&all, parent) };
        for child in children.into_iter().filter(|child| seen.insert(*child)) {
            if let Ok(Some(status)) = Status::of(child) {
                if !status.has_ended() {
                    found.push((child, status.start));
                }
                next.push(child);
            }
        }
    }
    found
}

/// The children of all threads of a process; none of one that is gone.
fn children(parent: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| numbers(&list)).collect()
}

fn numbers(list: &str) -> Vec<u32> {
    list.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// Every process with its parent, for systems that do not list children.
fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, Status::of(pid).ok().flatten()?.parent))).collect()
}

fn of_parent(all: &[(u32, u32)], parent: u32) -> Vec<u32> {
    all.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn grandchildren_are_found_either_way() {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", "sleep 60 & echo up; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = std::io::BufReader::new(shell.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut { output }, &mut line).unwrap();
        let below: Vec<u32> = descendants(shell.id()).into_iter().map(|(pid, _)| pid).collect();
        assert_eq!(below.len(), 1, "the sleep");
        assert_eq!(of_parent(&parents(), shell.id()), below);
        for (pid, start) in descendants(shell.id()) {
            send(pid, start + 1, Signal::KILL);
            assert_eq!(descendants(shell.id()).len(), 1, "it was not the one that was meant");
            send(pid, start, Signal::KILL);
        }
        shell.wait().unwrap();
    }
}
