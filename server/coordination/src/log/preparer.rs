//! The thread that has the next segment ready in time, and deletes those that nobody needs any more.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::segment::{Segment, create, path_of, sync_folder};
use super::{Disk, LogError};

/// How long to wait before a segment that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(1);

enum Order {
    /// Make the segment with this number.
    Make(u64),
    /// Delete these segments.
    Remove(Vec<u64>),
}

/// Makes segments ahead of their use and deletes old ones, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Preparer {
    orders: Option<Sender<Order>>,
    ready: Receiver<Segment>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    /// Starts the thread. `disk_full` is true while a segment that was ordered cannot be made.
    pub(crate) fn start(
        disk: impl Disk,
        folder: PathBuf,
        segment_bytes: u64,
        disk_full: watch::Sender<bool>,
    ) -> io::Result<Self> {
        let (orders, incoming) = channel();
        let (finished, ready) = channel();
        let unused = VecDeque::new();
        let mut work = Work { disk, folder, segment_bytes, disk_full, incoming, finished, unused };
        let thread =
            std::thread::Builder::new().name("log-segments".into()).spawn(move || work.run())?;
        Ok(Self { orders: Some(orders), ready, thread: Some(thread) })
    }

    /// Orders the segment with this number.
    pub(crate) fn order(&self, number: u64) {
        self.send(Order::Make(number));
    }

    /// Has segments deleted whose entries are in a snapshot; that they are purged must be durable.
    pub(crate) fn remove(&self, numbers: Vec<u64>) {
        if !numbers.is_empty() {
            self.send(Order::Remove(numbers));
        }
    }

    fn send(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
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

/// The thread's side.
struct Work<D> {
    disk: D,
    folder: PathBuf,
    segment_bytes: u64,
    disk_full: watch::Sender<bool>,
    incoming: Receiver<Order>,
    finished: Sender<Segment>,
    /// Segments that are to be deleted, the oldest first.
    unused: VecDeque<u64>,
}

impl<D: Disk> Work<D> {
    fn run(&mut self) {
        while let Ok(order) = self.incoming.recv() {
            match order {
                Order::Remove(numbers) => self.remove(numbers),
                Order::Make(number) => {
                    let Some(segment) = self.make_at_last(number) else { return };
                    if self.finished.send(segment).is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Tries until the segment is made; `None` when the log is closed meanwhile.
    fn make_at_last(&mut self, number: u64) -> Option<Segment> {
        loop {
            match create(&mut self.disk, &self.folder, number, self.segment_bytes) {
                Ok(segment) => {
                    if self.disk_full.send_replace(false) {
                        tracing::info!("log segment {number} is ready; writes are taken again");
                    }
                    return Some(segment);
                }
                Err(error) => {
                    if !self.disk_full.send_replace(true) {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "cannot prepare log segment {number}; writes are refused until there is room"
                        );
                    }
                }
            }
            match self.incoming.recv_timeout(RETRY) {
                Err(RecvTimeoutError::Disconnected) => return None,
                // This is what makes room.
                Ok(Order::Remove(numbers)) => self.remove(numbers),
                Ok(Order::Make(_)) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Deletes segments, the oldest first, so that what is left has no hole at any moment.
    fn remove(&mut self, numbers: Vec<u64>) {
        self.unused.extend(numbers);
        while let Some(number) = self.unused.front() {
            let path = path_of(&self.folder, *number);
            // Two deletions may reach the disk in either order, so each is synced before the next.
            let deleted = match fs::remove_file(&path) {
                // Somebody was quicker, or the folder could not be synced the last time.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed.map_err(LogError::io("remove", &path)),
            };
            if let Err(error) = deleted.and_then(|()| sync_folder(&self.folder)) {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old log segments stay until the next purge: {error}"
                );
                return;
            }
            self.unused.pop_front();
        }
    }
}
