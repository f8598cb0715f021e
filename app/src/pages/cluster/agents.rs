//! Agents: `/ui/agents`.

use leptos::prelude::*;
use wire::console::{AgentRow, AgentState, Page, Topic};

use super::links;
use crate::api;
use crate::components::{
    CopyButton, Crumb, Crumbs, Find, ListLinks, PageTitle, Pager, ResourceBar, SortHead,
    StateChips, Status, TimeAgo, Tone,
};
use crate::format;
use crate::i18n::ClusterWords;
use crate::live::{Live, Rows, live_page};

/// The list of agents.
#[component]
pub fn AgentsPage() -> impl IntoView {
    live_page(
        ListLinks::here("").query(),
        &[Topic::Agent, Topic::Task, Topic::Framework],
        api::cluster::agents,
        agents,
    )
}

/// How an agent's state looks, and its word.
pub(super) fn state_of(state: AgentState) -> (Tone, &'static str) {
    let words = ClusterWords::here();
    match state {
        AgentState::Active => (Tone::OK, words.agent_active),
        AgentState::Deactivated => (Tone::NEUTRAL, words.agent_deactivated),
        AgentState::Draining => (Tone::WARN, words.agent_draining),
        AgentState::Drained => (Tone::NEUTRAL, words.agent_drained),
        AgentState::Unreachable => (Tone::VIOLET, words.agent_unreachable),
    }
}

fn state_word(name: &str) -> String {
    let states = [
        AgentState::Active,
        AgentState::Deactivated,
        AgentState::Draining,
        AgentState::Drained,
        AgentState::Unreachable,
    ];
    let known = states.into_iter().find(|state| state.name() == name);
    known.map_or_else(|| name.to_owned(), |state| state_of(state).1.to_owned())
}

fn agents(live: Live<Page<AgentRow>>) -> impl IntoView {
    let words = ClusterWords::here();
    let links = ListLinks::here("");
    let total = live.pick(|page| page.total);
    let states = live.pick(|page| page.states.clone());
    let numbers = live.pick(Page::numbers);
    let rows = live.pick(|page| page.rows.clone());
    let empty = move || match (total.get(), numbers.with(|numbers| numbers.matching)) {
        (0, _) => Some(words.no_agents),
        (_, 0) => Some(words.no_match),
        _ => None,
    };
    view! {
        <PageTitle text=words.agents/>
        <div class="shell solo">
            <main class="main" id="main">
                <Crumbs steps=vec![Crumb::link(words.master, "/"), Crumb::here(words.agents)]/>
                <div class="page-head">
                    <h1>{words.agents}</h1>
                    <StateChips links=links total=total states=states word=state_word/>
                    <span class="grow"></span>
                    <Find links=links/>
                </div>
                <section class="panel">
                    <div class="scroll"><AgentTable links=links rows=rows/></div>
                    {move || empty().map(|text| view! { <p class="empty sm" data-testid="empty">{text}</p> })}
                    <div class="panel-foot"><Pager links=links numbers=numbers/></div>
                </section>
            </main>
        </div>
    }
}

#[component]
fn AgentTable(links: ListLinks, rows: Memo<Vec<AgentRow>>) -> impl IntoView {
    let words = ClusterWords::here();
    let head = move |column: &'static str, label: &'static str| {
        view! { <SortHead links=links column=column label=label default="id"/> }
    };
    view! {
        <table class="tbl to-cards tall" data-testid="table-agents">
            <caption class="sr">{words.agents}</caption>
            <thead>
                <tr>
                    <SortHead links=links column="id" label=words.id default="id" is_key=true/> {head("host", words.host)} {head("state", words.state)}
                    {head("cpus", words.cpus_allocated_total)} {head("gpus", words.gpus_allocated_total)}
                    {head("mem", words.mem_allocated_total)} {head("disk", words.disk_allocated_total)}
                    <SortHead links=links column="tasks" label=words.tasks default="id" is_number=true/>
                    {head("registered", words.registered)} {head("reregistered", words.reregistered)}
                </tr>
            </thead>
            <tbody>
                <Rows
                    rows=rows
                    key=|row: &AgentRow| row.id.clone()
                    cells=|row| view! { <AgentCells row=row/> }
                />
            </tbody>
        </table>
    }
}

#[component]
fn AgentCells(row: Memo<AgentRow>) -> impl IntoView {
    let words = ClusterWords::here();
    let id = Memo::new(move |_| row.with(|row| row.id.clone()));
    let href = move || id.with(|id| links::agent(id));
    let attributes = Memo::new(move |_| row.with(|row| row.attributes.clone()));
    let labels = move || {
        let labels =
            attributes.get().into_iter().map(|text| view! { <span class="label">{text}</span>" " });
        labels.collect_view()
    };
    let state = Memo::new(move |_| row.with(|row| row.state));
    view! {
        <td class="head" data-testid="cell-id">
            <span class="kid" title=id><a href=href>{move || id.with(|id| format::short_id(id))}</a><CopyButton text=id/></span>
        </td>
        <td data-l=words.host data-testid="cell-host">
            <a class="name" href=href>{move || row.with(|row| row.host.clone())}</a>
            <span class="sub">{labels}</span>
        </td>
        <td data-l=words.state data-testid="cell-state">
            <Status
                tone=Signal::derive(move || state_of(state.get()).0)
                word=Signal::derive(move || state_of(state.get()).1.to_owned())
            />
        </td>
        <td data-l=words.cpus data-testid="cell-cpus">
            <ResourceBar
                part=Signal::derive(move || row.with(|row| format::number(row.allocated.cpus)))
                whole=Signal::derive(move || row.with(|row| format::number(row.total.cpus)))
                values=Signal::derive(move || row.with(|row| (row.allocated.cpus, row.total.cpus)))
            />
        </td>
        <td data-l=words.gpus class="nowrap" data-testid="cell-gpus">
            {move || row.with(|row| format::number(row.allocated.gpus))}
            <span class="muted">" / "{move || row.with(|row| format::number(row.total.gpus))}</span>
        </td>
        <td data-l=words.mem data-testid="cell-mem">
            <ResourceBar
                part=Signal::derive(move || row.with(|row| format::mebibytes(row.allocated.mem)))
                whole=Signal::derive(move || row.with(|row| format::mebibytes(row.total.mem)))
                values=Signal::derive(move || row.with(|row| (row.allocated.mem, row.total.mem)))
            />
        </td>
        <td data-l=words.disk class="nowrap" data-testid="cell-disk">
            {move || row.with(|row| format::mebibytes(row.allocated.disk))}
            <span class="muted">" / "{move || row.with(|row| format::mebibytes(row.total.disk))}</span>
        </td>
        <td data-l=words.tasks class="num" data-testid="cell-tasks">{move || row.with(|row| format::count(row.tasks))}</td>
        <td data-l=words.registered class="nowrap" data-testid="cell-registered">
            <TimeAgo at=Signal::derive(move || row.with(|row| row.registered_ms))/>
        </td>
        <td data-l=words.reregistered class="nowrap" data-testid="cell-reregistered">
            <TimeAgo at=Signal::derive(move || row.with(|row| row.reregistered_ms))/>
        </td>
    }
}
