//! The app: context for every page, and the routes of both consoles.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::path;

use crate::boot::{Boot, ConsoleKind, Now};
use crate::components::{Frame, ToastHost, Toasts};
use crate::live::Stream;
use crate::pages::sandbox::SandboxPage;
use crate::pages::{NotFound, apps, cluster};

/// Everything inside the page's body.
#[component]
pub fn App(
    /// What the server wrote into the page.
    boot: Boot,
) -> impl IntoView {
    provide_meta_context();
    let kind = boot.kind;
    provide_context(Now(RwSignal::new(boot.now_ms)));
    provide_context(boot);
    let stream = Stream::provide();
    #[cfg(feature = "hydrate")]
    crate::boot::take_over(stream);
    #[cfg(not(feature = "hydrate"))]
    let _ = stream;

    view! {
        <Title formatter=page_title/>
        <Router>
            <Frame>
                {match kind {
                    ConsoleKind::Cluster => view! { <ClusterRoutes/> }.into_any(),
                    ConsoleKind::Apps => view! { <AppsRoutes/> }.into_any(),
                }}
            </Frame>
        </Router>
    }
}

/// The text of the browser's tab.
fn page_title(text: String) -> String {
    if text.is_empty() { "Ekiden".to_owned() } else { format!("{text} · Ekiden") }
}

#[component]
fn ClusterRoutes() -> impl IntoView {
    view! {
        <Routes fallback=NotFound>
            <Route path=path!("/") view=cluster::HomePage/>
            <Route path=path!("/ui") view=cluster::HomePage/>
            <Route path=path!("/ui/agents") view=cluster::AgentsPage/>
            <Route path=path!("/ui/agents/:id") view=cluster::AgentPage/>
            <Route path=path!("/ui/agents/:id/browse") view=SandboxPage/>
            <Route path=path!("/ui/frameworks") view=cluster::FrameworksPage/>
        </Routes>
    }
}

#[component]
fn AppsRoutes() -> impl IntoView {
    Toasts::provide();
    view! {
        <ToastHost/>
        <Routes fallback=NotFound>
            <Route path=path!("/ui") view=apps::AppsPage/>
            <Route path=path!("/ui/apps") view=apps::AppsPage/>
            <Route path=path!("/ui/apps/*id") view=apps::AppPage/>
            <Route path=path!("/ui/deployments") view=apps::DeploymentsPage/>
            <Route path=path!("/ui/agents/:id/browse") view=SandboxPage/>
        </Routes>
    }
}
