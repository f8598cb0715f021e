//! Segment files: their names, and how they are made.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, LogError};

/// An open segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
}

/// Makes the entries of a folder durable: names made, renamed or deleted in it.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), LogError> {
    let opened = File::open(folder).map_err(LogError::io("open", folder))?;
    opened.sync_all().map_err(LogError::sync(folder))
}

/// Opens the file `name` of `folder`; one that is not there is made first, full of `bytes` zeros.
///
/// It has its name only once it is complete and durable: a file that is there and too short was damaged.
pub(crate) fn open_or_make(folder: &Path, name: &str, bytes: usize) -> Result<File, LogError> {
    let path = folder.join(name);
    if !path.exists() {
        let temporary = folder.join(format!("{name}.new"));
        let make = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&vec![0; bytes])?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        make().map_err(LogError::io("create", &path))?;
        sync_folder(folder)?;
    }
    let file = OpenOptions::new().read(true).write(true).open(&path);
    file.map_err(LogError::io("open", &path))
}

/// The segments of a folder, in order; leftovers of an interrupted creation are removed.
pub(crate) fn list(folder: &Path) -> Result<Vec<Segment>, LogError> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder).map_err(LogError::io("list", folder))? {
        let path = entry.map_err(LogError::io("list", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".new") {
            fs::remove_file(&path).map_err(LogError::io("remove", &path))?;
            continue;
        }
        let Some(number) = name.strip_suffix(".segment").and_then(|number| number.parse().ok())
        else {
            continue;
        };
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = Arc::new(file.map_err(LogError::io("open", &path))?);
        segments.push(Segment { number, path, file });
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

/// Makes a segment full of zeros. It has its name only once it is complete and durable.
pub(crate) fn create(
    disk: &mut impl Disk,
    folder: &Path,
    number: u64,
    bytes: u64,
) -> Result<Segment, LogError> {
    let path = path_of(folder, number);
    let temporary = path.with_extension("new");
    let mut make = || -> Result<File, LogError> {
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&temporary);
        let mut file = opened.map_err(LogError::io("create", &temporary))?;
        disk.fill(&mut file, bytes).map_err(LogError::io("fill", &temporary))?;
        disk.sync_new(&file).map_err(LogError::sync(&temporary))?;
        fs::rename(&temporary, &path).map_err(LogError::io("create", &path))?;
        Ok(file)
    };
    let file = make().inspect_err(|_| {
        // Give the space back; the next attempt starts anew.
        let _ = fs::remove_file(&temporary);
    })?;
    sync_folder(folder)?;
    Ok(Segment { number, path, file: Arc::new(file) })
}

/// The file of the segment with this number.
pub(crate) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(name_of(number))
}

/// The name of the segment with this number.
pub(crate) fn name_of(number: u64) -> String {
    format!("{number:010}.segment")
}
