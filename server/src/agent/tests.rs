//! The agent as a whole, against a master that each test plays itself.

mod checks;
mod collecting;
mod commands;
mod docker;
mod files;
mod full_disk;
mod many_tasks;
mod master;
mod registration;
pub(super) mod small_disk;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use agent_core::Settings;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use model::{Attributes, Resources};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::master::Master;
use super::reconfiguration::Policy;
use super::{AgentConfig, Commands, Engine, Fetching, Retention};
use crate::clock::Clock;

/// An agent in this process, with its folder.
struct Running {
    router: Router,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Running {
    async fn start(config: AgentConfig) -> Self {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let service = super::start(config, Clock, tracker.clone(), stop.clone()).await.unwrap();
        Self { router: service.router, tracker, stop }
    }

    /// Ends the agent as the end of its process would: its containers run on.
    async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    async fn get(&self, path: &str) -> Response {
        self.router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn text(&self, path: &str) -> (StatusCode, String) {
        let response = self.get(path).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.into()).unwrap())
    }

    async fn json(&self, path: &str) -> serde_json::Value {
        let (status, text) = self.text(path).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn config(folder: &TempDir, master: &Master, engine: Engine) -> AgentConfig {
    AgentConfig {
        ip: IpAddr::from([127, 0, 0, 91]),
        port: 5051,
        hostname: "node1".to_owned(),
        master: master.address(),
        cluster_secret: None,
        work_dir: folder.path().join("work"),
        resources: Resources::parse("cpus:4;mem:1024;disk:1000;ports:[31000-31999]").unwrap(),
        attributes: Attributes::parse("rack:r1").unwrap(),
        reconfiguration: Policy::Any,
        engine,
        commands: Commands { are_run: true, switch_user: true, ..Commands::default() },
        docker_socket: Path::new("/var/run/docker.sock").to_owned(),
        fetching: Fetching {
            cache_dir: None,
            cache_size: 1 << 20,
            stall_timeout: Duration::from_secs(5),
            frameworks_home: None,
            size_limit: 1 << 20,
        },
        bounds_cpu: false,
        credentials: Default::default(),
        output_limits: [None; 2],
        remove_delay: Settings::REMOVE_DELAY,
        kill_grace: Settings::KILL_GRACE,
        docker_stop_timeout: Duration::ZERO,
        sandbox_mount: Settings::SANDBOX_MOUNT.to_owned(),
        container_dns: Vec::new(),
        max_completed_tasks: Settings::MAX_COMPLETED_TASKS,
        retention: Retention {
            delay: Duration::from_secs(604_800),
            disk_headroom: 0.1,
            watch_interval: Duration::from_secs(60),
        },
        image_gc: None,
        cluster: "test".to_owned(),
        flags: vec![("port".to_owned(), "5051".to_owned())],
    }
}
