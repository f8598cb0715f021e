//! The frame around every page: navigation between both consoles, notices, breadcrumb.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use wire::console::Topic;

use crate::api;
use crate::boot::{Boot, ConsoleKind};
use crate::components::Icon;
use crate::components::keys::Keys;
use crate::components::notice::ScriptNotice;
use crate::components::preferences::{LangToggle, ThemeToggle};
use crate::i18n::{ShellWords, phrases};
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
    icon: &'static str,
    /// Whether it shows the number of running deployments.
    is_counted: bool,
}

impl Tab {
    fn new(
        href: &'static str,
        testid: &'static str,
        label: &'static str,
        icon: &'static str,
    ) -> Self {
        Self { href, testid, label, icon, is_counted: false }
    }
}

fn tabs(kind: ConsoleKind) -> Vec<Tab> {
    let words = ShellWords::here();
    match kind {
        ConsoleKind::Cluster => vec![
            Tab::new("/ui/frameworks", "nav-frameworks", words.frameworks, "framework"),
            Tab::new("/ui/agents", "nav-agents", words.agents, "agent"),
        ],
        ConsoleKind::Apps => vec![
            Tab::new("/ui/apps", "nav-apps", words.applications, "app"),
            Tab {
                is_counted: true,
                ..Tab::new("/ui/deployments", "nav-deployments", words.deployments, "deploy")
            },
        ],
    }
}

/// Where the navigation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the bar; only here its entries carry the test hooks.
    Bar,
    /// Behind the menu button.
    Menu,
    /// At the bottom of a narrow screen.
    Bottom,
}

#[component]
fn Tabs(place: Place) -> impl IntoView {
    let path = use_location().pathname;
    let count = Running::here();
    tabs(Boot::here().kind)
        .into_iter()
        .map(|tab| {
            let is_current = move || path.with(|path| path.starts_with(tab.href)).then_some("page");
            let icon = (place != Place::Bar).then(|| view! { <Icon name=tab.icon/> });
            let badge = tab.is_counted.then(|| view! { <Badge count=count/> });
            view! {
                <a href=tab.href data-testid=(place == Place::Bar).then_some(tab.testid) aria-current=is_current>
                    {icon}
                    <span>{tab.label}</span>
                    {badge}
                </a>
            }
        })
        .collect_view()
}

/// Running deployments, for the badge; the server counts for the first paint.
#[derive(Debug, Clone, Copy)]
struct Running(RwSignal<u64>);

impl Running {
    /// Puts the number into context and, in a browser, keeps it fresh.
    fn provide() {
        let boot = Boot::here();
        let count = RwSignal::new(boot.deployments);
        provide_context(Self(count));
        if boot.kind == ConsoleKind::Apps {
            let changes = Stream::here().changes(&[Topic::Deployment]);
            Effect::new(move |seen: Option<u64>| {
                let now = changes.get();
                if seen.is_some_and(|seen| seen != now) {
                    leptos::task::spawn_local(async move {
                        if let Ok(list) = api::apps::deployments(()).await {
                            count.try_set(list.rows.len() as u64);
                        }
                    });
                }
                now
            });
        }
    }

    fn here() -> RwSignal<u64> {
        expect_context::<Self>().0
    }
}

/// The number of running deployments; nothing at none, in the room that it always has.
#[component]
fn Badge(count: RwSignal<u64>) -> impl IntoView {
    let lang = Boot::here().lang;
    let label = move || phrases::running_deployments(lang, count.get());
    let is_none = move || count.get() == 0;
    view! { <span class="count" class:none=is_none aria-label=label data-testid="deployments-count">{count}</span> }
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
    let is_cluster = boot.kind == ConsoleKind::Cluster;
    let home = if is_cluster { "/" } else { "/ui/apps" };
    Running::provide();
    let path = use_location().pathname;
    let is_home = move || path.with(|path| path == "/" || path == "/ui").then_some("page");
    let first = is_cluster.then(|| {
        view! { <a href="/" aria-current=is_home><Icon name="cluster"/><span>{words.cluster}</span></a> }
    });
    let other = if is_cluster {
        view! { <a href=boot.apps_url.clone() rel="external"><Icon name="app"/><span>{words.apps}</span></a> }
    } else {
        view! { <a href=boot.cluster_url.clone() rel="external"><Icon name="cluster"/><span>{words.cluster}</span></a> }
    };
    view! {
        <a class="skip" href="#main">{words.skip}</a>
        <header class="nav" data-testid="navbar">
            <details class="drawer">
                <summary class="nav-btn burger" aria-label=words.menu><Icon name="menu"/></summary>
                <nav class="menu" aria-label=words.menu><ConsoleSwitch/><hr/><Tabs place=Place::Menu/></nav>
            </details>
            <a class="brand" href=home><Mark/>"Ekiden"</a>
            <nav class="switch" aria-label=words.console_switch><ConsoleSwitch/></nav>
            <nav class="nav-tabs" aria-label=words.main_navigation><Tabs place=Place::Bar/></nav>
            <span class="grow"></span>
            <LiveDot/>
            <div class="nav-end"><LangToggle/><ThemeToggle/><Keys kind=boot.kind/></div>
        </header>
        <ScriptNotice/>
        {children()}
        <nav class="bottom" aria-label=words.main_navigation>{first}<Tabs place=Place::Bottom/>{other}</nav>
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
