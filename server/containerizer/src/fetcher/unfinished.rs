//! Files that go again unless they are finished, whatever ends the work on them.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A file that is removed when this is dropped; what is held together with it is let go of after that.
#[derive(Debug)]
pub(super) struct Unfinished<T: Send + 'static = ()>(Option<(PathBuf, T)>);

impl<T: Send + 'static> Unfinished<T> {
    /// Makes the file, which must not be there; blocks.
    pub(super) fn make(path: PathBuf, held: T) -> io::Result<(File, Self)> {
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok((file, Self(Some((path, held)))))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new(""), |(path, _)| path)
    }

    /// What is held with it.
    pub(super) fn held_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut().map(|(_, held)| held)
    }

    /// Keeps the file.
    pub(super) fn finish(mut self) -> Option<(PathBuf, T)> {
        self.0.take()
    }

    /// Removes the file and comes back when it is gone.
    pub(super) async fn remove(mut self) {
        if let Some((path, held)) = self.0.take() {
            // A removal is not called off, and that it broke leaves nothing to be done.
            let _ = tokio::task::spawn_blocking(move || remove(&path, held)).await;
        }
    }
}

impl<T: Send + 'static> Drop for Unfinished<T> {
    fn drop(&mut self) {
        let Some((path, held)) = self.0.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&path, held))),
            Err(_) => remove(&path, held),
        }
    }
}

/// Removes a file and lets go of what was held with it; of a file that stays nothing is let go. Blocks.
pub(super) fn remove<T>(path: &Path, held: T) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!("the fetcher's file `{}` could not be removed: {error}", path.display());
            std::mem::forget(held);
        }
        Ok(()) | Err(_) => drop(held),
    }
}
