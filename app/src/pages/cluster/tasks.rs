//! Tables of tasks, as the home page and an agent's page show them.

use leptos::prelude::*;
use wire::console::{Page, PageNumbers, StateCount, TaskRow, TaskScope};

use super::links;
use crate::components::{
    Find, Health, ListLinks, Pager, SortHead, StateChips, TaskStatus, TimeAgo,
};
use crate::format;
use crate::i18n::ClusterWords;
use crate::live::Rows;

/// What differs between the three tables.
struct Shape {
    title: &'static str,
    slug: &'static str,
    empty: &'static str,
    has_state: bool,
    has_health: bool,
    has_stopped: bool,
}

fn shape(scope: TaskScope) -> Shape {
    let words = ClusterWords::here();
    match scope {
        TaskScope::Active => Shape {
            title: words.active_tasks,
            slug: "table-active-tasks",
            empty: words.no_active_tasks,
            has_state: true,
            has_health: true,
            has_stopped: false,
        },
        TaskScope::Unreachable => Shape {
            title: words.unreachable_tasks,
            slug: "table-unreachable-tasks",
            empty: words.no_unreachable_tasks,
            has_state: false,
            has_health: false,
            has_stopped: false,
        },
        TaskScope::Completed => Shape {
            title: words.completed_tasks,
            slug: "table-completed-tasks",
            empty: words.no_completed_tasks,
            has_state: true,
            has_health: false,
            has_stopped: true,
        },
    }
}

/// The word of a state chip: the console writes states as the API does.
fn state_word(state: &str) -> String {
    format::short_state(state).to_owned()
}

/// A table of tasks with its filter, order and pages.
#[component]
pub(super) fn TaskTable(
    /// Which tasks these are.
    scope: TaskScope,
    /// Prefix of its keys in the address.
    prefix: &'static str,
    /// One page of them.
    page: Memo<Page<TaskRow>>,
) -> impl IntoView {
    let Shape { title, empty, .. } = shape(scope);
    let words = ClusterWords::here();
    let links = ListLinks::here(prefix);
    let total = Memo::new(move |_| page.with(|page| page.total));
    let states: Memo<Vec<StateCount>> = Memo::new(move |_| page.with(|page| page.states.clone()));
    let numbers: Memo<PageNumbers> = Memo::new(move |_| page.with(Page::numbers));
    let rows = Memo::new(move |_| page.with(|page| page.rows.clone()));
    let is_empty = Memo::new(move |_| total.get() == 0);
    let has_chips = Memo::new(move |_| states.with(|states| states.len() > 1));
    let body = move || {
        if is_empty.get() {
            return ().into_any();
        }
        let none = move || {
            numbers
                .with(|numbers| numbers.matching == 0)
                .then(|| view! { <p class="empty sm" data-testid="empty">{words.no_match}</p> })
        };
        view! {
            <div class="scroll"><TaskRows scope=scope links=links rows=rows/></div>
            {none}
            <div class="panel-foot"><Pager links=links numbers=numbers/></div>
        }
        .into_any()
    };
    let head = move || {
        if is_empty.get() {
            return view! { <span class="muted" data-testid="empty">{empty}</span> }.into_any();
        }
        let chips = has_chips
            .get()
            .then(|| view! { <StateChips links=links total=total states=states word=state_word/> });
        view! { {chips}<span class="grow"></span><Find links=links/> }.into_any()
    };
    view! {
        <section class="panel">
            <div class="panel-head">
                <h2>{title}<span class="n">{move || format::count(total.get())}</span></h2>
                {head}
            </div>
            {body}
        </section>
    }
}

#[component]
fn TaskRows(scope: TaskScope, links: ListLinks, rows: Memo<Vec<TaskRow>>) -> impl IntoView {
    let words = ClusterWords::here();
    let Shape { title, slug, has_state, has_health, has_stopped, .. } = shape(scope);
    let head = move |column: &'static str, label: &'static str| {
        view! { <SortHead links=links column=column label=label default="started"/> }
    };
    view! {
        <table class="tbl to-cards tasks" data-testid=slug>
            <caption class="sr">{title}</caption>
            <thead>
                <tr>
                    {head("framework", words.framework_id)} <SortHead links=links column="id" label=words.task_id default="started" is_key=true/> {head("name", words.task_name)}
                    {head("role", words.role)} {has_state.then(|| head("state", words.state))}
                    {has_health.then(|| head("health", words.health))} {head("started", words.started)}
                    {has_stopped.then(|| head("stopped", words.stopped))} {head("host", words.host)}
                    <th scope="col"><span class="sr">{words.sandbox}</span></th>
                </tr>
            </thead>
            <tbody>
                <Rows rows=rows key=TaskRow::key hook=|row: &TaskRow| row.id.clone() cells=move |row| view! { <TaskCells scope=scope row=row/> }/>
            </tbody>
        </table>
    }
}

#[component]
fn TaskCells(scope: TaskScope, row: Memo<TaskRow>) -> impl IntoView {
    let words = ClusterWords::here();
    let Shape { has_state, has_health, has_stopped, .. } = shape(scope);
    let framework = Memo::new(move |_| row.with(|row| row.framework_id.clone()));
    let id = Memo::new(move |_| row.with(|row| row.id.clone()));
    let healthy = Signal::derive(move || row.with(|row| row.healthy));
    let started = Signal::derive(move || row.with(|row| row.started_ms));
    let stopped = Signal::derive(move || row.with(|row| row.stopped_ms));
    let earlier = move || {
        row.with(|row| row.is_earlier).then(|| {
            view! { " "<span class="muted" title=words.earlier_hint data-testid="earlier">{words.earlier}</span> }
        })
    };
    let state = Signal::derive(move || row.with(|row| row.state.clone()));
    let news = move || {
        let news = row.with(|row| row.news.clone());
        news.map(|news| view! { <span class="sub" data-testid="news">{news}</span> })
    };
    let place = Memo::new(move |_| {
        row.with(|row| {
            row.host.clone().map(|host| (host, links::agent(&row.agent_id), links::sandbox(row)))
        })
    });
    let offline = move || view! { <span class="muted">{words.agent_offline}</span> }.into_any();
    let host = move || match place.get() {
        Some((host, agent, _)) => view! { <a href=agent>{host}</a> }.into_any(),
        None => offline(),
    };
    let sandbox = move || match place.get() {
        Some((_, _, sandbox)) => {
            view! { <a href=sandbox rel="external" data-testid="sandbox-link">{words.sandbox}</a> }
                .into_any()
        }
        None => ().into_any(),
    };
    view! {
        <td data-l=words.framework_id class="nowrap" title=framework data-testid="cell-framework-id">
            <span class="mono">{move || framework.with(|id| format::short_id(id))}</span>
        </td>
        <td class="head" data-testid="cell-task-id">
            <span class="name mono nowrap" title=id>{move || id.with(|id| format::short_task(id))}</span>
        </td>
        <td data-l=words.task_name data-testid="cell-task-name">{move || row.with(|row| row.name.clone())}</td>
        <td data-l=words.role data-testid="cell-role">{move || row.with(|row| row.role.clone())}</td>
        {has_state.then(|| {
            view! { <td data-l=words.state data-testid="cell-state"><TaskStatus state=state/>{news}</td> }
        })}
        {has_health.then(|| view! { <td data-l=words.health data-testid="cell-health"><Health healthy=healthy/></td> })}
        <td data-l=words.started class="nowrap" data-testid="cell-started"><TimeAgo at=started/></td>
        {has_stopped.then(|| {
            view! { <td data-l=words.stopped class="nowrap" data-testid="cell-stopped"><TimeAgo at=stopped/>{earlier}</td> }
        })}
        <td data-l=words.host class="nowrap" data-testid="cell-host">{host}</td>
        <td class="act" data-testid="cell-sandbox">{sandbox}</td>
    }
}

/// A table of tasks without filter or pages.
#[component]
pub(super) fn PlainTaskTable(
    /// Which tasks these are.
    scope: TaskScope,
    /// All of them.
    rows: Memo<Vec<TaskRow>>,
) -> impl IntoView {
    let Shape { title, slug, empty, has_state, has_health, has_stopped } = shape(scope);
    let words = ClusterWords::here();
    let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
    let head = |label: &'static str| view! { <th scope="col">{label}</th> };
    let body = move || {
        (!is_empty.get()).then(|| {
            view! {
                <div class="scroll">
                    <table class="tbl to-cards" data-testid=slug>
                        <caption class="sr">{title}</caption>
                        <thead>
                            <tr>
                                {head(words.framework_id)} {head(words.task_id)} {head(words.task_name)}
                                {head(words.role)} {has_state.then(|| head(words.state))}
                                {has_health.then(|| head(words.health))} {head(words.started)}
                                {has_stopped.then(|| head(words.stopped))} {head(words.host)}
                                <th scope="col"><span class="sr">{words.sandbox}</span></th>
                            </tr>
                        </thead>
                        <tbody>
                            <Rows
                                rows=rows
                                key=TaskRow::key hook=|row: &TaskRow| row.id.clone()
                                cells=move |row| view! { <TaskCells scope=scope row=row/> }
                            />
                        </tbody>
                    </table>
                </div>
            }
        })
    };
    view! {
        <section class="panel">
            <div class="panel-head">
                <h2>{title}<span class="n">{move || format::count(rows.with(Vec::len) as u64)}</span></h2>
                {move || is_empty.get().then(|| view! { <span class="muted" data-testid="empty">{empty}</span> })}
            </div>
            {body}
        </section>
    }
}
