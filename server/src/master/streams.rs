//! The event streams of frameworks: one bounded queue each.
//!
//! A framework that does not read loses its stream, never the master's time: a full queue closes it. What counts is
//! bytes, since a reconciliation answers for every task of a large framework at once, in many small events.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use master_core::StreamId;
use prost::Message as _;
use tokio::sync::mpsc;
use wire::mesos::v1::scheduler::Event;

/// Bytes of events that wait for a slow framework: several answers for each of 50,000 tasks.
const QUEUE_BYTES: usize = 64 << 20;
/// What a waiting event takes beside its own bytes, about.
const EVENT_OVERHEAD: usize = 512;

/// The open streams of one leadership.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: Mutex<BTreeMap<StreamId, Queue>>,
}

/// The sending side of a stream.
#[derive(Debug)]
struct Queue {
    events: mpsc::UnboundedSender<Waiting>,
    bytes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Waiting {
    event: Arc<Event>,
    bytes: usize,
}

/// The reading side of a stream.
#[derive(Debug)]
pub(crate) struct Events {
    waiting: mpsc::UnboundedReceiver<Waiting>,
    taken: Vec<Waiting>,
    bytes: Arc<AtomicUsize>,
}

impl Events {
    /// Takes up to `limit` events, waiting for the first; none when the stream is over. Events are not lost when the
    /// future is dropped.
    pub(crate) async fn next(&mut self, limit: usize) -> impl Iterator<Item = Arc<Event>> + '_ {
        self.waiting.recv_many(&mut self.taken, limit).await;
        let bytes = self.taken.iter().map(|waiting| waiting.bytes).sum();
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.taken.drain(..).map(|waiting| waiting.event)
    }
}

/// What became of an event, or of a frame for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It waits for its reader.
    Queued,
    /// The reader was too slow: this has closed its stream.
    Overrun,
    /// The stream was not open.
    NotOpen,
}

impl Streams {
    /// Opens a stream.
    pub(crate) fn open(&self, id: StreamId) -> Events {
        let (events, waiting) = mpsc::unbounded_channel();
        let bytes = Arc::new(AtomicUsize::new(0));
        let queue = Queue { events, bytes: Arc::clone(&bytes) };
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, queue);
        Events { waiting, taken: Vec::new(), bytes }
    }

    /// Queues an event.
    pub(crate) fn send(&self, id: &StreamId, event: Arc<Event>) -> Sent {
        let bytes = event.encoded_len() + EVENT_OVERHEAD;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = open.get(id) else { return Sent::NotOpen };
        // A single large event has room in an empty queue, whatever its size.
        let before = queue.bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = before == 0 || before + bytes <= QUEUE_BYTES;
        if has_room && queue.events.send(Waiting { event, bytes }).is_ok() {
            return Sent::Queued;
        }
        open.remove(id);
        Sent::Overrun
    }

    /// Ends a stream after what is queued.
    pub(crate) fn close(&self, id: &StreamId) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    use wire::mesos::v1::scheduler::event;

    use super::*;

    fn failure(bytes: usize) -> Arc<Event> {
        let error = Some(event::Error { message: "x".repeat(bytes) });
        Arc::new(Event { error, ..Event::default() })
    }

    #[tokio::test]
    async fn a_stream_that_is_not_read_is_closed_once() {
        let streams = Streams::default();
        let id = StreamId::new("s");
        let mut events = streams.open(id.clone());
        let mut queued = 0;
        while streams.send(&id, failure(1 << 20)) == Sent::Queued {
            queued += 1;
            assert!(queued <= QUEUE_BYTES >> 20, "nothing bounds the queue");
        }
        assert_eq!(streams.send(&id, failure(1)), Sent::NotOpen, "only one event tells of the end");
        let mut read = 0;
        loop {
            let taken = events.next(10).await.count();
            if taken == 0 {
                break;
            }
            read += taken;
        }
        assert_eq!(read, queued, "what was queued before is still read");
    }

    #[tokio::test]
    async fn a_large_framework_is_told_of_all_its_tasks_at_once() {
        let streams = Streams::default();
        let id = StreamId::new("s");
        let mut events = streams.open(id.clone());
        for _ in 0..2 {
            for _ in 0..50_000 {
                assert_eq!(streams.send(&id, failure(100)), Sent::Queued);
            }
            let mut read = 0;
            while read < 50_000 {
                read += events.next(256).await.count();
            }
        }
        assert_eq!(streams.send(&id, failure(QUEUE_BYTES + 1)), Sent::Queued, "it is alone");
    }
}
