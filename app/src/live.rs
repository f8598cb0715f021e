//! Data that stays fresh.
//!
//! A page's data is loaded once for the first paint, on the server; afterwards the browser asks again whenever the page's
//! question changes or the event stream names one of the page's topics. Old rows stay while new ones are on their way, and
//! when they fail to come.

#[cfg(feature = "hydrate")]
mod browser;
mod rows;
mod stream;

use std::time::Duration;

use leptos::prelude::*;
use wire::console::Topic;

pub use rows::Rows;
pub use stream::{Stream, StreamState};

use crate::api::Pending;
use crate::backend::ConsoleError;
use crate::boot::Now;
use crate::components::{NoData, Skeleton, StaleNotice};

/// How long a page waits before it asks again after a failure.
const RETRY: Duration = Duration::from_secs(2);

/// The data of a page, and why the last attempt to refresh it failed.
#[derive(Debug)]
pub struct Live<T: Send + Sync + 'static> {
    data: RwSignal<Option<T>>,
    error: RwSignal<Option<ConsoleError>>,
}

impl<T: Send + Sync + 'static> Clone for Live<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Live<T> {}

impl<T: Send + Sync + 'static> Live<T> {
    fn new(first: Result<T, ConsoleError>) -> Self {
        let (data, error) = match first {
            Ok(data) => (Some(data), None),
            Err(error) => (None, Some(error)),
        };
        Self { data: RwSignal::new(data), error: RwSignal::new(error) }
    }

    /// One part of the data, computed anew when the data changes; only what differs touches the page.
    pub fn pick<U>(self, part: impl Fn(&T) -> U + Send + Sync + 'static) -> Memo<U>
    where
        U: Clone + PartialEq + Send + Sync + 'static,
    {
        let data = self.data;
        Memo::new(move |previous: Option<&U>| {
            data.with(|data| data.as_ref().map(&part)).or_else(|| previous.cloned()).expect(
                "a page's view exists only once its data has come, and data never goes away",
            )
        })
    }

    /// Why the last attempt failed, if it did.
    pub fn error(self) -> Signal<Option<ConsoleError>> {
        self.error.into()
    }

    fn has_data(self) -> Memo<bool> {
        let data = self.data;
        Memo::new(move |_| data.with(Option::is_some))
    }

    fn settle(self, answer: Result<T, ConsoleError>) {
        match answer {
            Ok(data) => {
                self.data.try_set(Some(data));
                self.error.try_set(None);
            }
            Err(error) => {
                self.error.try_set(Some(error));
            }
        }
    }
}

/// Asks again, one question at a time: a wish that comes while one is under way is done after it.
struct Asking<Q: Send + Sync + 'static, T: Send + Sync + 'static> {
    live: Live<T>,
    query: Memo<Q>,
    load: fn(Q) -> Pending<T>,
    is_busy: StoredValue<bool>,
    is_wanted: StoredValue<bool>,
}

impl<Q: Send + Sync + 'static, T: Send + Sync + 'static> Clone for Asking<Q, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q: Send + Sync + 'static, T: Send + Sync + 'static> Copy for Asking<Q, T> {}

impl<Q, T> Asking<Q, T>
where
    Q: Clone + PartialEq + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    fn ask(self) {
        match self.is_busy.try_get_value() {
            Some(false) => {}
            Some(true) => {
                self.is_wanted.try_set_value(true);
                return;
            }
            None => return, // The page has gone.
        }
        self.is_busy.try_set_value(true);
        leptos::task::spawn_local(async move {
            while let Some(query) = self.query.try_get_untracked() {
                self.is_wanted.try_set_value(false);
                let answer = (self.load)(query).await;
                if answer.as_ref().is_err_and(ConsoleError::may_pass) {
                    set_timeout(move || self.ask(), RETRY);
                }
                self.live.settle(answer);
                if self.is_wanted.try_get_value() != Some(true) {
                    break;
                }
            }
            self.is_busy.try_set_value(false);
        });
    }
}

/// A page whose data is loaded for the first paint and kept fresh in the browser.
///
/// `query` is the page's question; `topics` are the events that make it ask again (none: it asks every ten seconds); `view` is built once and reads the data
/// through [`Live::pick`].
pub fn live_page<Q, T, F, V>(
    query: Memo<Q>,
    topics: &'static [Topic],
    load: fn(Q) -> Pending<T>,
    view: F,
) -> impl IntoView
where
    Q: Clone + PartialEq + Send + Sync + 'static,
    T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
    F: Fn(Live<T>) -> V + Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let changes = if topics.is_empty() { Now::ticks() } else { Stream::here().changes(topics) };
    let first = Resource::new_blocking(|| (), move |()| load(query.get_untracked()));
    view! {
        <Suspense fallback=Skeleton>
            {move || {
                let view = view.clone();
                Suspend::new(async move {
                    let live = Live::new(first.await);
                    follow(live, query, changes, load);
                    shown(live, view)
                })
            }}
        </Suspense>
    }
}

/// Asks again in the browser; the server renders once and never runs effects.
fn follow<Q, T>(live: Live<T>, query: Memo<Q>, changes: Memo<u64>, load: fn(Q) -> Pending<T>)
where
    Q: Clone + PartialEq + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    let asking = Asking {
        live,
        query,
        load,
        is_busy: StoredValue::new(false),
        is_wanted: StoredValue::new(false),
    };
    Effect::new(move |seen: Option<(Q, u64)>| {
        let now = (query.get(), changes.get());
        let is_first = seen.is_none();
        if seen.is_some_and(|seen| seen != now)
            || (is_first && live.error.get_untracked().is_some())
        {
            asking.ask();
        }
        now
    });
}

fn shown<T, F, V>(live: Live<T>, view: F) -> impl IntoView
where
    T: Send + Sync + 'static,
    F: Fn(Live<T>) -> V + Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let has_data = live.has_data();
    move || {
        if has_data.get() {
            let page = view(live);
            view! { <StaleNotice error=live.error()/> {page} }.into_any()
        } else {
            view! { <NoData error=live.error()/> }.into_any()
        }
    }
}
