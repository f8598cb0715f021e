//! Events to the readers of `/v2/events` and to the console.
//!
//! Each reader has a bounded buffer; one that does not keep up is told so and must be disconnected
//! (marathon.md §5). Nothing is replayed.

use std::sync::Arc;

use tokio::sync::broadcast;
use wire::marathon::Event;

type Sender = broadcast::Sender<Option<Arc<Event>>>;

/// The sending side, cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    /// Those who read from outside, and the console.
    readers: Sender,
    /// Parts of this process, which do not count as readers.
    followers: Sender,
}

/// One reader.
#[derive(Debug)]
pub(crate) struct EventStream(broadcast::Receiver<Option<Arc<Event>>>);

impl Events {
    /// A stream whose readers may lag by `capacity` events.
    pub(crate) fn new(capacity: usize) -> Self {
        let channel = || broadcast::channel(capacity.max(1)).0;
        Self { readers: channel(), followers: channel() }
    }

    /// Shows an event to all readers; without readers it is gone.
    pub(crate) fn publish(&self, event: Event) {
        let event = Arc::new(event);
        // An error says that nobody reads.
        let _ = self.followers.send(Some(Arc::clone(&event)));
        let _ = self.readers.send(Some(event));
    }

    /// Ends the streams of all present readers: this process leads no more, its events are over.
    pub(super) fn end_all(&self) {
        let _ = self.followers.send(None);
        let _ = self.readers.send(None);
    }

    /// Starts reading.
    pub(crate) fn subscribe(&self) -> EventStream {
        EventStream(self.readers.subscribe())
    }

    /// Starts reading without being counted.
    pub(crate) fn follow(&self) -> EventStream {
        EventStream(self.followers.subscribe())
    }

    /// How many readers there are.
    pub(crate) fn readers(&self) -> usize {
        self.readers.receiver_count()
    }
}

impl EventStream {
    /// The next event; `None` when the reader fell behind, leadership is lost or the process stops: disconnect it.
    pub(crate) async fn next(&mut self) -> Option<Arc<Event>> {
        self.0.recv().await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disconnected(number: u32) -> Event {
        Event::SchedulerDisconnected { timestamp: number.to_string() }
    }

    #[tokio::test]
    async fn a_reader_sees_events_in_order_from_its_start() {
        let events = Events::new(8);
        events.publish(disconnected(0));
        let mut reader = events.subscribe();
        events.publish(disconnected(1));
        events.publish(disconnected(2));
        assert_eq!(reader.next().await.as_deref(), Some(&disconnected(1)));
        assert_eq!(reader.next().await.as_deref(), Some(&disconnected(2)));
    }

    #[tokio::test]
    async fn streams_end_with_the_leadership_and_later_ones_begin_afresh() {
        let events = Events::new(8);
        let mut reader = events.subscribe();
        events.publish(disconnected(1));
        events.end_all();
        assert_eq!(reader.next().await.as_deref(), Some(&disconnected(1)));
        assert_eq!(reader.next().await, None);
        let mut later = events.subscribe();
        events.publish(disconnected(2));
        assert_eq!(later.next().await.as_deref(), Some(&disconnected(2)));
    }

    #[tokio::test]
    async fn a_reader_that_falls_behind_is_cut_off() {
        let events = Events::new(2);
        let mut slow = events.subscribe();
        for number in 0..3 {
            events.publish(disconnected(number));
        }
        assert_eq!(slow.next().await, None);
    }
}
