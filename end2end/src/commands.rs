//! The commands of a cluster's agents as the system has them: processes, folders, cgroups.
//!
//! They are told by the sandbox in their environment and by the folders of the agents, never by what the agents say.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Result, ensure};

use crate::waiting::until;

/// How long processes may take to end once they have been told to.
const DEATH: Duration = Duration::from_secs(30);

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// The work folders of the agents of the cluster in `data`.
fn agents(data: &Path) -> Vec<PathBuf> {
    let is_agent = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("agent-"))
    };
    entries(data).into_iter().filter(is_agent).collect()
}

/// Every process with a variable or an argument that begins so, by number.
fn processes(file: &str, beginning: &str) -> Vec<u32> {
    let pids = entries(Path::new("/proc")).into_iter();
    let pids = pids.filter_map(|path| path.file_name()?.to_str()?.parse::<u32>().ok());
    let has = |pid: &u32| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        bytes.split(|byte| *byte == 0).any(|part| part.starts_with(beginning.as_bytes()))
    };
    let mut found: Vec<u32> = pids.filter(has).collect();
    found.sort_unstable();
    found
}

/// The processes of all commands of the cluster in `data`.
pub fn running(data: &Path) -> Vec<u32> {
    processes("environ", &format!("MESOS_SANDBOX={}", data.display()))
}

/// The executors of all commands of the cluster in `data`.
pub fn executors(data: &Path) -> Vec<u32> {
    let folder = data.display().to_string();
    let of_cluster = processes("cmdline", &folder);
    let is_executor = |pid: &u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains("/ekiden-executor-")
    };
    of_cluster.into_iter().filter(is_executor).collect()
}

/// The cgroups under which the agents have put commands.
fn cgroups(data: &Path) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter(|line| line.starts_with("cgroup"));
    let mounts: Vec<&str> = mounts.filter_map(|line| line.split(' ').nth(1)).collect();
    let identities = agents(data).into_iter();
    let identities =
        identities.filter_map(|agent| fs::read_to_string(agent.join("meta/identity")).ok());
    let parents = identities.flat_map(|identity| {
        let name = format!("ekiden/commands-{identity}");
        mounts.iter().map(move |mount| Path::new(mount).join(&name)).collect::<Vec<_>>()
    });
    parents.filter(|parent| parent.exists()).collect()
}

/// Mounts in any process's view of the file system whose source or place contains `name`, each with its process.
pub fn mounts_of(name: &str) -> Vec<String> {
    let tables = entries(Path::new("/proc")).into_iter().map(|process| process.join("mountinfo"));
    let mut found = Vec::new();
    for table in tables {
        let text = fs::read_to_string(&table).unwrap_or_default();
        let lines = text.lines().filter(|line| line.contains(name));
        found.extend(lines.map(|line| format!("{}: {line}", table.display())));
    }
    found
}

/// What there is of commands: processes, executors, folders, cgroups and mounts.
pub fn left(data: &Path) -> Vec<String> {
    let mut left: Vec<String> = Vec::new();
    left.extend(running(data).iter().map(|pid| format!("process {pid}")));
    left.extend(executors(data).iter().map(|pid| format!("executor {pid}")));
    left.extend(cgroups(data).iter().map(|cgroup| format!("cgroup {}", cgroup.display())));
    for agent in agents(data) {
        let tasks = entries(&agent.join("meta/commands/tasks"));
        left.extend(tasks.iter().map(|task| format!("folder {}", task.display())));
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let folder = data.display().to_string();
    left.extend(mounts.lines().filter(|line| line.contains(&folder)).map(str::to_owned));
    left
}

/// Waits until nothing of any command is left.
pub async fn nothing_is_left(data: &Path) -> Result<()> {
    until("nothing is left of the commands", DEATH, async || {
        let left = left(data);
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
    .await
}

/// Ends every command at once, without a word to anybody; for a cluster that goes with its folder.
pub fn end_all(data: &Path) {
    loop {
        let mut pids = executors(data);
        pids.extend(running(data));
        if pids.is_empty() {
            break;
        }
        let words = pids.iter().map(u32::to_string);
        let mut kill = Command::new("kill");
        let killed = kill.arg("-KILL").args(words).stderr(Stdio::null()).status();
        if killed.is_err() {
            break;
        }
    }
    for parent in cgroups(data) {
        for cgroup in entries(&parent).into_iter().chain([parent]) {
            // Files are no folders, and what is in use stays for `left` to tell.
            let _ = fs::remove_dir(cgroup);
        }
    }
}
