//! `/ui/api/v1/events`: tells browsers that something changed.
//!
//! Every component that publishes a snapshot marks the topics that differ; a stream sends each marked topic once, however
//! often it was marked meanwhile, and at most every [`SPACING`]. A slow reader therefore loses nothing but intermediate steps.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wire::console::{Change, HEARTBEAT, RESYNC, Topic};

/// The least time between two bursts of events on one stream.
const SPACING: Duration = Duration::from_millis(100);
/// How often a silent stream shows that it lives.
const BEAT: Duration = Duration::from_secs(15);

/// How often each topic was marked, and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    revision: u64,
    topics: [u64; Topic::ALL.len()],
}

/// The side that marks topics.
#[derive(Debug, Clone)]
pub(crate) struct ChangeFeed(watch::Sender<Marks>);

/// The side that streams read; cheap to clone.
pub(crate) type Changes = watch::Receiver<Marks>;

impl ChangeFeed {
    /// A feed with nothing marked, and its reading side.
    pub(crate) fn new() -> (Self, Changes) {
        let (sender, receiver) = watch::channel(Marks::default());
        (Self(sender), receiver)
    }

    /// Says that these topics changed.
    pub(crate) fn mark(&self, topics: &[Topic]) {
        if topics.is_empty() {
            return;
        }
        self.0.send_modify(|marks| {
            marks.revision += 1;
            for (count, topic) in marks.topics.iter_mut().zip(Topic::ALL) {
                *count += u64::from(topics.contains(&topic));
            }
        });
    }
}

/// The route of the stream.
pub(super) fn routes(changes: Changes, stop: CancellationToken) -> Router {
    let open = move |headers: HeaderMap| {
        let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        let events = events(changes.clone(), last, stop.clone());
        async {
            Sse::new(events).keep_alive(
                KeepAlive::new().interval(BEAT).event(Event::default().event(HEARTBEAT).data("{}")),
            )
        }
    };
    Router::new().route("/events", get(open))
}

/// Where a stream stands.
struct Reader {
    changes: Changes,
    seen: Marks,
    pending: Vec<Event>,
    stop: CancellationToken,
}

fn events(
    mut changes: Changes,
    last: Option<u64>,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let seen = *changes.borrow_and_update();
    // A reader that comes back cannot know what it missed.
    let missed = last.filter(|last| *last != seen.revision).map(|_| event(RESYNC, seen.revision));
    let reader = Reader { changes, seen, pending: missed.into_iter().collect(), stop };
    stream::unfold(reader, |mut reader| async move {
        while reader.pending.is_empty() {
            let is_over = tokio::select! {
                () = reader.stop.cancelled() => true,
                changed = reader.changes.changed() => changed.is_err(),
            };
            if is_over {
                return None;
            }
            tokio::time::sleep(SPACING).await;
            reader.collect();
        }
        let event = reader.pending.pop()?;
        Some((Ok(event), reader))
    })
}

impl Reader {
    /// Notes an event for each topic marked since the last look.
    fn collect(&mut self) {
        let now = *self.changes.borrow_and_update();
        let both = now.topics.iter().zip(&self.seen.topics);
        let marked = Topic::ALL.iter().zip(both).filter(|(_, (now, seen))| now != seen);
        self.pending = marked.map(|(topic, _)| event(topic.name(), now.revision)).collect();
        self.seen = now;
    }
}

fn event(name: &str, revision: u64) -> Event {
    let event = Event::default().event(name).id(revision.to_string());
    event.json_data(Change { revision }).expect("a number is always JSON")
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    async fn names(
        stream: &mut (impl Stream<Item = Result<Event, Infallible>> + Unpin),
        count: usize,
    ) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            let text = format!("{:?}", stream.next().await.unwrap().unwrap());
            let known = Topic::ALL.iter().map(|topic| topic.name()).chain([RESYNC]);
            names.extend(
                known.filter(|name| text.contains(&format!("event: {name}"))).map(str::to_owned),
            );
        }
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_topic_marked_often_is_sent_once() {
        let (feed, changes) = ChangeFeed::new();
        let mut stream = Box::pin(events(changes, None, CancellationToken::new()));
        for _ in 0..50 {
            feed.mark(&[Topic::Task, Topic::Agent]);
        }
        assert_eq!(names(&mut stream, 2).await, ["agent", "task"]);
        feed.mark(&[Topic::Leader]);
        assert_eq!(names(&mut stream, 1).await, ["leader"]);
    }

    #[tokio::test]
    async fn a_reader_that_comes_back_is_told_to_read_everything() {
        let (feed, changes) = ChangeFeed::new();
        feed.mark(&[Topic::Task]);
        let mut stream = Box::pin(events(changes, Some(0), CancellationToken::new()));
        assert_eq!(names(&mut stream, 1).await, [RESYNC]);
    }

    #[tokio::test]
    async fn streams_end_with_the_server() {
        let (_feed, changes) = ChangeFeed::new();
        let stop = CancellationToken::new();
        let mut stream = Box::pin(events(changes, None, stop.clone()));
        stop.cancel();
        assert!(stream.next().await.is_none());
    }
}
