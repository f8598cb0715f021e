//! One application: `/ui/apps/<id>` and its tabs.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use wire::console::{AppDetail, AppStatus, Tally, Topic};

use super::actions::{ActionDialogs, act};
use super::configuration::Configuration;
use super::debug::Debug;
use super::instances::Instances;
use super::list::AppState;
use super::modal::Modal;
use super::place::{self, AppPlace, Tab};
use crate::api;
use crate::api::apps::Change;
use crate::boot::Boot;
use crate::components::{
    Crumb, Crumbs, HealthBar, Icon, Legs, PageTitle, Toasts, segment_word, segments,
};
use crate::i18n::AppWords;
use crate::i18n::apps::phrases;
use crate::live::{Live, live_page};

/// The page of an application.
#[component]
pub fn AppPage() -> impl IntoView {
    let path = use_location().pathname;
    // While one leaves for another page, this one keeps its own application.
    let here = Memo::new(move |last: Option<&AppPlace>| {
        path.with(|path| AppPlace::from_path(path)).or_else(|| last.cloned()).unwrap_or_default()
    });
    let id = Memo::new(move |_| here.with(|here| here.id.clone()));
    let tab = Memo::new(move |_| here.with(|here| here.tab));
    let topics = &[Topic::App, Topic::Deployment, Topic::Queue, Topic::Task];
    live_page(id, topics, api::apps::app, move |live| page(live, id, tab))
}

fn page(live: Live<Option<AppDetail>>, id: Memo<String>, tab: Memo<Tab>) -> impl IntoView {
    let found = live.pick(Clone::clone);
    let is_there = Memo::new(move |_| found.with(Option::is_some));
    let detail = Memo::new(move |last: Option<&AppDetail>| {
        found.get().or_else(|| last.cloned()).unwrap_or_default()
    });
    #[cfg(feature = "ssr")]
    if !is_there.get_untracked() {
        crate::pages::answer_with(&crate::backend::ConsoleError::NotFound {
            what: id.get_untracked(),
        });
    }
    move || {
        if is_there.get() {
            view! { <Present detail=detail id=id tab=tab/> }.into_any()
        } else {
            view! { <Gone id=id/> }.into_any()
        }
    }
}

#[component]
fn Gone(id: Memo<String>) -> impl IntoView {
    let words = AppWords::here();
    view! {
        <PageTitle text=words.gone/>
        <div class="shell solo">
            <main class="main" id="main">
                <section class="panel empty" data-testid="error-row">
                    <h1>{words.gone}</h1>
                    <p><code>{id}</code></p>
                    <p>{words.gone_text}</p>
                    <a class="btn" href="/ui/apps">{words.back_to_list}</a>
                </section>
            </main>
        </div>
    }
}

#[component]
fn Present(detail: Memo<AppDetail>, id: Memo<String>, tab: Memo<Tab>) -> impl IntoView {
    let words = AppWords::here();
    let title = move || id.get();
    let instances = Callback::new(move |_: String| detail.with(|detail| detail.row.tally.wanted));
    let crumbs = move || {
        let parts: Vec<String> = id.with(|id| id.split('/').skip(1).map(str::to_owned).collect());
        let mut steps = vec![Crumb::link(words.applications, "/ui/apps")];
        steps.push(Crumb::here(parts.join(" / ")));
        view! { <Crumbs steps=steps/> }
    };
    let content = move || match tab.get() {
        Tab::Instances => view! { <Instances detail=detail/> }.into_any(),
        Tab::Configuration => view! { <Configuration detail=detail/> }.into_any(),
        Tab::Debug => view! { <Debug detail=detail/> }.into_any(),
    };
    view! {
        <PageTitle text=title/>
        <div class="shell solo">
            <main class="main" id="main">
                {crumbs}
                <Head detail=detail id=id/>
                <Bar detail=detail/>
                <Running detail=detail/>
                <Tabs detail=detail id=id tab=tab/>
                {content}
            </main>
        </div>
        <ActionDialogs app=id instances=instances/>
    }
}

#[component]
fn Head(detail: Memo<AppDetail>, id: Memo<String>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let modal = Modal::here();
    let toasts = Toasts::here();
    let row = Memo::new(move |_| detail.with(|detail| detail.row.clone()));
    let tally = Memo::new(move |_| row.with(|row| row.tally));
    let status = Memo::new(move |_| row.with(|row| row.status));
    let reset = move || {
        (status.get() == AppStatus::Delayed).then(|| {
            let reset = move |_| act(lang, toasts, Change::ResetDelay { app: id.get_untracked() });
            view! { <button type="button" class="btn scripted" data-testid="btn-reset-delay" on:click=reset><Icon name="refresh"/>{words.reset_delay}</button> }
        })
    };
    let suspend = move || {
        (tally.get().wanted > 0).then(|| {
            view! { <a href=move || modal.href("suspend", "") data-noscroll="" data-testid="btn-suspend"><Icon name="pause"/>{words.suspend}</a> }
        })
    };
    view! {
        <div class="page-head ah">
            <span class="hex"><Icon name="app"/></span>
            <div>
                <h1>{move || id.with(|id| id.rsplit('/').next().unwrap_or_default().to_owned())}</h1>
                <span class="row" data-testid="app-status" data-status=move || status.get().name()>
                    <AppState row=row/>
                    " "
                    <span class="dim" data-testid="app-instances">
                        {move || tally.with(|tally| phrases::instances_in_brackets(lang, tally.running, tally.wanted))}
                    </span>
                </span>
            </div>
            <span class="grow"></span>
            <a class="btn primary" href=move || modal.href("scale", "") data-noscroll="" data-testid="btn-scale"><Icon name="scale"/>{words.scale_app}</a>
            <a class="btn" href=move || modal.href("restart", "") data-noscroll="" data-testid="btn-restart"><Icon name="restart"/>{words.restart}</a>
            {reset}
            <button type="button" class="btn icon" aria-label=words.more_actions title=words.more_actions popovertarget="app-menu" style="anchor-name:--app-menu" data-testid="btn-gear">
                <Icon name="more"/>
            </button>
            <div class="menu" popover="auto" id="app-menu" style="position-anchor:--app-menu">
                {suspend}
                <a class="danger" href=move || modal.href("destroy", "") data-noscroll="" data-testid="btn-destroy"><Icon name="trash"/>{words.destroy}</a>
            </div>
        </div>
    }
}

/// The health bar with its numbers, labels and addresses.
#[component]
fn Bar(detail: Memo<AppDetail>) -> impl IntoView {
    let tally = Memo::new(move |_| detail.with(|detail| detail.row.tally));
    let labels = Memo::new(move |_| detail.with(|detail| detail.row.labels.clone()));
    let labels = move || {
        let labels =
            labels.get().into_iter().map(|label| view! { <span class="label">{label}</span> });
        labels.collect_view()
    };
    view! {
        <div class="hline">
            <HealthBar tally=tally is_large=true/>
            <span class="row gap-4 cnt">{move || numbers(tally.get())}</span>
            <span class="grow"></span>
            <span class="row">{labels}</span>
        </div>
    }
}

/// Healthy, unhealthy and unknown always; the others when there are some.
fn numbers(tally: Tally) -> impl IntoView {
    let always = [("ok", tally.healthy), ("bad", tally.unhealthy), ("unk", tally.unknown())];
    let rare =
        segments(tally).into_iter().filter(|part| !["ok", "bad", "unk"].contains(&part.class));
    let rare = rare.map(|part| (part.class, part.number));
    let numbers = always.into_iter().chain(rare).map(|(class, number)| {
        let percent = (number > 0 && tally.wanted > 0).then(|| {
            let percent = (100 * number + tally.wanted / 2) / tally.wanted;
            view! { " "<span class="muted">{format!("({percent}%)")}</span> }
        });
        let class_of_dot = format!("dot {}", class.trim_end_matches(" go"));
        view! { <span class:muted=number == 0><i class=class_of_dot></i>{format!("{number} {}", segment_word(class))}{percent}</span> }
    });
    numbers.collect_view()
}

/// The deployment that changes it.
#[component]
fn Running(detail: Memo<AppDetail>) -> impl IntoView {
    let lang = Boot::here().lang;
    let deployment = Memo::new(move |_| detail.with(|detail| detail.deployment.clone()));
    let is_there = Memo::new(move |_| deployment.with(Option::is_some));
    let row = Memo::new(move |last: Option<&_>| {
        deployment.get().or_else(|| last.cloned()).unwrap_or_default()
    });
    move || {
        is_there.get().then(|| {
            let text = move || row.with(|row| phrases::deployment(lang, place::short(&row.id)));
            view! {
                <section class="panel strip-dep" data-testid="app-deployment">
                    <a href="/ui/deployments">{text}</a>
                    <Legs deployment=row/>
                </section>
            }
        })
    }
}

#[component]
fn Tabs(detail: Memo<AppDetail>, id: Memo<String>, tab: Memo<Tab>) -> impl IntoView {
    let words = AppWords::here();
    let count = Memo::new(move |_| detail.with(|detail| detail.instances.len()));
    let is_at = move |at: Tab| move || (tab.get() == at).then_some("page");
    let href = move |at: Tab| move || id.with(|id| place::tab(id, at));
    view! {
        <nav class="tabs" aria-label=words.applications>
            <a href=href(Tab::Instances) aria-current=is_at(Tab::Instances) data-noscroll="" data-testid="tab-instances">
                {words.instances_tab}<span class="n">{count}</span>
            </a>
            <a href=href(Tab::Configuration) aria-current=is_at(Tab::Configuration) data-noscroll="" data-testid="tab-configuration">{words.configuration}</a>
            <a href=href(Tab::Debug) aria-current=is_at(Tab::Debug) data-noscroll="" data-testid="tab-debug">{words.debug}</a>
        </nav>
    }
}
