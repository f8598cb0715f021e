//! The thread that has the next segment ready in time, and deletes those that nobody needs any more.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::segment::{Segment, create, path_of, sync_folder};
use super::{Disk, LogError};
use crate::storage::{NoRoom, Room};

/// How long to wait before a segment that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(1);

enum Order {
    /// Make the segments up to this number, in order.
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
    /// Starts the thread, which makes the segments from `next` on. `room` is told of each, and while the next
    /// one that was ordered cannot be made, why not.
    pub(crate) fn start(
        disk: impl Disk,
        folder: PathBuf,
        segment_bytes: u64,
        next: u64,
        room: Room,
    ) -> io::Result<Self> {
        let (orders, incoming) = channel();
        let (finished, ready) = channel();
        let unused = VecDeque::new();
        let wanted = next.saturating_sub(1);
        let mut work =
            Work { disk, folder, segment_bytes, next, wanted, room, incoming, finished, unused };
        let thread =
            std::thread::Builder::new().name("log-segments".into()).spawn(move || work.run())?;
        Ok(Self { orders: Some(orders), ready, thread: Some(thread) })
    }

    /// Orders the segments up to this number.
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

    /// The next segment that was ordered, as soon as it is ready; `None` when the thread has ended.
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
    /// The segment that is made next.
    next: u64,
    /// The last one that was ordered.
    wanted: u64,
    room: Room,
    incoming: Receiver<Order>,
    finished: Sender<Segment>,
    /// Segments that are to be deleted, the oldest first.
    unused: VecDeque<u64>,
}

/// What became of a segment that was to be made.
enum Making {
    Made,
    Failed,
    /// Nobody needs it any more, or the process ends.
    Stop,
}

impl<D: Disk> Work<D> {
    fn run(&mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let order = if self.next > self.wanted {
                self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.incoming.recv_timeout(pause)
            };
            match order {
                Ok(Order::Make(number)) => self.wanted = self.wanted.max(number),
                // This is what makes room.
                Ok(Order::Remove(numbers)) => self.remove(numbers),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.next <= self.wanted {
                pause = match self.make() {
                    Making::Made => Duration::ZERO,
                    Making::Failed => RETRY,
                    Making::Stop => return,
                };
            }
        }
    }

    /// Makes the next segment, or notes why that is not possible at the moment.
    fn make(&mut self) -> Making {
        let number = self.next;
        match create(&mut self.disk, &self.folder, number, self.segment_bytes) {
            Ok(segment) => {
                self.next += 1;
                if self.room.made().is_some() {
                    tracing::info!("log segment {number} is ready; writes are taken again");
                }
                if self.finished.send(segment).is_ok() { Making::Made } else { Making::Stop }
            }
            // Where a full disk shows only then, the file is thrown away, and nothing depends on it yet.
            Err(error @ LogError::Sync { .. }) if !error.is_disk_full() => {
                let sentence = error.sentence();
                self.disk
                    .halt(&format!("the raft log {sentence}; stopping, nothing can be stored"));
                Making::Stop
            }
            Err(error) => {
                let why = if error.is_disk_full() {
                    NoRoom::DiskFull
                } else {
                    NoRoom::Failed(error.sentence().into())
                };
                if self.room.cannot_make(why) {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "cannot prepare log segment {number}; writes are refused until that is possible"
                    );
                }
                Making::Failed
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
