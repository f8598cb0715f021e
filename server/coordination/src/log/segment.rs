//! Segment files: names, creation, and the thread that has the next one ready in time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::LogError;

/// How long to wait before a segment that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// An open segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
}

/// Makes the entries of a folder durable: names made, renamed or deleted in it.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), LogError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LogError::io("sync", folder))
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
pub(crate) fn create(folder: &Path, number: u64, bytes: u64) -> Result<Segment, LogError> {
    let path = folder.join(format!("{number:010}.segment"));
    let temporary = folder.join(format!("{number:010}.new"));
    let make = || -> io::Result<File> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)?;
        let zeros = vec![0; 1 << 20];
        let mut left = bytes;
        while left > 0 {
            let chunk = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
            file.write_all(&zeros[..chunk])?;
            left -= chunk as u64;
        }
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        Ok(file)
    };
    let file = make().map_err(LogError::io("create", &path)).inspect_err(|_| {
        // Give the space back; the next attempt starts anew.
        let _ = fs::remove_file(&temporary);
    })?;
    sync_folder(folder)?;
    Ok(Segment { number, path, file: Arc::new(file) })
}

/// Makes segments ahead of their use, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Preparer {
    orders: Option<Sender<u64>>,
    ready: Receiver<Segment>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    /// Starts the thread. `disk_full` is true while a segment that was ordered cannot be made.
    pub(crate) fn start(
        folder: PathBuf,
        bytes: u64,
        disk_full: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let (orders, incoming) = channel::<u64>();
        let (finished, ready) = channel();
        let thread = std::thread::Builder::new().name("log-segments".into()).spawn(move || {
            while let Ok(number) = incoming.recv() {
                let Some(segment) = create_at_last(&folder, number, bytes, &disk_full, &incoming)
                else {
                    return;
                };
                if finished.send(segment).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { orders: Some(orders), ready, thread: Some(thread) })
    }

    /// Orders the segment with this number.
    pub(crate) fn order(&self, number: u64) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(number);
        }
    }

    /// The segment that was ordered, as soon as it is ready; `None` when the thread has ended.
    pub(crate) fn take(&self) -> Option<Segment> {
        self.ready.recv().ok()
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Tries until the segment is made; `None` when the log is closed meanwhile.
fn create_at_last(
    folder: &Path,
    number: u64,
    bytes: u64,
    disk_full: &AtomicBool,
    incoming: &Receiver<u64>,
) -> Option<Segment> {
    loop {
        match create(folder, number, bytes) {
            Ok(segment) => {
                disk_full.store(false, Ordering::Release);
                return Some(segment);
            }
            Err(error) => {
                if !disk_full.swap(true, Ordering::AcqRel) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "cannot prepare log segment {number}; writes are refused until there is room"
                    );
                }
            }
        }
        match incoming.recv_timeout(RETRY) {
            Err(RecvTimeoutError::Disconnected) => return None,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
