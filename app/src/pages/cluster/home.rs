//! The cluster's home page: facts beside the tables of tasks.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use wire::console::{Amount, Home, Overview, TaskCounts, TaskScope, Topic};

use super::tasks::TaskTable;
use crate::api;
use crate::api::cluster::HomeQuery;
use crate::boot::Boot;
use crate::components::{CopyButton, Icon, PageTitle, TimeAgo};
use crate::format;
use crate::i18n::{ClusterWords, ShellWords, phrases};
use crate::live::{Live, live_page};

/// The home page.
#[component]
pub fn HomePage() -> impl IntoView {
    let search = use_location().search;
    let query = Memo::new(move |_| {
        search.with(|search| HomeQuery::from_query(search.trim_start_matches('?')))
    });
    live_page(
        query,
        &[Topic::Task, Topic::Agent, Topic::Framework, Topic::Leader],
        api::cluster::home,
        home,
    )
}

fn home(live: Live<Home>) -> impl IntoView {
    let words = ClusterWords::here();
    let overview = live.pick(|home| home.overview.clone());
    let title = move || {
        overview.with(|facts| facts.cluster.clone().unwrap_or_else(|| words.master.to_owned()))
    };
    let id = Memo::new(move |_| overview.with(|facts| facts.master_id.clone()));
    view! {
        <PageTitle text=title/>
        <Notices facts=overview/>
        <div class="shell wide">
            <Facts facts=overview/>
            <main class="main" id="main">
                <div class="page-head">
                    <h1>{words.master}</h1>
                    <span class="kid dim">{id}<CopyButton text=id/></span>
                </div>
                <Stats facts=overview/>
                <TaskTable scope=TaskScope::Active prefix="" page=live.pick(|home| home.active.clone())/>
                <TaskTable scope=TaskScope::Unreachable prefix="u-" page=live.pick(|home| home.unreachable.clone())/>
                <TaskTable scope=TaskScope::Completed prefix="c-" page=live.pick(|home| home.completed.clone())/>
            </main>
        </div>
    }
}

/// What concerns the whole cluster: nobody leads, or anybody may change it.
#[component]
fn Notices(facts: Memo<Overview>) -> impl IntoView {
    let words = ClusterWords::here();
    let shell = ShellWords::here();
    let no_leader = move || {
        facts.with(|facts| facts.leader.is_none()).then(|| {
            view! { <div class="strip warn" data-testid="leader-strip"><Icon name="warn"/><span>{words.no_leader}</span></div> }
        })
    };
    let is_open = move || {
        facts.with(|facts| facts.open_without_credentials).then(|| {
            view! {
                <div class="strip warn" data-testid="open-strip">
                    <Icon name="warn"/>
                    <span>{shell.open_without_credentials}</span>
                </div>
            }
        })
    };
    let no_history = move || {
        facts.with(|facts| facts.history_problem.clone()).map(|problem| {
            view! {
                <div class="strip warn" data-testid="history-strip">
                    <Icon name="warn"/>
                    <span>{words.no_history}" "{problem}</span>
                </div>
            }
        })
    };
    let no_room = move || facts.with(|facts| no_room(facts.disk_full, facts.log_problem.clone()));
    view! { {no_leader}{no_room}{is_open}{no_history} }
}

/// The master's log cannot grow: its disk is full, or there is another problem.
pub(crate) fn no_room(is_disk_full: bool, problem: Option<String>) -> Option<impl IntoView> {
    let words = ShellWords::here();
    let told = match problem {
        Some(problem) => format!("{} {problem}", words.log_problem),
        None if is_disk_full => words.disk_full.to_owned(),
        None => return None,
    };
    Some(
        view! { <div class="strip warn" data-testid="disk-strip"><Icon name="warn"/><span>{told}</span></div> },
    )
}

#[component]
fn Facts(facts: Memo<Overview>) -> impl IntoView {
    let words = ClusterWords::here();
    view! {
        <aside class="side" aria-label=words.facts>
            <Identity facts=facts/>
            <section class="side-card" data-testid="sidebar-agents">
                <h2>{words.agents}" "<a href="/ui/agents">{ShellWords::here().view}</a></h2>
                <dl class="facts num">
                    <Count label=words.activated count=move || facts.with(|facts| facts.agents.activated)/>
                    <Count label=words.deactivated count=move || facts.with(|facts| facts.agents.deactivated)/>
                    <Count label=words.unreachable count=move || facts.with(|facts| facts.agents.unreachable)/>
                </dl>
            </section>
            <TaskNumbers counts=Signal::derive(move || facts.with(|facts| facts.tasks))/>
            <ResourceTable facts=facts/>
        </aside>
    }
}

#[component]
fn Identity(facts: Memo<Overview>) -> impl IntoView {
    let words = ClusterWords::here();
    let lang = Boot::here().lang;
    let fact = move |pick: fn(&Overview) -> Option<u64>| Signal::derive(move || facts.with(pick));
    let name = move || match facts.with(|facts| facts.cluster.clone()) {
        Some(name) => view! { <span>{name}</span> }.into_any(),
        None => {
            view! { <span class="muted" title=words.unnamed_hint>{words.unnamed}</span> }.into_any()
        }
    };
    let leader = move || match facts.with(|facts| facts.leader.clone()) {
        Some(leader) => {
            view! { <a href=format!("//{leader}/") rel="external">{leader.clone()}</a> }.into_any()
        }
        None => view! { <span class="muted">{words.unknown}</span> }.into_any(),
    };
    let by = move || {
        facts
            .with(|facts| facts.built_by.clone())
            .map(|user| view! { " "<em>{phrases::built_by(lang, &user)}</em> })
    };
    view! {
        <section class="side-card" data-testid="sidebar-cluster">
            <h2 class="sr">{words.master}</h2>
            <dl class="facts">
                <dt>{words.cluster}</dt><dd>{name}</dd>
                <dt>{words.leader}</dt><dd>{leader}</dd>
                <dt>{words.server}</dt><dd>{move || facts.with(|facts| facts.server.clone())}</dd>
                <dt>{words.version}</dt><dd>{move || facts.with(|facts| facts.version.clone())}</dd>
                <dt>{words.built}</dt><dd><TimeAgo at=fact(|facts| facts.built_ms)/>{by}</dd>
                <dt>{words.started_fact}</dt><dd><TimeAgo at=fact(|facts| Some(facts.started_ms))/></dd>
                <dt>{words.elected}</dt><dd><TimeAgo at=fact(|facts| facts.elected_ms)/></dd>
            </dl>
        </section>
    }
}

/// One labelled number; zeros are muted, never hidden.
#[component]
fn Count<F>(label: &'static str, count: F) -> impl IntoView
where
    F: Fn() -> u64 + Clone + Send + Sync + 'static,
{
    let (is_zero, is_zero_too) = (count.clone(), count.clone());
    view! {
        <dt class:z=move || is_zero() == 0>{label}</dt>
        <dd class:z=move || is_zero_too() == 0>{move || format::count(count())}</dd>
    }
}

/// The block of task numbers; the rare states appear only when they occurred.
#[component]
pub(super) fn TaskNumbers(counts: Signal<TaskCounts>) -> impl IntoView {
    let words = ClusterWords::here();
    let of = move |pick: fn(&TaskCounts) -> u64| move || counts.with(pick);
    let rare = move |label: &'static str, pick: fn(&TaskCounts) -> u64| {
        move || (counts.with(pick) > 0).then(|| view! { <Count label=label count=of(pick)/> })
    };
    view! {
        <section class="side-card" data-testid="sidebar-tasks">
            <h2>{words.tasks}</h2>
            <dl class="facts num two">
                <Count label=words.staging count=of(|tasks| tasks.staging)/>
                <Count label=words.starting count=of(|tasks| tasks.starting)/>
                <Count label=words.running count=of(|tasks| tasks.running)/>
                <Count label=words.unreachable count=of(|tasks| tasks.unreachable)/>
                <Count label=words.killing count=of(|tasks| tasks.killing)/>
                <Count label=words.finished count=of(|tasks| tasks.finished)/>
                <Count label=words.killed count=of(|tasks| tasks.killed)/>
                <Count label=words.failed count=of(|tasks| tasks.failed)/>
                <Count label=words.lost count=of(|tasks| tasks.lost)/>
                {rare(words.error, |tasks| tasks.error)}
                {rare(words.dropped, |tasks| tasks.dropped)}
                {rare(words.gone, |tasks| tasks.gone)}
            </dl>
        </section>
    }
}

#[component]
fn ResourceTable(facts: Memo<Overview>) -> impl IntoView {
    let words = ClusterWords::here();
    let line = move |label: &'static str, pick: fn(&Overview) -> Amount| {
        let cell = move |text: fn(Amount) -> String| move || facts.with(|facts| text(pick(facts)));
        view! {
            <tr>
                <th scope="row">{label}</th>
                <td>{cell(|amount| format::fine(amount.cpus))}</td>
                <td>{cell(|amount| format::fine(amount.gpus))}</td>
                <td>{cell(|amount| format::mebibytes(amount.mem))}</td>
                <td>{cell(|amount| format::mebibytes(amount.disk))}</td>
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
                        <th scope="col">{words.cpus}</th>
                        <th scope="col">{words.gpus}</th>
                        <th scope="col">{words.mem}</th>
                        <th scope="col">{words.disk}</th>
                    </tr>
                </thead>
                <tbody>
                    {line(words.total, |facts| facts.resources.total)}
                    {line(words.allocated, |facts| facts.resources.allocated)}
                    {line(words.offered, |facts| facts.resources.offered)}
                    {line(words.idle, |facts| facts.resources.idle)}
                </tbody>
            </table>
        </section>
    }
}

/// How much of each resource is allocated, large.
#[component]
fn Stats(facts: Memo<Overview>) -> impl IntoView {
    let words = ClusterWords::here();
    let lang = Boot::here().lang;
    let stat = move |slug: &'static str,
                     label: &'static str,
                     pick: fn(Amount) -> f64,
                     text: fn(f64) -> String| {
        let values = Memo::new(move |_| {
            facts.with(|facts| (pick(facts.resources.allocated), pick(facts.resources.total)))
        });
        let percent = move || values.with(|(part, whole)| format::percent(*part, *whole));
        let detail = move || {
            values.with(|(part, whole)| phrases::allocated_of(lang, &text(*part), &text(*whole)))
        };
        let width =
            move || values.with(|(part, whole)| format!("--v:{}", format::bar(*part, *whole)));
        view! {
            <section class="panel stat" data-testid=slug>
                <span class="k">{label}</span>
                <span class="v">{percent}<small>"%"</small></span>
                <span class="m">{detail}</span>
                <div class="rb wide"><div class="bar"><i class="alloc" style=width></i></div></div>
            </section>
        }
    };
    view! {
        <div class="cards stats">
            {stat("stat-cpu", words.cpu, |amount| amount.cpus, format::number)}
            {stat("stat-memory", words.memory, |amount| amount.mem, format::mebibytes)}
            {stat("stat-disk", words.disk, |amount| amount.disk, format::mebibytes)}
        </div>
    }
}
