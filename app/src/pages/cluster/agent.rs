//! One agent: `/ui/agents/:id`.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use wire::console::{AgentDetail, Amount, FrameworkRow, TaskScope, Topic};

use super::agents::state_of;
use super::frameworks::FrameworkTable;
use super::home::TaskNumbers;
use super::tasks::PlainTaskTable;
use crate::api;
use crate::components::{CopyButton, Crumb, Crumbs, PageTitle, Status, TimeAgo};
use crate::format;
use crate::i18n::ClusterWords;
use crate::live::{Live, live_page};

/// One agent's page.
#[component]
pub fn AgentPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    live_page(id, &[Topic::Agent, Topic::Task], api::cluster::agent, agent)
}

fn agent(live: Live<AgentDetail>) -> impl IntoView {
    let words = ClusterWords::here();
    let id = live.pick(|detail| detail.agent.id.clone());
    let host = live.pick(|detail| detail.agent.host.clone());
    let state = live.pick(|detail| detail.agent.state);
    let crumbs = move || {
        let here = format!("{} {}", words.agent, id.with(|id| format::short_id(id)));
        view! { <Crumbs steps=vec![Crumb::link(words.master, "/"), Crumb::link(words.agents, "/ui/agents"), Crumb::here(here)]/> }
    };
    view! {
        <PageTitle text=host/>
        <div class="shell wide">
            <AgentFacts live=live/>
            <main class="main" id="main">
                {crumbs}
                <div class="page-head">
                    <h1>{host}</h1>
                    <Status
                        tone=Signal::derive(move || state_of(state.get()).0)
                        word=Signal::derive(move || state_of(state.get()).1.to_owned())
                    />
                    <span class="kid dim">{id}<CopyButton text=id/></span>
                </div>
                <PlainTaskTable scope=TaskScope::Active rows=live.pick(|detail| detail.tasks.clone())/>
                <FrameworkTable
                    title=words.frameworks
                    slug="table-frameworks"
                    empty=words.no_active_frameworks
                    rows=live.pick(|detail| -> Vec<FrameworkRow> { detail.frameworks.clone() })
                />
                <PlainTaskTable scope=TaskScope::Completed rows=live.pick(|detail| detail.completed.clone())/>
            </main>
        </div>
    }
}

#[component]
fn AgentFacts(live: Live<AgentDetail>) -> impl IntoView {
    let words = ClusterWords::here();
    let text = move |pick: fn(&AgentDetail) -> String| live.pick(pick);
    let attributes = live.pick(|detail| detail.agent.attributes.clone());
    let labels = move || {
        let all = attributes.get();
        if all.is_empty() {
            return view! { <p class="muted">{words.no_attributes}</p> }.into_any();
        }
        all.into_iter()
            .map(|text| view! { <span class="label">{text}</span>" " })
            .collect_view()
            .into_any()
    };
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    view! {
        <aside class="side" aria-label=words.agent>
            <section class="side-card" data-testid="sidebar-agent">
                <dl class="facts">
                    <dt>{words.cluster}</dt><dd>{live.pick(move |detail| or_dash(&detail.cluster))}</dd>
                    <dt>{words.agent_fact}</dt><dd>{text(|detail| detail.agent.host.clone())}</dd>
                    <dt>{words.address_fact}</dt><dd>{text(|detail| detail.agent.address.clone())}</dd>
                    <dt>{words.version}</dt><dd>{text(|detail| detail.version.clone())}</dd>
                    <dt>{words.master_fact}</dt><dd>{live.pick(move |detail| or_dash(&detail.master))}</dd>
                    <dt>{words.ports_fact}</dt><dd class="mono">{text(|detail| detail.ports.clone())}</dd>
                    <dt>{words.registered}</dt><dd><TimeAgo at=live.pick(|detail| detail.agent.registered_ms)/></dd>
                    <dt>{words.reregistered}</dt><dd><TimeAgo at=live.pick(|detail| detail.agent.reregistered_ms)/></dd>
                </dl>
            </section>
            <section class="side-card"><h2>{words.attributes}</h2>{labels}</section>
            <TaskNumbers counts=live.pick(|detail| detail.counts).into()/>
            <AgentResources live=live/>
        </aside>
    }
}

#[component]
fn AgentResources(live: Live<AgentDetail>) -> impl IntoView {
    let words = ClusterWords::here();
    let line = move |label: &'static str, pick: fn(Amount) -> f64, text: fn(f64) -> String| {
        view! {
            <tr>
                <th scope="row">{label}</th>
                <td>{live.pick(move |detail| text(pick(detail.agent.allocated)))}</td>
                <td>{live.pick(move |detail| text(pick(detail.agent.total.minus(detail.agent.allocated))))}</td>
                <td>{live.pick(move |detail| text(pick(detail.agent.total)))}</td>
            </tr>
        }
    };
    view! {
        <section class="side-card" data-testid="sidebar-resources">
            <h2>{words.resources}</h2>
            <table class="mini">
                <thead>
                    <tr>
                        <td></td>
                        <th scope="col">{words.allocated}</th>
                        <th scope="col">{words.available}</th>
                        <th scope="col">{words.total}</th>
                    </tr>
                </thead>
                <tbody>
                    {line(words.cpus, |amount| amount.cpus, format::fine)}
                    {line(words.gpus, |amount| amount.gpus, format::fine)}
                    {line(words.memory, |amount| amount.mem, format::mebibytes)}
                    {line(words.disk, |amount| amount.disk, format::mebibytes)}
                </tbody>
            </table>
        </section>
    }
}
