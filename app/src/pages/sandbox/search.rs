//! The search in an open file: at once in the lines that the page has, and on through the whole file.

use std::time::Duration;

use leptos::prelude::*;
use wire::console::SearchQuery;

use super::ansi::hits;
use super::follow::Followed;
use super::hunt::{Hunt, Step};
use super::log::Log;
use crate::backend::ConsoleError;
use crate::boot::Boot;
use crate::components::{Icon, reason};
use crate::i18n::{ClusterWords, phrases};

/// A text that no loaded line has is searched for in the file after this pause: more of it may be typed.
const TYPING: Duration = Duration::from_millis(300);
/// The longest text, in the units of a browser: so many Chinese characters are what an agent takes.
const MAX_CHARACTERS: &str = "170";

/// How the search through the file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Nothing to say.
    Idle,
    /// It is under way: so much has been searched.
    Hunting(u8),
    /// The match was found beyond an end: of the file's beginning, or its end.
    Turned { is_back: bool },
    /// The whole file has no match.
    Nothing,
    /// The file is not the one any more that was looked at.
    BegunAnew,
    /// Why it could not go on.
    Failed(ConsoleError),
}

/// A search of one reader.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    pub(super) needle: RwSignal<String>,
    /// The loaded lines that have it, by their offsets.
    found: Memo<Vec<u64>>,
    /// The line that one is at.
    pub(super) at: RwSignal<Option<u64>>,
    state: RwSignal<State>,
    /// Which search is meant: the answers of one that was given up count no more.
    turn: StoredValue<u32>,
    /// Where the reader looked when they began to type; what they see while they type is the search's doing.
    origin: StoredValue<Option<u64>>,
}

impl Search {
    pub(super) fn new(log: RwSignal<Log>) -> Self {
        let needle = RwSignal::new(String::new());
        let found = Memo::new(move |_| {
            needle.with(|needle| {
                if needle.is_empty() {
                    return Vec::new();
                }
                log.with(|log| {
                    let lines = log.lines.iter();
                    let having = lines.filter(|line| !hits(&line.text, needle).is_empty());
                    having.map(|line| line.offset).collect()
                })
            })
        });
        Self {
            needle,
            found,
            at: RwSignal::new(None),
            state: RwSignal::new(State::Idle),
            turn: StoredValue::new(0),
            origin: StoredValue::new(None),
        }
    }

    /// Gives up the search that is under way, if there is one.
    fn cancel(self) {
        self.turn.update_value(|turn| *turn = turn.wrapping_add(1));
        self.state.set(State::Idle);
    }

    /// Another text; the nearest line above that has it is shown.
    fn set(self, file: &Followed, needle: String) {
        self.cancel();
        self.at.set(None);
        let is_empty = needle.is_empty();
        self.needle.set(needle);
        if is_empty {
            self.origin.set_value(None);
            return;
        }
        let bound = self.origin.get_value().unwrap_or_else(|| file.bound(None, true));
        self.origin.set_value(Some(bound));
        if self.step_loaded(file, bound, true) {
            return;
        }
        let turn = self.turn.get_value();
        let file = file.clone();
        let hunt = move || {
            if self.turn.try_get_value() == Some(turn) {
                self.hunt(file, bound, true);
            }
        };
        set_timeout(hunt, TYPING);
    }

    /// To the next line that has it, or the one before.
    fn step(self, file: &Followed, is_back: bool) {
        if self.needle.with_untracked(String::is_empty) {
            return;
        }
        self.cancel();
        self.origin.set_value(None);
        let bound = file.bound(self.at.get_untracked(), is_back);
        if !self.step_loaded(file, bound, is_back) {
            self.hunt(file.clone(), bound, is_back);
        }
    }

    /// To the nearest of the loaded lines, if one has it.
    fn step_loaded(self, file: &Followed, bound: u64, is_back: bool) -> bool {
        if !file.log.with_untracked(|log| is_loaded(log, bound)) {
            return false;
        }
        let next = self.found.with_untracked(|found| nearest(found, bound, is_back));
        if let Some(offset) = next {
            self.at.set(next);
            file.bring_into_view(offset);
        }
        next.is_some()
    }

    /// Searches the file beyond the loaded lines.
    fn hunt(self, file: Followed, bound: u64, is_back: bool) {
        self.turn.update_value(|turn| *turn = turn.wrapping_add(1));
        let turn = self.turn.get_value();
        let (from, size) = file.log.with_untracked(|log| {
            let size = file.bytes.get_untracked().max(log.end);
            (beyond(log, bound, is_back), size)
        });
        let mut hunt = Hunt::new(from, is_back, size);
        self.state.set(State::Hunting(0));
        leptos::task::spawn_local(async move {
            let is_mine = || self.turn.try_get_value() == Some(turn);
            let state = loop {
                let Some(text) = self.needle.try_get_untracked() else { return };
                let answer = file.search(|agent, path| SearchQuery {
                    agent,
                    path,
                    text,
                    offset: hunt.at(),
                    is_back,
                });
                let answer = answer.await;
                if !is_mine() {
                    return;
                }
                match answer.map(|found| hunt.take(found)) {
                    Ok(Step::Ask) => {
                        self.state.try_set(State::Hunting(hunt.percent()));
                    }
                    Ok(Step::Found(byte)) => break self.arrive(&file, byte, &hunt, is_mine).await,
                    Ok(Step::Nothing) => break Some(State::Nothing),
                    Ok(Step::BegunAnew) => {
                        let anew = file.read_end().await;
                        if !is_mine() {
                            return;
                        }
                        self.at.try_set(None);
                        break Some(anew.map_or_else(State::Failed, |end| {
                            file.show_end(end);
                            State::BegunAnew
                        }));
                    }
                    Err(error) => break Some(State::Failed(error)),
                }
            };
            if let Some(state) = state.filter(|_| is_mine()) {
                self.state.try_set(state);
            }
        });
    }

    /// Shows the line with this byte, read around it where it is not loaded; nothing when the reader wants something else by now.
    async fn arrive(
        self,
        file: &Followed,
        byte: u64,
        hunt: &Hunt,
        is_mine: impl Fn() -> bool,
    ) -> Option<State> {
        let line = || file.log.with_untracked(|log| log.line_at(byte).map(|line| line.offset));
        if line().is_none() {
            let read = file.read_around(byte).await;
            if !is_mine() {
                return None;
            }
            match read {
                Ok(log) => file.log.set(log),
                Err(error) => return Some(State::Failed(error)),
            }
        }
        // It was there a moment ago.
        let Some(offset) = line() else { return Some(State::BegunAnew) };
        self.at.set(Some(offset));
        file.bring_into_view(offset);
        let turned = State::Turned { is_back: hunt.is_back() };
        Some(if hunt.has_turned() { turned } else { State::Idle })
    }
}

/// The first of the offsets from `bound` on, or the last one before it.
fn nearest(found: &[u64], bound: u64, is_back: bool) -> Option<u64> {
    let at = found.partition_point(|offset| *offset < bound);
    if is_back { found.get(at.checked_sub(1)?).copied() } else { found.get(at).copied() }
}

/// Whether what is next to a place in the file is among the loaded lines.
fn is_loaded(log: &Log, place: u64) -> bool {
    (log.start..=log.end).contains(&place)
}

/// Where the lines that are not loaded begin, from `bound` on or in front of it.
fn beyond(log: &Log, bound: u64, is_back: bool) -> u64 {
    match is_back {
        _ if !is_loaded(log, bound) => bound,
        true => log.start,
        // The last line may go on.
        false => bound.max(log.settled_end()),
    }
}

/// The search field and its two arrows.
#[component]
pub(super) fn SearchBox(search: Search, file: Followed) -> impl IntoView {
    let words = ClusterWords::here();
    let (log, bytes) = (file.log, file.bytes);
    let is_whole = Memo::new(move |_| log.with(|log| log.start == 0 && log.end >= bytes.get()));
    let place = move || {
        let found = search.found.get();
        let at = search.at.get().and_then(|at| found.iter().position(|offset| *offset == at));
        // Beside what is loaded there may be more.
        let more = if is_whole.get() { "" } else { "+" };
        (!found.is_empty())
            .then(|| format!("{} / {}{more}", at.map_or(0, |at| at + 1), found.len()))
    };
    let is_off = move || search.needle.with(String::is_empty);
    // Reading a match and running after the file's end do not go together.
    let file = StoredValue::new(file);
    let step = move |is_back: bool| {
        file.with_value(|file| {
            file.follow.set(false);
            search.step(file, is_back);
        });
    };
    let set = move |needle: String| file.with_value(|file| search.set(file, needle));
    let typed = move |event| {
        let needle = event_target_value(&event);
        if !needle.is_empty() {
            file.with_value(|file| file.follow.set(false));
        }
        set(needle);
    };
    let pressed = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" if !event.is_composing() => {
            event.prevent_default();
            step(event.shift_key());
        }
        "Escape" if search.state.with(|state| matches!(state, State::Hunting(_))) => {
            search.cancel();
        }
        "Escape" => set(String::new()),
        _ => {}
    };
    view! {
        <label class="find needs-js" class:on=move || !is_off()>
            <Icon name="search"/>
            <span class="sr">{words.search_log}</span>
            <input
                type="text"
                placeholder=words.search_log
                title=words.search_log_hint
                maxlength=MAX_CHARACTERS
                autocomplete="off"
                data-testid="log-search"
                prop:value=search.needle
                on:input=typed
                on:keydown=pressed
            />
            <span class="hits" role="status" title=words.loaded_matches>{place}</span>
        </label>
        <div class="btn-group needs-js">
            <button type="button" class="btn sm icon" aria-label=words.match_before title=words.match_before disabled=is_off on:click=move |_| step(true)>
                <Icon name="up"/>
            </button>
            <button type="button" class="btn sm icon" aria-label=words.match_after title=words.match_after disabled=is_off on:click=move |_| step(false)>
                <Icon name="down"/>
            </button>
        </div>
    }
}

/// How far the search through the file is, and what came of it.
#[component]
pub(super) fn SearchState(search: Search) -> impl IntoView {
    let words = ClusterWords::here();
    let lang = Boot::here().lang;
    let text = move || {
        search.state.with(|state| match state {
            State::Idle => String::new(),
            State::Hunting(percent) => phrases::searching(lang, *percent),
            State::Turned { is_back: true } => words.from_the_end.to_owned(),
            State::Turned { is_back: false } => words.from_the_beginning.to_owned(),
            State::Nothing => words.no_match_in_file.to_owned(),
            State::BegunAnew => words.begun_anew.to_owned(),
            State::Failed(error) => phrases::search_failed(lang, &reason(error)),
        })
    };
    let is_idle = Memo::new(move |_| search.state.with(|state| *state == State::Idle));
    let percent = Memo::new(move |_| {
        search
            .state
            .with(|state| if let State::Hunting(percent) = state { Some(*percent) } else { None })
    });
    let is_hunting = Memo::new(move |_| percent.get().is_some());
    let is_failed = move || search.state.with(|state| matches!(state, State::Failed(_)));
    let progress = move || {
        is_hunting.get().then(|| {
            view! {
                <progress max="100" value=move || percent.get().unwrap_or(100) aria-label=words.search_log></progress>
                <button type="button" class="btn sm" data-testid="log-search-cancel" on:click=move |_| search.cancel()>{words.stop_search}</button>
            }
        })
    };
    view! {
        <div class="hunt" class:off=move || is_idle.get() class:failed=is_failed data-testid="log-hunt">
            <span role="status">{text}</span>
            {progress}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_goes_from_where_the_reader_is() {
        let found = [10, 20, 30];
        for (bound, is_back, wanted) in [
            (0, false, Some(10)),
            (10, false, Some(10)),
            (11, false, Some(20)),
            (31, false, None),
            (31, true, Some(30)),
            (30, true, Some(20)),
            (10, true, None),
        ] {
            assert_eq!(nearest(&found, bound, is_back), wanted, "{bound} {is_back}");
        }
        assert_eq!(nearest(&[], 5, true), None);
    }

    #[test]
    fn what_is_not_loaded_is_searched_from_there_on() {
        let part =
            wire::console::FilePart { offset: 100, data: "\nwhole\nopen".to_owned(), size: 900 };
        let log = Log::of(&part);
        for (bound, is_back, wanted) in [
            // The open line is searched again: a match may reach beyond what is loaded of it.
            (101, false, 107),
            (107, false, 107),
            (111, false, 111),
            (111, true, 101),
            (101, true, 101),
            (50, false, 50),
            (50, true, 50),
            (500, true, 500),
        ] {
            assert_eq!(beyond(&log, bound, is_back), wanted, "{bound} {is_back}");
        }
    }
}
