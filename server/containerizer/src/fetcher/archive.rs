//! Archives, unpacked into the sandbox: tar in its usual compressions, zip, and single gzipped files.
//!
//! *Invariant:* no entry is written outside of the sandbox or through a link that leads out of it, none gets an owner or a set-user-id bit
//! from the archive, and every byte is counted before it is written. Devices and pipes are refused.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;

use super::FetchError;
use super::budget::Budget;
use super::confined;
use super::source::Source;

/// Bytes that an entry without content is counted with, so that their number is bounded too.
const ENTRY: u64 = 512;

/// Bytes unpacked at a time.
const PIECE: usize = 256 * 1_024;

/// How a file is packed, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archive {
    /// A tar file.
    Tar(Compression),
    /// A zip file.
    Zip,
    /// One file without a name of its own.
    Gzip,
}

/// How a tar file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Bzip2,
    Xz,
}

/// An archive and where it goes.
#[derive(Debug)]
pub(super) struct Unpacking {
    /// The archive.
    pub(super) file: PathBuf,
    /// Its name in the sandbox.
    pub(super) name: String,
    /// The sandbox, canonical.
    pub(super) sandbox: PathBuf,
    pub(super) source: Source,
    pub(super) budget: Budget,
}

impl Archive {
    /// What a file of this name is; `None` when it is no archive.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        use Compression::{Bzip2, Gzip, None, Xz};
        let endings = [
            (".tar", Archive::Tar(None)),
            (".tar.gz", Archive::Tar(Gzip)),
            (".tgz", Archive::Tar(Gzip)),
            (".tar.bz2", Archive::Tar(Bzip2)),
            (".tbz2", Archive::Tar(Bzip2)),
            (".tar.xz", Archive::Tar(Xz)),
            (".txz", Archive::Tar(Xz)),
            (".zip", Archive::Zip),
            (".gz", Archive::Gzip),
        ];
        endings.into_iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, kind)| kind)
    }

    /// Unpacks everything; blocks.
    pub(super) fn unpack(self, from: &Unpacking) -> Result<(), FetchError> {
        let file = File::open(&from.file).map_err(|error| from.broken(error))?;
        let file = BufReader::with_capacity(PIECE, file);
        match self {
            Archive::Tar(Compression::None) => from.tar(file),
            Archive::Tar(Compression::Gzip) => from.tar(flate2::bufread::MultiGzDecoder::new(file)),
            Archive::Tar(Compression::Bzip2) => from.tar(bzip2::bufread::MultiBzDecoder::new(file)),
            Archive::Tar(Compression::Xz) => from.tar(lzma_rust2::XzReader::new(file, true)),
            Archive::Zip => from.zip(file),
            Archive::Gzip => from.gzip(flate2::bufread::MultiGzDecoder::new(file)),
        }
    }
}

impl Unpacking {
    fn tar(&self, reader: impl Read) -> Result<(), FetchError> {
        let mut archive = tar::Archive::new(reader);
        let mut closed = Vec::new();
        for entry in archive.entries().map_err(|error| self.broken(error))? {
            let mut entry = entry.map_err(|error| self.broken(error))?;
            let kind = entry.header().entry_type();
            let is_metadata = kind.is_pax_global_extensions() || kind.is_pax_local_extensions();
            let is_written = kind.is_file()
                || kind.is_dir()
                || kind.is_symlink()
                || kind.is_hard_link()
                || kind.is_contiguous()
                || kind.is_gnu_sparse();
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if is_metadata {
                continue;
            }
            if !is_written {
                return self.refused(format!("`{name}` is a device or a pipe"));
            }
            self.budget.take(ENTRY.saturating_add(entry.size()), &self.source)?;
            let below = normal(Path::new(OsStr::from_bytes(&entry.path_bytes())));
            if kind.is_hard_link() {
                let target = entry.link_name().map_err(|error| self.broken(error))?;
                let target = target.unwrap_or_default().into_owned();
                if self.is_linked(&below, &target).map_err(|error| self.broken(error))? {
                    continue;
                }
            }
            let is_inside = entry.unpack_in(&self.sandbox).map_err(|error| self.broken(error))?;
            if !is_inside {
                return self.refused(format!("`{name}` leads out of the sandbox"));
            }
            let mode = entry.header().mode().unwrap_or(0o755) & 0o777;
            if kind.is_dir() && mode & 0o700 != 0o700 && !below.as_os_str().is_empty() {
                let path = self.open_up(&below).map_err(|error| self.broken(error))?;
                closed.push((path, mode));
            }
        }
        for (path, mode) in closed.iter().rev() {
            set_mode(path, *mode).map_err(|error| self.broken(error))?;
        }
        Ok(())
    }

    /// Removes what stands in place of a hard link, as `tar` does; whether it is that link already.
    fn is_linked(&self, below: &Path, target: &Path) -> io::Result<bool> {
        let path = confined::path_in(&self.sandbox, below)?;
        let Ok(found) = fs::symlink_metadata(&path) else { return Ok(false) };
        let is_target = fs::symlink_metadata(self.sandbox.join(normal(target)))
            .is_ok_and(|target| (target.dev(), target.ino()) == (found.dev(), found.ino()));
        if !is_target && !found.is_dir() {
            fs::remove_file(path)?;
        }
        Ok(is_target)
    }

    /// Lets the agent's user write in a folder until everything is unpacked; its path, without links.
    fn open_up(&self, below: &Path) -> io::Result<PathBuf> {
        let path = confined::path_in(&self.sandbox, below)?;
        // Its owner may not be able to open it, and only a folder was made there just now.
        if fs::symlink_metadata(&path)?.is_dir() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(path)
    }

    fn zip(&self, reader: BufReader<File>) -> Result<(), FetchError> {
        let mut archive = zip::ZipArchive::new(reader).map_err(|error| self.broken(error))?;
        // Links are made last, so that nothing is written through them.
        let mut links = Vec::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(|error| self.broken(error))?;
            let Some(name) = entry.enclosed_name() else {
                let name = String::from_utf8_lossy(entry.name_raw());
                return self.refused(format!("`{name}` leads out of the sandbox"));
            };
            self.budget.take(ENTRY, &self.source)?;
            if entry.is_dir() {
                self.folder(&name).map_err(|error| self.broken(error))?;
            } else if entry.is_symlink() {
                let mut target = String::new();
                let length = entry.by_ref().take(4_096).read_to_string(&mut target);
                length.map_err(|error| self.broken(error))?;
                links.push((name, target));
            } else {
                let mode = entry.unix_mode().unwrap_or(0o644) & 0o777;
                let path = self.path_of(&name).map_err(|error| self.broken(error))?;
                self.write(&path, &mut entry, mode)?;
            }
        }
        for (name, target) in links {
            let path = self.path_of(&name).map_err(|error| self.broken(error))?;
            symlink(target, path).map_err(|error| self.broken(error))?;
        }
        Ok(())
    }

    fn gzip(&self, mut reader: impl Read) -> Result<(), FetchError> {
        let name = self.name.strip_suffix(".gz").unwrap_or(&self.name);
        let path = self.path_of(Path::new(name)).map_err(|error| self.broken(error))?;
        self.write(&path, &mut reader, 0o644)
    }

    fn folder(&self, name: &Path) -> io::Result<()> {
        match fs::create_dir(confined::path_in(&self.sandbox, name)?) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    /// Where an entry is written; what stands there already goes.
    fn path_of(&self, name: &Path) -> io::Result<PathBuf> {
        let path = confined::path_in(&self.sandbox, name)?;
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_dir() => fs::remove_file(&path)?,
            Ok(_) | Err(_) => {}
        }
        Ok(path)
    }

    fn write(&self, path: &Path, from: &mut impl Read, mode: u32) -> Result<(), FetchError> {
        let file = File::options().write(true).create_new(true).open(path);
        let mut file = file.map_err(|error| self.broken(error))?;
        let mut piece = vec![0; PIECE];
        loop {
            let length = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.broken(error)),
            };
            self.budget.take(length as u64, &self.source)?;
            file.write_all(&piece[..length]).map_err(|error| self.broken(error))?;
        }
        let mode = fs::Permissions::from_mode(mode);
        file.set_permissions(mode).map_err(|error| self.broken(error))
    }

    fn refused<T>(&self, why: String) -> Result<T, FetchError> {
        Err(FetchError::Archive { uri: self.source.shown(), why })
    }

    fn broken(&self, error: impl std::error::Error) -> FetchError {
        let mut why = error.to_string();
        if let Some(cause) = error.source() {
            why = format!("{why}: {cause}");
        }
        FetchError::Archive { uri: self.source.shown(), why }
    }
}

/// A path as it is taken below the sandbox: absolute ones are not, and those that go up are refused when they are written.
fn normal(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .collect()
}

/// Sets the mode of a folder; something else that stands there meanwhile is left alone.
fn set_mode(folder: &Path, mode: u32) -> io::Result<()> {
    let how = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let opened = File::options().read(true).custom_flags(how.bits().cast_signed()).open(folder);
    opened?.set_permissions(fs::Permissions::from_mode(mode))
}
