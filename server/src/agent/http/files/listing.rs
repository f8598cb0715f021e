//! The entries of a folder, as `ls` describes them.

use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Dir, Mode, OFlags, openat};
use wire::mesos::v0::FileEntry;

use super::place::Place;
use super::{Refusal, refused};

/// The most entries that are listed; whoever makes more is not browsed.
const MAX_ENTRIES: usize = 50_000;

/// The folder's entries by path; none of what is no folder.
pub(super) fn entries(path: &str, place: &Place) -> Result<Vec<FileEntry>, Refusal> {
    let broken = |errno: rustix::io::Errno| refused(path, &errno.into());
    let folder = place.look(path)?;
    if !folder.metadata().map_err(|error| refused(path, &error))?.is_dir() {
        return Ok(Vec::new());
    }
    let folder = place.open(path)?;
    let names = Names::read();
    let mut entries = Vec::new();
    for entry in Dir::read_from(&folder).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let name = Path::new(std::ffi::OsStr::from_bytes(entry.file_name().to_bytes()));
        if name == Path::new(".") || name == Path::new("..") {
            continue;
        }
        if entries.len() == MAX_ENTRIES {
            return Err(Refusal::Invalid(format!("'{path}' has more than {MAX_ENTRIES} entries")));
        }
        let how = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // One that is gone again meanwhile is left out.
        let Ok(own) = openat(&folder, name, how, Mode::empty()) else { continue };
        let Ok(metadata) = fs::File::from(own).metadata() else { continue };
        // Compat: the original follows every link; one that leads out of the sandbox, or nowhere, is shown as what it is.
        let followed = metadata.is_symlink().then(|| behind(place, name)).flatten();
        let full = format!("{}/{}", path.trim_end_matches('/'), name.to_string_lossy());
        entries.push(names.described(full, &followed.unwrap_or(metadata)));
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn behind(place: &Place, name: &Path) -> Option<Metadata> {
    place.entry(name)?.look("").ok()?.metadata().ok()
}

/// The system's tables of users and groups.
struct Names {
    users: String,
    groups: String,
}

impl Names {
    fn read() -> Self {
        let read = |table| fs::read_to_string(table).unwrap_or_default();
        Self { users: read("/etc/passwd"), groups: read("/etc/group") }
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds of this age fit 53 bits")]
    fn described(&self, path: String, metadata: &Metadata) -> FileEntry {
        FileEntry {
            path,
            nlink: metadata.nlink(),
            size: metadata.len(),
            mtime: metadata.mtime() as f64,
            mode: mode(metadata),
            uid: name_of(&self.users, metadata.uid()),
            gid: name_of(&self.groups, metadata.gid()),
        }
    }
}

/// The mode as `ls` writes it.
fn mode(metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    let first = if kind.is_dir() {
        'd'
    } else if kind.is_symlink() {
        'l'
    } else if kind.is_char_device() {
        'c'
    } else if kind.is_block_device() {
        'b'
    } else if kind.is_fifo() {
        'p'
    } else if kind.is_socket() {
        's'
    } else {
        '-'
    };
    let bits = metadata.permissions().mode();
    let letters = "rwxrwxrwx".chars().enumerate();
    let letters =
        letters.map(|(place, letter)| if bits & (0o400 >> place) == 0 { '-' } else { letter });
    [first].into_iter().chain(letters).collect()
}

/// The name of a user or group in the system's table; the number where it has none.
fn name_of(table: &str, id: u32) -> String {
    let id = id.to_string();
    let line = table.lines().find(|line| line.split(':').nth(2) == Some(&id));
    line.and_then(|line| line.split(':').next()).map_or(id.clone(), str::to_owned)
}
