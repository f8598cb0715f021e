//! The cgroups of an agent's commands, in version 1 or 2: limits, and who belongs to which command.
//!
//! Every agent has a parent of its own below `ekiden`, made with its first command and removed with its last. Where no cgroup can be
//! written, as in many containers, commands run without limits, which is said once when the agent starts.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use agent_core::container::ProcessSpec;
use executor::MemoryCgroup;
use tracing::warn;

use crate::Error;

/// Length of the period of a bound on processor time, in microseconds.
const PERIOD: u64 = 100_000;

/// Controllers that are used where they can be.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// How often a command's cgroups are made anew when the parent disappears meanwhile, with the last command before it.
const ATTEMPTS: u32 = 5;

/// The hierarchies in which the agent's commands have cgroups.
#[derive(Debug, Clone)]
pub(crate) struct Cgroups {
    hierarchies: Vec<Hierarchy>,
    /// Path of the parent in each.
    parent: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hierarchy {
    /// Of version 1, with one controller of ours.
    One { mount: PathBuf, controller: &'static str },
    /// The unified one.
    Two { mount: PathBuf },
}

/// The cgroups of one command.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) memory: Option<MemoryCgroup>,
    /// The one among them that counts processes.
    pub(crate) pids: Option<PathBuf>,
}

impl Hierarchy {
    fn mount(&self) -> &Path {
        match self {
            Self::One { mount, .. } | Self::Two { mount } => mount,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::One { controller, .. } => controller,
            Self::Two { .. } => "unified",
        }
    }
}

impl Cgroups {
    /// Finds the hierarchies that can be used for the cgroups below `ekiden/<name>`.
    pub(crate) fn find(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        Self::among(&mounts, name)
    }

    fn among(mounts: &str, name: &str) -> Self {
        let parent = Path::new("ekiden").join(name);
        let mut found = Self { hierarchies: Vec::new(), parent };
        let mut reasons = Vec::new();
        for hierarchy in hierarchies(mounts) {
            match found.make_parent(&hierarchy) {
                Ok(()) => found.hierarchies.push(hierarchy),
                Err(error) => reasons.push(format!("{}: {error}", hierarchy.name())),
            }
        }
        let lacking: Vec<_> =
            CONTROLLERS.into_iter().filter(|controller| !found.controls(controller)).collect();
        found.remove_parents();
        if !lacking.is_empty() {
            let lacking = lacking.join(", ");
            warn!(
                "commands run without limits of {lacking}: there is no such cgroup that can be written ({})",
                if reasons.is_empty() { "none is mounted".to_owned() } else { reasons.join("; ") }
            );
        }
        found
    }

    fn controls(&self, wanted: &str) -> bool {
        self.hierarchies.iter().any(|hierarchy| match hierarchy {
            Hierarchy::One { controller, .. } => *controller == wanted,
            Hierarchy::Two { mount } => {
                let handed_down = mount.join(&self.parent).join("cgroup.subtree_control");
                let text = fs::read_to_string(handed_down).unwrap_or_default();
                text.split_ascii_whitespace().any(|it| it == wanted)
            }
        })
    }

    /// Makes the cgroups of a command, with its limits.
    pub(crate) fn make(&self, spec: &ProcessSpec) -> Result<Made, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.try_to_make(spec) {
                Err(Error::Io { source, .. })
                    if source.kind() == ErrorKind::NotFound && attempts < ATTEMPTS => {}
                made => return made,
            }
        }
    }

    fn try_to_make(&self, spec: &ProcessSpec) -> Result<Made, Error> {
        let mut made = Made::default();
        for hierarchy in &self.hierarchies {
            let folder = self.folder(hierarchy, &spec.name);
            self.make_parent(hierarchy)
                .and_then(|()| make_folder(&folder))
                .map_err(Error::io("make the cgroup", &folder))?;
            match hierarchy {
                Hierarchy::One { controller: "cpu", .. } => limit_cpu_v1(&folder, spec)?,
                Hierarchy::One { controller: "memory", .. } => {
                    limit_memory_v1(&folder, spec)?;
                    made.memory = Some(MemoryCgroup::V1(folder.clone()));
                }
                Hierarchy::One { .. } => made.pids = limit_processes(&folder, spec)?,
                Hierarchy::Two { .. } => limit_v2(&folder, spec, &mut made)?,
            }
            made.folders.push(folder);
        }
        Ok(made)
    }

    /// The processes that belong to a command.
    pub(crate) fn processes(&self, name: &str) -> Vec<u32> {
        let mut all = Vec::new();
        for hierarchy in &self.hierarchies {
            collect(&self.folder(hierarchy, name), &mut all);
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Removes the cgroups of a command, and the parent with the last one; there must be no process in them.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        for hierarchy in &self.hierarchies {
            let folder = self.folder(hierarchy, name);
            remove_tree(&folder).map_err(Error::io("remove the cgroup", &folder))?;
        }
        self.remove_parents();
        Ok(())
    }

    /// One that has cgroups in it stays.
    fn remove_parents(&self) {
        for hierarchy in &self.hierarchies {
            let _ = fs::remove_dir(hierarchy.mount().join(&self.parent));
        }
    }

    fn folder(&self, hierarchy: &Hierarchy, name: &str) -> PathBuf {
        hierarchy.mount().join(&self.parent).join(name)
    }

    fn make_parent(&self, hierarchy: &Hierarchy) -> io::Result<()> {
        let mut folder = hierarchy.mount().to_owned();
        if folder.join(&self.parent).exists() {
            return Ok(());
        }
        for part in &self.parent {
            if let Hierarchy::Two { .. } = hierarchy {
                hand_down(&folder);
            }
            folder.push(part);
            make_folder(&folder)?;
        }
        if let Hierarchy::Two { .. } = hierarchy {
            hand_down(&folder);
        }
        Ok(())
    }
}

/// The hierarchies among the mounts that have a controller of use.
fn hierarchies(mounts: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, mount, kind, options, ..] = fields.as_slice() else { continue };
        match *kind {
            "cgroup2" if controllers_of(Path::new(mount)).iter().any(|it| it == "memory") => {
                found.push(Hierarchy::Two { mount: PathBuf::from(mount) });
            }
            "cgroup" => {
                for controller in CONTROLLERS {
                    let is_known = found.iter().any(|known| known.name() == controller);
                    if !is_known && options.split(',').any(|option| option == controller) {
                        found.push(Hierarchy::One { mount: PathBuf::from(mount), controller });
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn controllers_of(mount: &Path) -> Vec<String> {
    let text = fs::read_to_string(mount.join("cgroup.controllers")).unwrap_or_default();
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Lets the cgroups below use the controllers; those that cannot be handed down are found missing where they are needed.
fn hand_down(folder: &Path) {
    for controller in CONTROLLERS {
        let _ = fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn write(folder: &Path, name: &str, value: impl ToString) -> Result<(), Error> {
    let file = folder.join(name);
    fs::write(&file, value.to_string()).map_err(Error::io("write", &file))
}

fn limit_cpu_v1(folder: &Path, spec: &ProcessSpec) -> Result<(), Error> {
    write(folder, "cpu.shares", spec.cpu_shares)?;
    match spec.cpu_quota {
        None => Ok(()),
        Some(quota) => {
            write(folder, "cpu.cfs_period_us", PERIOD)?;
            write(folder, "cpu.cfs_quota_us", quota)
        }
    }
}

fn limit_memory_v1(folder: &Path, spec: &ProcessSpec) -> Result<(), Error> {
    let most = spec.memory_bytes.map_or("-1".to_owned(), |bytes| bytes.to_string());
    write(folder, "memory.limit_in_bytes", most)?;
    match spec.memory_reservation_bytes {
        Some(bytes) => write(folder, "memory.soft_limit_in_bytes", bytes),
        None => Ok(()),
    }
}

/// The same in both versions; the cgroup, if there is a limit.
fn limit_processes(folder: &Path, spec: &ProcessSpec) -> Result<Option<PathBuf>, Error> {
    let Some(most) = spec.max_processes else { return Ok(None) };
    write(folder, "pids.max", most)?;
    Ok(Some(folder.to_owned()))
}

fn limit_v2(folder: &Path, spec: &ProcessSpec, made: &mut Made) -> Result<(), Error> {
    let controllers = controllers_of(folder);
    let has = |wanted: &str| controllers.iter().any(|found| found == wanted);
    if has("cpu") {
        write(folder, "cpu.weight", weight(spec.cpu_shares))?;
        if let Some(quota) = spec.cpu_quota {
            write(folder, "cpu.max", format!("{quota} {PERIOD}"))?;
        }
    }
    if has("pids") {
        made.pids = limit_processes(folder, spec)?;
    }
    if !has("memory") {
        return Ok(());
    }
    let most = spec.memory_bytes.map_or("max".to_owned(), |bytes| bytes.to_string());
    write(folder, "memory.max", most)?;
    if let Some(bytes) = spec.memory_reservation_bytes {
        write(folder, "memory.low", bytes)?;
    }
    // Kernels before 4.19 end one process only.
    let _ = fs::write(folder.join("memory.oom.group"), "1");
    made.memory = Some(MemoryCgroup::V2(folder.to_owned()));
    Ok(())
}

/// Shares of version 1, [2, 262144], as a weight of version 2, [1, 10000]; the same as that of Docker containers beside.
///
/// Source: opencontainers/cgroups: `ConvertCPUSharesToCgroupV2Value`.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

/// Adds the processes of a cgroup and of those below it.
fn collect(folder: &Path, all: &mut Vec<u32>) {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    all.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
    for below in folders(folder) {
        collect(&below, all);
    }
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.filter(is_folder).map(|entry| entry.path()).collect()
}

/// A command may have made cgroups of its own.
fn remove_tree(folder: &Path) -> io::Result<()> {
    for below in folders(folder) {
        remove_tree(&below)?;
    }
    match fs::remove_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_controller_of_version_one_is_taken_once() {
        let mounts = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\n\
                      cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n\
                      cgroup /elsewhere/memory cgroup rw,memory 0 0\n\
                      cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n\
                      cgroup2 /nowhere/unified cgroup2 rw 0 0\n\
                      proc /proc proc rw 0 0\n";
        let one = |mount: &str, controller| Hierarchy::One { mount: mount.into(), controller };
        let wanted =
            [one("/sys/fs/cgroup/cpu,cpuacct", "cpu"), one("/sys/fs/cgroup/memory", "memory")];
        assert_eq!(hierarchies(mounts), wanted);
    }

    #[test]
    fn the_unified_hierarchy_is_taken_when_it_controls_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mounts = format!("cgroup2 {} cgroup2 rw 0 0\n", folder.path().display());
        assert_eq!(hierarchies(&mounts), []);
        fs::write(folder.path().join("cgroup.controllers"), "cpu io memory\n").unwrap();
        assert_eq!(hierarchies(&mounts), [Hierarchy::Two { mount: folder.path().to_owned() }]);
    }

    /// A hierarchy of version 2 of this machine, whichever controllers it has.
    fn unified() -> Hierarchy {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mut lines = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mount = lines.find(|fields| fields.get(2) == Some(&"cgroup2"));
        let mount = mount.expect("this test needs a hierarchy of cgroups of version 2");
        Hierarchy::Two { mount: PathBuf::from(mount[1]) }
    }

    #[test]
    fn the_kernels_unified_hierarchy_takes_a_command_with_the_limits_that_it_has() {
        let parent = PathBuf::from(format!("ekiden/test-unified-{}", std::process::id()));
        let cgroups = Cgroups { hierarchies: vec![unified()], parent };
        let spec = ProcessSpec {
            name: "process-S0.c".to_owned(),
            program: String::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            user: None,
            sandbox: String::new(),
            cpu_shares: 1_024,
            cpu_quota: Some(50_000),
            memory_bytes: Some(64 << 20),
            memory_reservation_bytes: Some(32 << 20),
            max_processes: Some(7),
            volumes: Vec::new(),
            limits: Vec::new(),
        };
        let made = cgroups.make(&spec).unwrap();
        let folder = made.folders[0].clone();
        let controllers = controllers_of(&folder);
        for (controller, file, wanted) in [
            ("cpu", "cpu.max", "50000 100000"),
            ("cpu", "cpu.weight", "39"),
            ("memory", "memory.max", "67108864"),
            ("memory", "memory.low", "33554432"),
            ("pids", "pids.max", "7"),
        ] {
            let text = fs::read_to_string(folder.join(file)).ok();
            let wanted = controllers.iter().any(|it| it == controller).then_some(wanted);
            assert_eq!(text.as_deref().map(str::trim), wanted, "{file}");
        }
        assert_eq!(made.memory.is_some(), controllers.iter().any(|it| it == "memory"));
        let mut command = std::process::Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        fs::write(folder.join("cgroup.procs"), command.id().to_string()).unwrap();
        assert_eq!(cgroups.processes(&spec.name), [command.id()]);
        command.kill().unwrap();
        command.wait().unwrap();
        assert!(cgroups.processes(&spec.name).is_empty());
        cgroups.remove(&spec.name).unwrap();
        assert!(!folder.parent().unwrap().exists());
    }

    #[test]
    fn shares_keep_their_proportions_as_weights() {
        assert_eq!([weight(0), weight(2), weight(1_024), weight(262_144)], [1, 1, 39, 10_000]);
    }

    #[test]
    fn without_a_cgroup_that_can_be_written_there_are_no_limits() {
        let mounts = "cgroup /nowhere/memory cgroup rw,memory 0 0\n";
        let cgroups = Cgroups::among(mounts, "agent");
        assert_eq!(cgroups.hierarchies, []);
        assert!(cgroups.processes("x").is_empty());
    }
}
