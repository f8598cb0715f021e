//! The browser's end of `/ui/api/v1/events`.

use leptos::prelude::*;
use wire::console::Topic;

/// How the page learns of changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StreamState {
    /// Not through a stream: before the browser has taken over, or without JavaScript.
    #[default]
    Polling,
    /// The stream is open.
    Live,
    /// The stream broke; the browser connects again.
    Reconnecting,
}

/// The event stream, folded into one counter for each topic.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Whether it is open.
    pub state: RwSignal<StreamState>,
    counts: RwSignal<[u64; Topic::ALL.len()]>,
}

impl Stream {
    /// Puts a stream, not open yet, into context.
    pub fn provide() -> Self {
        let stream = Self {
            state: RwSignal::new(StreamState::default()),
            counts: RwSignal::new([0; Topic::ALL.len()]),
        };
        provide_context(stream);
        stream
    }

    /// The page's own, from context.
    pub fn here() -> Self {
        expect_context::<Self>()
    }

    /// A number that grows whenever one of `topics` changes.
    pub fn changes(self, topics: &'static [Topic]) -> Memo<u64> {
        Memo::new(move |_| {
            self.counts.with(|counts| {
                Topic::ALL
                    .iter()
                    .zip(counts)
                    .filter(|(topic, _)| topics.contains(topic))
                    .map(|(_, count)| count)
                    .sum()
            })
        })
    }

    /// Notes that `topic` changed.
    #[cfg(feature = "hydrate")]
    pub(super) fn changed(self, topic: Topic) {
        self.counts.update(|counts| {
            let both = Topic::ALL.iter().zip(counts.iter_mut());
            both.filter(|(known, _)| **known == topic).for_each(|(_, count)| *count += 1);
        });
    }

    /// Notes that anything may have changed.
    #[cfg(feature = "hydrate")]
    pub(super) fn resync(self) {
        self.counts.update(|counts| counts.iter_mut().for_each(|count| *count += 1));
    }
}
