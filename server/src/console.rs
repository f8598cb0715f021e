//! The server's side of the two web consoles: pages, their files, `/ui/api/v1` and the event stream.
//!
//! `router`s are made here and served by whoever owns the port. What the pages show comes through the backend traits of
//! `app`; this module decides nothing about the cluster.

mod api;
pub(crate) mod apps;
mod assets;
pub(crate) mod cluster;
mod events;
pub(crate) mod files;
pub(crate) mod lists;
mod pages;
mod request;
#[cfg(test)]
mod samples;
mod security;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use app::{AppsBackend, Bundle, ClusterBackend, ConsoleKind, FilesBackend};
use axum::Router;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub(crate) use events::{ChangeFeed, Changes};
use files::Download;

/// What both consoles need to know besides their data.
#[derive(Clone)]
pub(crate) struct ConsoleConfig {
    /// Port of the cluster console.
    pub(crate) cluster_port: u16,
    /// Port of the application console.
    pub(crate) apps_port: u16,
    /// How long rendering waits for data before it sends the page without.
    pub(crate) deadline: Duration,
    /// The wall clock, in milliseconds since the Unix epoch.
    pub(crate) wall_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Ends the event streams.
    pub(crate) stop: CancellationToken,
}

impl std::fmt::Debug for ConsoleConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsoleConfig")
            .field("cluster_port", &self.cluster_port)
            .field("apps_port", &self.apps_port)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Why there is no room for changes, as the pages are told: whether the disk is full, or else what the problem is.
fn told(no_room: Option<coordination::NoRoom>) -> (bool, Option<String>) {
    match no_room {
        None => (false, None),
        Some(coordination::NoRoom::DiskFull) => (true, None),
        Some(why @ coordination::NoRoom::Failed(_)) => (false, Some(why.to_string())),
    }
}

/// The backends that pages find in their context.
#[derive(Clone)]
enum Backend {
    Cluster(Arc<dyn ClusterBackend>),
    Apps(Arc<dyn AppsBackend>),
}

impl Backend {
    fn kind(&self) -> ConsoleKind {
        match self {
            Self::Cluster(_) => ConsoleKind::Cluster,
            Self::Apps(_) => ConsoleKind::Apps,
        }
    }

    fn files(&self) -> Arc<dyn FilesBackend> {
        match self {
            Self::Cluster(backend) => Arc::clone(backend) as Arc<dyn FilesBackend>,
            Self::Apps(backend) => Arc::clone(backend) as Arc<dyn FilesBackend>,
        }
    }
}

/// One console, as its pages see it.
#[derive(Clone)]
struct Site {
    backend: Backend,
    config: ConsoleConfig,
    bundle: Bundle,
}

/// The cluster console: `/`, `/ui/…`, for port 5050.
pub(crate) fn cluster_router<B>(backend: Arc<B>, changes: Changes, config: ConsoleConfig) -> Router
where
    B: ClusterBackend + Download,
{
    let api = api::cluster_routes(Arc::clone(&backend) as Arc<dyn ClusterBackend>);
    let api = api.merge(api::download_routes(Arc::clone(&backend) as Arc<dyn Download>));
    let pages = Router::new().route("/", get(pages::page));
    router(Backend::Cluster(backend), pages, api, changes, config)
}

/// The application console: `/` (a redirect) and `/ui/…`, for port 8080.
pub(crate) fn apps_router<B>(backend: Arc<B>, changes: Changes, config: ConsoleConfig) -> Router
where
    B: AppsBackend + Download,
{
    let api = api::apps_routes(Arc::clone(&backend) as Arc<dyn AppsBackend>);
    let api = api.merge(api::download_routes(Arc::clone(&backend) as Arc<dyn Download>));
    let logs = apps::log_routes(Arc::clone(&backend) as Arc<dyn AppsBackend>);
    let pages = Router::new().route("/", get(|| async { Redirect::to("/ui/") }));
    router(Backend::Apps(backend), pages, api, changes, config).merge(logs)
}

fn router(
    backend: Backend,
    root: Router<Site>,
    api: Router,
    changes: Changes,
    config: ConsoleConfig,
) -> Router {
    // Leptos spawns through this; it may be called again by the other console.
    let _ = any_spawner::Executor::init_tokio();
    let stop = config.stop.clone();
    let files = api::files_routes(backend.files());
    let site = Site { backend, config, bundle: assets::bundle() };
    root.route("/ui", get(pages::page))
        .route("/ui/", get(pages::page))
        .route("/ui/{*path}", get(pages::page))
        .route(
            "/ui/agents/{agent}/frameworks/{framework}/executors/{executor}/browse",
            get(pages::executor_sandbox),
        )
        .route(
            "/ui/agents/{agent}/frameworks/{framework}/executors/{executor}/tasks/{task}/browse",
            get(pages::task_sandbox),
        )
        .route("/ui/preferences", get(request::preferences))
        .route("/ui/assets/{file}", get(assets::file))
        .with_state(site)
        .nest(
            "/ui/api/v1",
            api.merge(files).merge(events::routes(changes, stop)).fallback(api::unknown),
        )
        .route("/ui/api/{*path}", axum::routing::any(api::unknown))
        .layer(CatchPanicLayer::new())
        .layer(middleware::map_response(security::harden))
}
