//! Files of a sandbox, opened by name by somebody with more rights than the task that may have put anything there.
//!
//! No link is followed, nothing but a regular file is written or read, nothing makes the caller wait, and no more is read than was asked
//! for. A link, a pipe or a socket where a file is to be written is removed and a new file takes its place: the output matters and
//! what was there does not. A folder there is an error, since the task's data may lie in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, fcntl_getfl, fcntl_setfl, openat};
use rustix::io::Errno;

/// Neither through a link, nor waiting for the other end of a pipe, nor becoming the user of a terminal.
const CAREFUL: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// How often something is removed that stands where the file should be; whoever puts it there again and again gets an error.
const ATTEMPTS: u32 = 16;

/// Opens a file that is written at its end, and makes it when there is none.
///
/// # Errors
/// When a folder stands there, or the system refuses.
pub fn append(path: &Path) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.create(true).append(true).custom_flags(CAREFUL.bits().cast_signed());
    for _ in 0..ATTEMPTS {
        match how.open(path) {
            Ok(file) if file.metadata()?.is_file() => {
                // Whoever inherits it expects an ordinary one.
                fcntl_setfl(&file, fcntl_getfl(&file)? & !OFlags::NONBLOCK)?;
                return Ok(file);
            }
            Ok(_pipe) => {}
            Err(error) if is(&error, Errno::LOOP) || is(&error, Errno::NXIO) => {}
            Err(error) => return Err(error),
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Err(no_file())
}

/// Reads the file `below` a sandbox, through no link on the way, if there is one.
///
/// # Errors
/// When it is no regular file, has more than `most` bytes, or cannot be read.
pub fn read(sandbox: &Path, below: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match open(sandbox, below) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => return Err(no_file()),
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(no_file());
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text = format!("it has more than {most} bytes");
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    Ok(Some(bytes))
}

/// Opens it to be read, step by step.
fn open(sandbox: &Path, below: &Path) -> Result<File, Errno> {
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut here = openat(CWD, sandbox, step, Mode::empty())?;
    let mut names = below.components().peekable();
    while let Some(name) = names.next() {
        let Component::Normal(name) = name else { return Err(Errno::INVAL) };
        if names.peek().is_none() {
            let how = OFlags::RDONLY | OFlags::CLOEXEC | CAREFUL;
            return openat(&here, name, how, Mode::empty()).map(File::from);
        }
        here = openat(&here, name, step, Mode::empty())?;
    }
    Err(Errno::INVAL)
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

fn no_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is no regular file")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::time::Duration;

    use rustix::fs::{FileType, mknodat};
    use tempfile::TempDir;

    use super::*;

    fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    /// What must not wait, on a thread of its own so that waiting is a failure and not a test without end.
    fn at_once<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let (told, answer) = mpsc::channel();
        std::thread::spawn(move || told.send(work()));
        answer.recv_timeout(Duration::from_secs(20)).expect("it waits for something")
    }

    #[test]
    fn what_is_no_file_gives_way_to_one_and_is_not_followed() {
        let folder = TempDir::new().unwrap();
        let (path, precious) = (folder.path().join("stdout"), folder.path().join("precious"));
        fs::write(&precious, "x").unwrap();
        let obstacles: [fn(&Path, &Path); 5] = [
            |path, precious| symlink(precious, path).unwrap(),
            |path, _| symlink("/no/such/file", path).unwrap(),
            |path, _| symlink(path, path).unwrap(),
            |path, _| fifo(path),
            |path, _| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
        ];
        for (number, put) in obstacles.iter().enumerate() {
            put(&path, &precious);
            let wanted = path.clone();
            let mut file = at_once(move || append(&wanted)).unwrap();
            file.write_all(b"said").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"said", "{number}");
            assert!(!fcntl_getfl(&file).unwrap().contains(OFlags::NONBLOCK));
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(fs::read(&precious).unwrap(), b"x");
    }

    #[test]
    fn a_pipe_that_somebody_reads_gives_way_too() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("stdout");
        fifo(&path);
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let _reader = OpenOptions::new().read(true).custom_flags(flags).open(&path).unwrap();
        append(&path).unwrap().write_all(b"said").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"said");
    }

    #[test]
    fn a_file_is_continued_and_a_folder_stays() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("stdout");
        fs::write(&path, "a").unwrap();
        append(&path).unwrap().write_all(b"b").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ab");
        let kept = folder.path().join("folder/kept");
        fs::create_dir(folder.path().join("folder")).unwrap();
        fs::write(&kept, "x").unwrap();
        append(&folder.path().join("folder")).unwrap_err();
        assert!(kept.exists());
    }

    #[test]
    fn only_a_small_regular_file_is_read() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("in")).unwrap();
        fs::write(path("in/small"), "0123456789").unwrap();
        fs::write(path("large"), "0123456789x").unwrap();
        symlink("/dev/zero", path("endless")).unwrap();
        symlink(path("in/small"), path("link")).unwrap();
        symlink(path("in"), path("out")).unwrap();
        fifo(&path("pipe"));
        let read = |name: &str| {
            let (sandbox, name) = (folder.path().to_owned(), PathBuf::from(name));
            at_once(move || read(&sandbox, &name, 10))
        };
        assert_eq!(read("in/small").unwrap().as_deref(), Some(&b"0123456789"[..]));
        for missing in ["none", "in/none", "none/small"] {
            assert_eq!(read(missing).unwrap(), None, "{missing}");
        }
        for refused in ["large", "endless", "link", "out/small", "pipe", "in", "large/x", "../x"] {
            read(refused).unwrap_err();
        }
    }
}
