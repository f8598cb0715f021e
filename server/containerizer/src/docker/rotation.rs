//! One output file of a sandbox, with its older parts beside it when it has a limit: `stdout`, `stdout.1`, `stdout.2` …
//!
//! The position in the stream is what was copied before the file plus the file's length. The first number is kept in
//! `stdout.logrotate.state`, as is the name of the state file in the original's sandboxes: one line per file, its inode and the number.
//! The file that comes next is written down there before it takes its place, so whatever step of a rotation was the last, the file
//! that is called `stdout` is known. A file that is not written down begins at 0.
//!
//! The task may put anything under these names: see [`executor::sandbox`] for how they are opened.

use std::path::{Path, PathBuf};

use executor::sandbox;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

/// How large an output file may become, and how many older ones stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes; lines are kept whole unless one alone is longer.
    pub max_bytes: u64,
    /// Number of older files.
    pub kept: u32,
}

/// An output file while it is being filled.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    file: File,
    /// Bytes of the stream in front of the file.
    base: u64,
    length: u64,
    limit: Option<OutputLimit>,
}

impl OutputFile {
    /// Opens the file for more, makes it when there is none, and finishes a rotation that was cut off.
    pub(super) async fn open(path: PathBuf, limit: Option<OutputLimit>) -> std::io::Result<Self> {
        let (state, next) = (beside(&path, "logrotate.state"), beside(&path, "next"));
        let known = read_state(&state).await;
        let is_missing = fs::symlink_metadata(&path)
            .await
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        if is_missing
            && let Ok(metadata) = fs::symlink_metadata(&next).await
            && base_of(&known, &metadata).is_some()
        {
            fs::rename(&next, &path).await?;
        }
        let file = append(&path).await?;
        let metadata = file.metadata().await?;
        let base = base_of(&known, &metadata).unwrap_or(0);
        Ok(Self { path, file, base, length: metadata.len(), limit })
    }

    /// How many bytes of the stream are written.
    pub(super) fn position(&self) -> u64 {
        self.base.saturating_add(self.length)
    }

    /// Writes the stream's next bytes, beginning new files where the limit demands it, between lines where that is possible.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> std::io::Result<()> {
        while let Some(limit) = self.limit {
            let room = usize::try_from(limit.max_bytes.max(1).saturating_sub(self.length))
                .unwrap_or(usize::MAX);
            if bytes.len() <= room {
                break;
            }
            let (now, later) = bytes.split_at(room);
            match now.iter().rposition(|byte| *byte == b'\n') {
                Some(newline) => {
                    let (now, later) = bytes.split_at(newline + 1);
                    self.append(now).await?;
                    bytes = later;
                }
                // A line that does not fit even into an empty file is cut.
                None if self.length == 0 => {
                    self.append(now).await?;
                    bytes = later;
                }
                None => {}
            }
            self.rotate(limit.kept).await?;
        }
        self.append(bytes).await
    }

    async fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.file.write_all(bytes).await?;
        self.file.flush().await?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    async fn rotate(&mut self, kept: u32) -> std::io::Result<()> {
        let next_path = beside(&self.path, "next");
        unless_missing(fs::remove_file(&next_path).await)?;
        let next = append(&next_path).await?;
        self.write_state(&next).await?;
        let older = |number: u32| beside(&self.path, &number.to_string());
        for number in (1..kept).rev() {
            unless_missing(fs::rename(older(number), older(number + 1)).await)?;
        }
        if kept > 0 {
            fs::rename(&self.path, older(1)).await?;
        }
        fs::rename(&next_path, &self.path).await?;
        self.base = self.position();
        self.length = 0;
        self.file = next;
        Ok(())
    }

    async fn write_state(&self, next: &File) -> std::io::Result<()> {
        let (state, new) =
            (beside(&self.path, "logrotate.state"), beside(&self.path, "logrotate.tmp"));
        let (current, next) = (inode(&self.file.metadata().await?), inode(&next.metadata().await?));
        let text = format!("{current} {}\n{next} {}\n", self.base, self.position());
        unless_missing(fs::remove_file(&new).await)?;
        let mut file = append(&new).await?;
        file.write_all(text.as_bytes()).await?;
        file.flush().await?;
        fs::rename(&new, &state).await
    }
}

/// The most that a state file has; two lines of two numbers are far less.
const LONGEST_STATE: u64 = 4_096;

/// A file that is written at its end.
async fn append(path: &Path) -> std::io::Result<File> {
    let path = path.to_owned();
    blocking(move || sandbox::append(&path)).await.map(File::from_std)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn unless_missing(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn inode(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// Inode and first byte of each file that is known; none where the state cannot be read.
async fn read_state(path: &Path) -> Vec<(u64, u64)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let (folder, name) = (folder.to_owned(), PathBuf::from(name));
    let read = blocking(move || sandbox::read(&folder, &name, LONGEST_STATE)).await;
    let bytes = read.unwrap_or_else(|error| {
        tracing::warn!("the state in `{}` is not used: {error}", path.display());
        None
    });
    let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
    let line = |line: &str| {
        let (inode, base) = line.split_once(' ')?;
        Some((inode.parse().ok()?, base.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn base_of(known: &[(u64, u64)], metadata: &std::fs::Metadata) -> Option<u64> {
    let inode = inode(metadata);
    known.iter().find(|(known, _)| *known == inode).map(|(_, base)| *base)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const LIMIT: OutputLimit = OutputLimit { max_bytes: 10, kept: 3 };

    async fn open(folder: &TempDir) -> OutputFile {
        OutputFile::open(folder.path().join("stdout"), Some(LIMIT)).await.unwrap()
    }

    fn text(folder: &TempDir, name: &str) -> String {
        std::fs::read_to_string(folder.path().join(name)).unwrap_or_default()
    }

    #[tokio::test]
    async fn a_file_is_followed_by_the_next_between_lines_and_the_oldest_goes() {
        let folder = TempDir::new().unwrap();
        let mut file = open(&folder).await;
        file.write(b"one\ntwo\nthree\nfour\n").await.unwrap();
        let newest = ["stdout.1", "stdout"].map(|name| text(&folder, name));
        assert_eq!(newest, ["three\n", "four\n"]);
        assert_eq!(text(&folder, "stdout.2"), "one\ntwo\n");
        assert_eq!(file.position(), 19);
        file.write(b"a line of more than ten bytes\nend\n").await.unwrap();
        assert_eq!(file.position(), 53);
        let all = ["stdout.3", "stdout.2", "stdout.1", "stdout"].map(|name| text(&folder, name));
        assert!(
            "one\ntwo\nthree\nfour\na line of more than ten bytes\nend\n".ends_with(&all.concat())
        );
        assert!(all.iter().all(|text| text.len() <= 10), "{all:?}");
        assert!(!folder.path().join("stdout.4").exists());
    }

    #[tokio::test]
    async fn the_position_survives_every_step_of_a_rotation() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut file = open(&folder).await;
        file.write(b"one\ntwo\nthree\n").await.unwrap();
        drop(file);
        assert_eq!(open(&folder).await.position(), 14);
        // The next one exists and is written down, nothing is renamed.
        let file = open(&folder).await;
        let next = append(&path("stdout.next")).await.unwrap();
        file.write_state(&next).await.unwrap();
        assert_eq!(open(&folder).await.position(), 14);
        // The old one has its new name, and the next one not yet.
        std::fs::rename(path("stdout"), path("stdout.1")).unwrap();
        let mut file = open(&folder).await;
        assert_eq!((file.position(), file.length), (14, 0));
        assert!(!path("stdout.next").exists());
        file.write(b"x\n").await.unwrap();
        assert_eq!(open(&folder).await.position(), 16);
        assert_eq!(text(&folder, "stdout"), "x\n");
    }

    #[tokio::test]
    async fn a_link_in_place_of_the_file_gives_way_and_is_not_followed() {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("precious"), "x").unwrap();
        std::os::unix::fs::symlink("precious", folder.path().join("stdout")).unwrap();
        let mut file = OutputFile::open(folder.path().join("stdout"), None).await.unwrap();
        assert_eq!(file.position(), 0);
        file.write(b"said").await.unwrap();
        assert_eq!(
            (text(&folder, "precious"), text(&folder, "stdout")),
            ("x".into(), "said".into())
        );
    }

    #[tokio::test]
    async fn nothing_that_the_task_puts_beside_it_makes_the_copy_wait_or_grow() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let put: [fn(&Path); 2] = [
            |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
            |path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
        ];
        for put in put {
            let folder = TempDir::new().unwrap();
            for name in ["stdout", "stdout.logrotate.state", "stdout.next", "stdout.logrotate.tmp"]
            {
                put(&folder.path().join(name));
            }
            let filled = async {
                let mut file = open(&folder).await;
                file.write(b"one\ntwo\nthree\nfour\n").await.unwrap();
                assert_eq!(open(&folder).await.position(), 19);
            };
            let limit = std::time::Duration::from_secs(20);
            tokio::time::timeout(limit, filled).await.expect("it waits for something");
            assert_eq!(text(&folder, "stdout"), "four\n");
        }
    }

    #[tokio::test]
    async fn without_a_limit_there_is_one_file() {
        let folder = TempDir::new().unwrap();
        let mut file = OutputFile::open(folder.path().join("stdout"), None).await.unwrap();
        file.write(&[b'x'; 100]).await.unwrap();
        assert_eq!(text(&folder, "stdout").len(), 100);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
