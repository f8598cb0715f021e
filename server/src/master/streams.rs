//! The event streams of frameworks: one bounded queue each.
//!
//! A framework that does not read loses its stream, never the master's time: a full queue closes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use master_core::StreamId;
use tokio::sync::mpsc;
use wire::mesos::v1::scheduler::Event;

/// Events that wait for a slow framework.
const QUEUE: usize = 4_096;

/// The open streams of one leadership.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: Mutex<BTreeMap<StreamId, mpsc::Sender<Arc<Event>>>>,
}

impl Streams {
    /// Opens a stream.
    pub(crate) fn open(&self, id: StreamId) -> mpsc::Receiver<Arc<Event>> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        receiver
    }

    /// Queues an event. False when the stream is not open, or was too slow and is closed now.
    pub(crate) fn send(&self, id: &StreamId, event: Arc<Event>) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_sent = open.get(id).is_some_and(|sender| sender.try_send(event).is_ok());
        if !is_sent {
            open.remove(id);
        }
        is_sent
    }

    /// Ends a stream after what is queued.
    pub(crate) fn close(&self, id: &StreamId) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_that_is_not_read_is_closed() {
        let streams = Streams::default();
        let id = StreamId::new("s");
        let mut events = streams.open(id.clone());
        for _ in 0..QUEUE {
            assert!(streams.send(&id, Arc::default()));
        }
        assert!(!streams.send(&id, Arc::default()));
        let mut read = 0;
        while events.recv().await.is_some() {
            read += 1;
        }
        assert_eq!(read, QUEUE, "what was queued before is still read");
        assert!(!streams.send(&id, Arc::default()));
    }
}
