//! The open file: the last part of it, followed as it grows.

use leptos::{ev, prelude::*};
use wire::console::FileEntry;

use super::ansi::pieces;
use super::file_address;
use super::files::size;
use super::follow::{Followed, follow_file};
use super::log::Line;
use super::search::{Search, SearchBox, SearchState};
use super::view::anchor;
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
    let wrap = RwSignal::new(true);
    let search = Search::new(file.log);
    follow_file(&file);
    view! {
        <section class="panel log" data-testid="log-view">
            <Bar query=query entries=entries path=opened.path file=file.clone() wrap=wrap search=search/>
            <SearchState search=search/>
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
    file: Followed,
    wrap: RwSignal<bool>,
    search: Search,
) -> impl IntoView {
    let words = ClusterWords::here();
    let shell = ShellWords::here();
    let follow = file.follow;
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
            <SearchBox search=search file=file/>
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
        let anchor = anchor(line.offset);
        let href = format!("#{anchor}");
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
            let is_up = matches!(event.key().as_str(), "ArrowUp" | "PageUp" | "Home");
            if is_up || (event.key() == " " && event.shift_key()) {
                file.turned_up();
            }
        }
    };
    let by_bar = {
        let file = turned.clone();
        move |event: ev::PointerEvent| {
            // Around the lines there is the bar alone.
            let lines = file.lines.get_untracked();
            let is_bar = lines.is_some_and(|lines| event.target().as_ref() == Some(lines.as_ref()));
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
