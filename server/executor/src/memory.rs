//! Whether the task needed more memory than its cgroup allows.
//!
//! In the unified hierarchy the kernel ends all processes of the group together (`memory.oom.group`). In version 1 it ends one of them
//! and tells those who asked to be told; the executor then ends the others, as the original does with a container over its limit.

use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use executor::{MemoryCgroup, OutOfMemory};
use rustix::event::{EventfdFlags, eventfd};

/// The memory of the task, watched.
pub(crate) struct Memory {
    cgroup: MemoryCgroup,
    /// Becomes readable when there was not enough, in version 1.
    alarm: Option<(OwnedFd, File)>,
}

impl Memory {
    pub(crate) fn watch(cgroup: MemoryCgroup) -> Self {
        let alarm = match &cgroup {
            MemoryCgroup::V1(path) => alarm(path),
            MemoryCgroup::V2(_) => None,
        };
        Self { cgroup, alarm }
    }

    /// What to poll, if anything.
    pub(crate) fn alarm(&self) -> Option<&OwnedFd> {
        self.alarm.as_ref().map(|(alarm, _)| alarm)
    }

    /// What the cgroup says, if the kernel has told so (`is_told`) or has ended a process for its sake.
    ///
    /// Whoever was told may have ended the task before the kernel did.
    pub(crate) fn shortage(&self, is_told: bool) -> Option<OutOfMemory> {
        let (path, events, limit, used) = match &self.cgroup {
            MemoryCgroup::V1(path) => {
                (path, "memory.oom_control", "memory.limit_in_bytes", "memory.max_usage_in_bytes")
            }
            MemoryCgroup::V2(path) => (path, "memory.events", "memory.max", "memory.peak"),
        };
        let text = |name: &str| fs::read_to_string(path.join(name)).unwrap_or_default();
        if !is_told && counted(&text(events), "oom_kill") == 0 {
            return None;
        }
        let limit = text(limit).trim().parse().unwrap_or_default();
        Some(OutOfMemory {
            limit,
            // Kernels before 5.19 do not say; it was the whole limit, or nearly so.
            used: text(used).trim().parse().unwrap_or(limit),
            statistics: text("memory.stat"),
        })
    }
}

/// The number behind a name in a file of names and numbers.
pub(crate) fn counted(text: &str, name: &str) -> u64 {
    let numbers = text.lines().filter_map(|line| line.split_once(' '));
    let mut of_name = numbers.filter(|(found, _)| *found == name);
    of_name.find_map(|(_, number)| number.trim().parse().ok()).unwrap_or_default()
}

/// Source: the kernel's admin-guide/cgroup-v1/memory, section 10 (`cgroup.event_control`).
fn alarm(cgroup: &Path) -> Option<(OwnedFd, File)> {
    let alarm = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
    let control = File::open(cgroup.join("memory.oom_control")).ok()?;
    let order = format!("{} {}", alarm.as_raw_fd(), control.as_raw_fd());
    fs::write(cgroup.join("cgroup.event_control"), order).ok()?;
    Some((alarm, control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_read_from_the_unified_hierarchys_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let memory = Memory::watch(MemoryCgroup::V2(folder.path().to_owned()));
        write("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n");
        assert_eq!(memory.shortage(false), None);
        assert!(
            memory.shortage(true).is_some(),
            "the kernel has told so, and has ended nobody yet"
        );
        write("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\noom_group_kill 1\n");
        write("memory.max", "33554432\n");
        write("memory.stat", "anon 5\n");
        let mut shortage =
            OutOfMemory { limit: 32 << 20, used: 32 << 20, statistics: "anon 5\n".to_owned() };
        assert_eq!(memory.shortage(false), Some(shortage.clone()));
        write("memory.peak", "33550000\n");
        shortage.used = 33_550_000;
        assert_eq!(memory.shortage(false), Some(shortage));
    }
}
