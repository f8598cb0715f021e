//! The frame around every page: navigation between both consoles, notices, breadcrumb.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::boot::{Boot, ConsoleKind};
use crate::components::Icon;
use crate::components::notice::ScriptNotice;
use crate::components::preferences::{LangToggle, ThemeToggle};
use crate::i18n::ShellWords;
use crate::live::{Stream, StreamState};

/// The mark: a sash across a hexagon.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
            <path class="h" d="M17.89 4.9 12 1.5 2.91 6.75v6.8zM6.11 19.1 12 22.5l9.09-5.25v-6.8z"></path>
            <path class="s" d="m19.19 5.65 1.9 1.1v2.19L4.81 18.35l-1.9-1.1v-2.19z"></path>
        </svg>
    }
}

/// One entry of the main navigation.
#[derive(Debug, Clone, Copy)]
struct Tab {
    href: &'static str,
    testid: &'static str,
    label: &'static str,
}

fn tabs(kind: ConsoleKind) -> Vec<Tab> {
    let words = ShellWords::here();
    match kind {
        ConsoleKind::Cluster => vec![
            Tab { href: "/ui/frameworks", testid: "nav-frameworks", label: words.frameworks },
            Tab { href: "/ui/agents", testid: "nav-agents", label: words.agents },
        ],
        ConsoleKind::Apps => vec![
            Tab { href: "/ui/apps", testid: "nav-apps", label: words.applications },
            Tab { href: "/ui/deployments", testid: "nav-deployments", label: words.deployments },
        ],
    }
}

#[component]
fn Tabs(
    /// Whether the entries carry the test hooks; they stand twice in the page.
    is_main: bool,
) -> impl IntoView {
    let path = use_location().pathname;
    tabs(Boot::here().kind)
        .into_iter()
        .map(|tab| {
            let is_current = move || path.with(|path| path.starts_with(tab.href)).then_some("page");
            view! {
                <a href=tab.href data-testid=is_main.then_some(tab.testid) aria-current=is_current>
                    {tab.label}
                </a>
            }
        })
        .collect_view()
}

#[component]
fn ConsoleSwitch() -> impl IntoView {
    let words = ShellWords::here();
    let boot = Boot::here();
    let is = move |kind| (boot.kind == kind).then_some("true");
    view! {
        <a href=boot.cluster_url.clone() rel="external" aria-current=is(ConsoleKind::Cluster) data-testid="switch-cluster">
            <Icon name="cluster"/>
            {words.cluster}
        </a>
        <a href=boot.apps_url.clone() rel="external" aria-current=is(ConsoleKind::Apps) data-testid="switch-apps">
            <Icon name="app"/>
            {words.apps}
        </a>
    }
}

#[component]
fn LiveDot() -> impl IntoView {
    let words = ShellWords::here();
    let state = Stream::here().state;
    let class = move || match state.get() {
        StreamState::Live => "live",
        StreamState::Polling => "live poll",
        StreamState::Reconnecting => "live wait",
    };
    let word = move || match state.get() {
        StreamState::Live => words.live,
        StreamState::Polling => words.polling,
        StreamState::Reconnecting => words.reconnecting,
    };
    view! { <span class=class role="status" data-testid="live-dot">{word}</span> }
}

/// The frame around every page.
#[component]
pub fn Frame(children: Children) -> impl IntoView {
    let words = ShellWords::here();
    let boot = Boot::here();
    let home = if boot.kind == ConsoleKind::Cluster { "/" } else { "/ui/apps" };
    view! {
        <a class="skip" href="#main">{words.skip}</a>
        <header class="nav" data-testid="navbar">
            <details class="drawer">
                <summary class="nav-btn burger" aria-label=words.menu><Icon name="menu"/></summary>
                <nav class="menu" aria-label=words.menu><ConsoleSwitch/><hr/><Tabs is_main=false/></nav>
            </details>
            <a class="brand" href=home><Mark/>"Ekiden"</a>
            <nav class="switch" aria-label=words.console_switch><ConsoleSwitch/></nav>
            <nav class="nav-tabs" aria-label=words.main_navigation><Tabs is_main=true/></nav>
            <span class="grow"></span>
            <LiveDot/>
            <div class="nav-end"><LangToggle/><ThemeToggle/></div>
        </header>
        <ScriptNotice/>
        {children()}
    }
}

/// One step of a breadcrumb; the last has no link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crumb {
    /// Its text.
    pub text: String,
    /// Where it leads.
    pub href: Option<String>,
}

impl Crumb {
    /// A step with a link.
    pub fn link(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: Some(href.into()) }
    }

    /// The page itself.
    pub fn here(text: impl Into<String>) -> Self {
        Self { text: text.into(), href: None }
    }
}

/// Where the page stands.
#[component]
pub fn Crumbs(
    /// From the top to the page itself.
    steps: Vec<Crumb>,
) -> impl IntoView {
    let words = ShellWords::here();
    let steps = steps
        .into_iter()
        .map(|step| match step.href {
            Some(href) => view! { <li><a href=href>{step.text}</a></li> }.into_any(),
            None => view! { <li><span aria-current="page">{step.text}</span></li> }.into_any(),
        })
        .collect_view();
    view! {
        <nav aria-label=words.breadcrumb data-testid="breadcrumb">
            <ol class="crumbs">{steps}</ol>
        </nav>
    }
}
