//! Running deployments: `/ui/deployments`.

use leptos::prelude::*;
use wire::console::{ActionRow, DeploymentList, DeploymentRow, Topic};

use super::actions::ActionDialogs;
use super::modal::Modal;
use super::place;
use crate::api;
use crate::boot::Boot;
use crate::components::{CopyButton, Icon, Leg, Legs, PageTitle, TimeAgo, legs};
use crate::i18n::AppWords;
use crate::i18n::apps::phrases;
use crate::live::{Live, live_page};

/// The page of deployments.
#[component]
pub fn DeploymentsPage() -> impl IntoView {
    let query = Memo::new(|_| ());
    let topics = &[Topic::Deployment, Topic::App, Topic::Queue, Topic::Task];
    live_page(query, topics, api::apps::deployments, page)
}

fn page(live: Live<DeploymentList>) -> impl IntoView {
    let words = AppWords::here();
    let rows = live.pick(|list| list.rows.clone());
    let keys = move || rows.with(|rows| rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>());
    let row = move |id: String| {
        let wanted = id.clone();
        let row = Memo::new(move |last: Option<&DeploymentRow>| {
            rows.with(|rows| rows.iter().find(|row| row.id == wanted).cloned())
                .or_else(|| last.cloned())
                .unwrap_or_default()
        });
        view! { <article class="dep" data-testid="row" data-key=id><Deployment row=row/></article> }
    };
    let none = move || {
        rows.with(Vec::is_empty).then(|| {
            view! {
                <div class="empty" data-testid="empty"><h2>{words.no_deployments}</h2><p>{words.no_deployments_text}</p></div>
            }
        })
    };
    let count = move || rows.with(Vec::len);
    view! {
        <PageTitle text=words.deployments/>
        <div class="shell solo">
            <main class="main" id="main">
                <div class="page-head"><h1>{words.deployments}</h1><span class="muted">{count}</span></div>
                <section class="panel" data-testid="table-deployments">
                    <For each=keys key=Clone::clone children=row/>
                    {none}
                </section>
            </main>
        </div>
        <ActionDialogs app=String::new() instances=Callback::new(|_: String| 0)/>
    }
}

#[component]
fn Deployment(row: Memo<DeploymentRow>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let modal = Modal::here();
    let id = Memo::new(move |_| row.with(|row| row.id.clone()));
    let apps = Memo::new(move |_| row.with(|row| row.apps.clone()));
    let apps = move || {
        let links = apps
            .get()
            .into_iter()
            .map(|app| view! { <a class="app" href=place::app(&app)>{app.clone()}</a>" " });
        links.collect_view()
    };
    let actions = Memo::new(move |_| row.with(current_actions));
    let badges = move || {
        let badges = actions.get().into_iter().map(|action| {
            view! { <span class="badge warn"><Icon name="half"/>{action}</span>" " }
        });
        badges.collect_view()
    };
    let stuck = Memo::new(move |_| row.with(|row| row.stuck.clone()));
    let stuck = move || {
        let stuck = stuck.get();
        (!stuck.is_empty()).then(|| {
            let links = stuck.into_iter().map(|app| {
                let href = place::tab(&app, place::Tab::Debug);
                view! { <p><b>{app}</b>" · "<a href=href>{words.why_waiting}</a></p> }
            });
            view! { <div class="banner warn"><Icon name="clock"/><div class="grow">{links.collect_view()}</div></div> }
        })
    };
    let progress = move || {
        row.with(|row| {
            let steps = u32::try_from(row.steps.len()).unwrap_or(u32::MAX);
            phrases::progress(lang, row.current_step.saturating_sub(1), steps)
        })
    };
    view! {
        <div class="top">
            {apps}
            {badges}
            <span class="kid dim" title=id data-testid="cell-id">{move || id.with(|id| place::short(id).to_owned())}<CopyButton text=id/></span>
            <span class="grow"></span>
            <span class="dim">{progress}</span>
            <span class="strong"><TimeAgo at=Signal::derive(move || row.with(|row| Some(row.started_ms)))/></span>
            <a class="btn sm" href=move || modal.href("rollback", &id.get()) data-noscroll="" data-testid="btn-rollback">
                <Icon name="rollback"/>
                {words.rollback}
            </a>
        </div>
        <Legs deployment=row/>
        <Steps row=row/>
        {stuck}
    }
}

/// The actions of the running step, each kind once.
fn current_actions(row: &DeploymentRow) -> Vec<String> {
    let current = (row.current_step as usize).checked_sub(1).and_then(|at| row.steps.get(at));
    let mut names: Vec<String> =
        current.into_iter().flatten().map(|action| action.action.clone()).collect();
    names.dedup();
    names
}

#[component]
fn Steps(row: Memo<DeploymentRow>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let line = move |action: &ActionRow| {
        let (from, to) = action.instances;
        let change = (from != to).then(|| phrases::scale_change(lang, from, to));
        let running =
            action.tally.map(|tally| phrases::instances_run(lang, tally.running, tally.wanted));
        let parts: Vec<String> =
            [Some(action.app.clone()), change, running].into_iter().flatten().collect();
        view! { <span class="d">{parts.join(" · ")}</span> }
    };
    let steps = move || {
        let row = row.get();
        let legs = legs(&row);
        let steps = row.steps.iter().zip(legs).map(|(actions, leg)| {
            let mut names: Vec<&str> =
                actions.iter().map(|action| action.action.as_str()).collect();
            names.dedup();
            let name = names.join(", ");
            let head = match leg {
                Leg::Done => {
                    view! { <span class="t is-ok"><Icon name="ok"/>{name}</span> }.into_any()
                }
                Leg::Current(_) | Leg::Stuck(_) => {
                    view! { <span class="t"><span class="sash">{name}</span></span> }.into_any()
                }
                Leg::Ahead => {
                    view! { <span class="t muted"><Icon name="dash"/>{name}</span> }.into_any()
                }
            };
            let is_current = matches!(leg, Leg::Current(_) | Leg::Stuck(_));
            let lines = match leg {
                Leg::Done => view! { <span class="d">{words.step_done}</span> }.into_any(),
                Leg::Ahead => view! { <span class="d muted">{words.step_next}</span> }.into_any(),
                Leg::Current(_) | Leg::Stuck(_) => {
                    actions.iter().map(line).collect_view().into_any()
                }
            };
            view! { <li aria-current=is_current.then_some("step")>{head}{lines}</li> }
        });
        steps.collect_view()
    };
    view! { <ol class="steps">{steps}</ol> }
}
