//! Paths that cannot leave the sandbox, whatever links stand in it.
//!
//! Nobody but the fetcher writes to a sandbox before its task has started, so looking first and writing then is safe.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};

/// Makes the folders above `relative` inside `root`, which is canonical, and returns where the file itself may be written.
pub(super) fn path_in(root: &Path, relative: &Path) -> Result<PathBuf> {
    let mut folder = root.to_owned();
    let mut parts = relative.components().filter(|part| *part != Component::CurDir).peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else {
            return Err(outside(relative));
        };
        let next = folder.join(name);
        if parts.peek().is_none() {
            return Ok(next);
        }
        match fs::create_dir(&next) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        folder = fs::canonicalize(&next)?;
        if !folder.starts_with(root) {
            return Err(outside(relative));
        }
    }
    Err(Error::new(ErrorKind::InvalidInput, "it names no file"))
}

fn outside(relative: &Path) -> Error {
    let text = format!("`{}` leads out of the sandbox", relative.display());
    Error::new(ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_are_made_and_the_file_is_not() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let path = path_in(&root, Path::new("./a/b/c.txt")).unwrap();
        assert_eq!(path, root.join("a/b/c.txt"));
        assert!(root.join("a/b").is_dir() && !path.exists());
        assert_eq!(path_in(&root, Path::new("top")).unwrap(), root.join("top"));
    }

    #[test]
    fn a_link_out_of_the_sandbox_is_not_followed() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = root.path().canonicalize().unwrap();
        symlink(other.path(), root.join("out")).unwrap();
        for path in ["out/x", "out/sub/x", "../x", "a/../../x", "/x", "", "."] {
            let refused = path_in(&root, Path::new(path)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{path}: {refused}");
        }
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_inside_the_sandbox_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir(root.join("real")).unwrap();
        symlink("real", root.join("link")).unwrap();
        assert_eq!(path_in(&root, Path::new("link/x")).unwrap(), root.join("real/x"));
    }
}
