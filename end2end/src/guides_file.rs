//! `/mnt/test`, the one file of the machine that the guide names: whoever runs its shell task as it is written takes it first.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The file, taken from everybody else; put back as it was when it is dropped.
#[derive(Debug)]
pub struct GuidesFile {
    path: PathBuf,
    before: Option<Vec<u8>>,
    _lock: File,
}

impl GuidesFile {
    /// Waits until no other test has the file, keeps its content and removes it.
    pub async fn take() -> Result<Self> {
        let place = std::env::temp_dir().join("ekiden-guides-file.lock");
        let lock = File::options().create(true).append(true).open(&place);
        let lock = lock.with_context(|| format!("could not open {}", place.display()))?;
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
        let path = PathBuf::from("/mnt/test");
        let before = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        Ok(Self { path, before, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for GuidesFile {
    fn drop(&mut self) {
        let _ = match &self.before {
            Some(bytes) => fs::write(&self.path, bytes),
            None => fs::remove_file(&self.path),
        };
    }
}
