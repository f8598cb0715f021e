//! The executor's program, carried by this one and unpacked once for each version.
//!
//! Executors that run keep the file they were started from, also when it has been replaced or removed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What `build.rs` made.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ekiden-executor"));

/// The name of this version's file.
const NAME: &str = concat!("ekiden-executor-", env!("EKIDEN_EXECUTOR_SUM"));

/// Sees to it that the program is in `folder`; where it is.
pub(super) fn unpack(folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(NAME);
    // A loss of power may have left a file without its content.
    if fs::read(&path).is_ok_and(|found| found == PROGRAM) {
        return Ok(path);
    }
    let new = folder.join(format!("{NAME}.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(&new)?;
    file.write_all(PROGRAM)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, &path)?;
    for entry in fs::read_dir(folder)?.flatten() {
        let is_older = entry.file_name().to_string_lossy().starts_with("ekiden-executor-");
        if is_older && entry.file_name() != NAME {
            // It is in nobody's way if it stays.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_torn_program_is_unpacked_again_and_older_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let older = folder.path().join("ekiden-executor-0123");
        fs::write(&older, "old").unwrap();
        let path = unpack(folder.path()).unwrap();
        assert!(!older.exists());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        fs::write(&path, &PROGRAM[..99]).unwrap();
        assert_eq!(unpack(folder.path()).unwrap(), path);
        assert_eq!(fs::read(&path).unwrap(), PROGRAM);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
