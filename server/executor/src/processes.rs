//! Whether the task was refused processes that it wanted.

use std::fs;
use std::path::Path;

use executor::OutOfProcesses;

use crate::memory::counted;

/// What the cgroup says that bounds the number of processes.
pub(crate) fn shortage(cgroup: &Path) -> Option<OutOfProcesses> {
    let text = |name: &str| fs::read_to_string(cgroup.join(name)).unwrap_or_default();
    let refused = counted(&text("pids.events"), "max");
    let limit = text("pids.max").trim().parse().ok()?;
    (refused > 0).then_some(OutOfProcesses { limit, refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_refused_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(shortage(folder.path()), None);
        write("pids.max", "64\n");
        write("pids.events", "max 0\n");
        assert_eq!(shortage(folder.path()), None);
        write("pids.events", "max 7\n");
        assert_eq!(shortage(folder.path()), Some(OutOfProcesses { limit: 64, refused: 7 }));
    }
}
