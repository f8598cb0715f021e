//! The open file: the last part of it, followed as it grows.

use leptos::{ev, prelude::*};
use wire::console::FileEntry;

use super::ansi::{hits, pieces};
use super::file_address;
use super::files::size;
use super::follow::{Followed, follow_file};
use super::log::{Line, Log};
use crate::api::files::{Opened, SandboxQuery, WINDOW, address, name};
use crate::components::Icon;
use crate::format;
use crate::i18n::{ClusterWords, ShellWords};

/// One open file.
#[component]
pub(super) fn Viewer(
    /// Where the page is.
    query: Memo<SandboxQuery>,
    /// The files beside it.
    entries: Memo<Vec<FileEntry>>,
    /// The part that was read.
    opened: Opened,
) -> impl IntoView {
    let file = Followed::new(query, &opened);
    let (log, follow) = (file.log, file.follow);
    let wrap = RwSignal::new(true);
    let search = Search::new(log);
    follow_file(&file);
    view! {
        <section class="panel log" data-testid="log-view">
            <Bar query=query entries=entries path=opened.path follow=follow wrap=wrap search=search/>
            <Lines file=file.clone() wrap=wrap search=search/>
            <Foot query=query file=file/>
        </section>
    }
}

#[component]
fn Bar(
    query: Memo<SandboxQuery>,
    entries: Memo<Vec<FileEntry>>,
    path: String,
    follow: RwSignal<bool>,
    wrap: RwSignal<bool>,
    search: Search,
) -> impl IntoView {
    let words = ClusterWords::here();
    let shell = ShellWords::here();
    let streams = move || {
        let (agent, folder, open) = query.with(|query| {
            (query.agent.clone(), query.path.clone(), query.file.clone().unwrap_or_default())
        });
        let has = |wanted: &str| {
            entries.with(|entries| entries.iter().any(|entry| name(entry) == wanted))
        };
        let mut shown: Vec<String> =
            ["stdout", "stderr"].into_iter().filter(|name| has(name)).map(str::to_owned).collect();
        if !shown.contains(&open) {
            shown.push(open.clone());
        }
        shown
            .into_iter()
            .map(|name| {
                let href = file_address(&agent, &folder, &name);
                let is_open = (name == open).then_some("true");
                view! { <a class="btn sm" href=href aria-current=is_open>{name}</a> }
            })
            .collect_view()
    };
    let download = query.with_untracked(|query| address(&query.agent, "download", &path));
    view! {
        <div class="bar">
            <div class="btn-group" role="group" aria-label=words.stream>{streams}</div>
            <SearchBox search=search follow=follow/>
            <span class="grow"></span>
            <label class="check needs-js"><input type="checkbox" checked=wrap.get_untracked() bind:checked=wrap/>{words.wrap}</label>
            <label class="toggle needs-js">
                <input type="checkbox" checked=follow.get_untracked() bind:checked=follow data-testid="log-follow"/>
                {words.follow}
            </label>
            <a class="btn sm icon" href=download rel="external" download="" aria-label=shell.download title=shell.download>
                <Icon name="download"/>
            </a>
        </div>
    }
}

#[component]
fn Lines(file: Followed, wrap: RwSignal<bool>, search: Search) -> impl IntoView {
    let words = ClusterWords::here();
    let (log, follow, lines) = (file.log, file.follow, file.lines);
    let all = move || log.with(|log| log.lines.clone());
    let last = Memo::new(move |_| log.with(|log| log.lines.last().map(Line::key)));
    let line = move |line: Line| {
        let key = line.key();
        let label = line.number.map_or_else(|| "·".to_owned(), format::count);
        let (anchor, href) = (format!("B{}", line.offset), format!("#B{}", line.offset));
        let class = line.level().class();
        let is_now = move || follow.get() && last.get() == Some(key);
        let is_at = move || search.at.get() == Some(line.offset);
        let text = move || {
            let pieces = search.needle.with(|needle| pieces(&line.text, &line.spans, needle));
            let pieces =
                pieces.into_iter().map(|piece| match (piece.is_hit, piece.class.as_str()) {
                    (true, _) => view! { <mark class=piece.class>{piece.text}</mark> }.into_any(),
                    (false, "") => piece.text.into_any(),
                    (false, _) => view! { <span class=piece.class>{piece.text}</span> }.into_any(),
                });
            pieces.collect_view()
        };
        view! {
            <p class=class class:now=is_now class:at=is_at id=anchor><a href=href rel="external">{label}</a><span>{text}</span></p>
        }
    };
    // A match at the end is scrolled to as well, and is to stay where it is.
    let turned = file.clone();
    let scrolled = move || file.scrolled(search.needle.with_untracked(String::is_empty));
    let by_wheel = {
        let file = turned.clone();
        move |event: ev::WheelEvent| {
            if event.delta_y() < 0.0 {
                file.turned_up();
            }
        }
    };
    let by_key = {
        let file = turned.clone();
        move |event: ev::KeyboardEvent| {
            if matches!(event.key().as_str(), "ArrowUp" | "PageUp" | "Home") {
                file.turned_up();
            }
        }
    };
    let by_bar = {
        let file = turned.clone();
        move |event: ev::PointerEvent| {
            // Around the lines there is the bar alone.
            let is_bar = file.lines.get_untracked().is_some_and(|lines| {
                event_target::<leptos::web_sys::Node>(&event).is_same_node(Some(&lines))
            });
            if is_bar {
                file.turned_up();
            }
        }
    };
    let by_finger = move || turned.turned_up();
    let is_empty = Memo::new(move |_| log.with(|log| log.lines.is_empty()));
    let empty = move || is_empty.get().then(|| view! { <p class="none">{words.empty_file}</p> });
    view! {
        <div
            class="lines"
            class:nowrap=move || !wrap.get()
            tabindex="0"
            role="log"
            aria-label=words.log
            node_ref=lines
            on:scroll=move |_| scrolled()
            on:wheel=by_wheel
            on:keydown=by_key
            on:pointerdown=by_bar
            on:touchmove=move |_| by_finger()
        >
            {empty}
            <For each=all key=Line::key children=line/>
        </div>
    }
}

#[component]
fn Foot(query: Memo<SandboxQuery>, file: Followed) -> impl IntoView {
    let words = ClusterWords::here();
    let Followed { log, follow, has_failed, bytes, .. } = file;
    let base = query.with_untracked(|query| {
        file_address(&query.agent, &query.path, query.file.as_deref().unwrap_or_default())
    });
    let link = |offset: u64, label: &'static str| {
        view! { <a href=format!("{base}&offset={offset}")>{label}</a> }
    };
    let (before, after) = log.with_untracked(|log| log.neighbours(WINDOW, bytes.get_untracked()));
    let older = before.map(|offset| link(offset, words.older));
    let newer = after.map(|offset| link(offset, words.newer));
    let state = move || {
        if has_failed.get() {
            view! { <span class="failed needs-js" role="status">{words.retrying}</span> }.into_any()
        } else if follow.get() {
            view! { <span class="sash needs-js">{words.following}</span> }.into_any()
        } else {
            view! { <span class="needs-js">{words.paused}</span> }.into_any()
        }
    };
    let kind = move || if log.with(|log| log.is_binary) { words.binary } else { "UTF-8" };
    view! {
        <div class="foot">
            {state}{older}{newer}
            <span class="grow"></span>
            <span data-testid="log-size">{move || size(bytes.get())}</span>
            <span data-testid="log-kind">{kind}</span>
        </div>
    }
}

/// A search in the lines that the page has.
#[derive(Debug, Clone, Copy)]
struct Search {
    needle: RwSignal<String>,
    /// The lines that have it, by their offsets.
    found: Memo<Vec<u64>>,
    /// The line that one is at.
    at: RwSignal<Option<u64>>,
}

impl Search {
    fn new(log: RwSignal<Log>) -> Self {
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
        Self { needle, found, at: RwSignal::new(None) }
    }

    /// Another text; the newest line that has it is shown.
    fn set(self, needle: String) {
        self.needle.set(needle);
        self.at.set(None);
        self.step(-1);
    }

    /// To the next line that has it, or the one before.
    fn step(self, by: isize) {
        let next = self.found.with_untracked(|found| stepped(found, self.at.get_untracked(), by));
        self.at.set(next);
        if let Some(offset) = next {
            into_view(offset);
        }
    }
}

/// The neighbour of `at` among `found`, round the ends; without `at` the first, or the last when going back.
fn stepped(found: &[u64], at: Option<u64>, by: isize) -> Option<u64> {
    let count = isize::try_from(found.len()).ok().filter(|count| *count > 0)?;
    let here = at.and_then(|at| found.iter().position(|offset| *offset == at));
    let next = match here.and_then(|here| isize::try_from(here).ok()) {
        Some(here) => (here + by).rem_euclid(count),
        None if by > 0 => 0,
        None => count - 1,
    };
    found.get(usize::try_from(next).ok()?).copied()
}

#[cfg(feature = "hydrate")]
fn into_view(offset: u64) {
    request_animation_frame(move || {
        if let Some(line) = document().get_element_by_id(&format!("B{offset}")) {
            line.scroll_into_view_with_bool(false);
        }
    });
}

#[cfg(not(feature = "hydrate"))]
fn into_view(_offset: u64) {}

/// The search field and its two arrows.
#[component]
fn SearchBox(search: Search, follow: RwSignal<bool>) -> impl IntoView {
    let words = ClusterWords::here();
    let place = move || {
        let found = search.found.get();
        let at = search.at.get().and_then(|at| found.iter().position(|offset| *offset == at));
        let is_asked = search.needle.with(|needle| !needle.is_empty());
        is_asked.then(|| format!("{} / {}", at.map_or(0, |at| at + 1), found.len()))
    };
    let has_none = move || search.found.with(Vec::is_empty);
    // Reading a match and running after the file's end do not go together.
    let step = move |by: isize| {
        follow.set(false);
        search.step(by);
    };
    let typed = move |event| {
        let needle = event_target_value(&event);
        if !needle.is_empty() {
            follow.set(false);
        }
        search.set(needle);
    };
    let pressed = move |event: ev::KeyboardEvent| match event.key().as_str() {
        "Enter" => {
            event.prevent_default();
            step(if event.shift_key() { -1 } else { 1 });
        }
        "Escape" => search.set(String::new()),
        _ => {}
    };
    view! {
        <label class="find needs-js" class:on=move || search.needle.with(|needle| !needle.is_empty())>
            <Icon name="search"/>
            <span class="sr">{words.search_log}</span>
            <input
                type="text"
                placeholder=words.search_log
                autocomplete="off"
                data-testid="log-search"
                prop:value=search.needle
                on:input=typed
                on:keydown=pressed
            />
            <span class="hits" role="status">{place}</span>
        </label>
        <div class="btn-group needs-js">
            <button type="button" class="btn sm icon" aria-label=words.match_before title=words.match_before disabled=has_none on:click=move |_| step(-1)>
                <Icon name="up"/>
            </button>
            <button type="button" class="btn sm icon" aria-label=words.match_after title=words.match_after disabled=has_none on:click=move |_| step(1)>
                <Icon name="down"/>
            </button>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_goes_round_its_matches() {
        let found = [10, 20, 30];
        assert_eq!(stepped(&found, None, 1), Some(10));
        assert_eq!(stepped(&found, None, -1), Some(30));
        assert_eq!(stepped(&found, Some(30), 1), Some(10));
        assert_eq!(stepped(&found, Some(10), -1), Some(30));
        // The line was dropped meanwhile.
        assert_eq!(stepped(&found, Some(5), 1), Some(10));
        assert_eq!(stepped(&[], Some(5), 1), None);
    }
}
