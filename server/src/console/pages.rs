//! Renders pages: every one complete, with its data, before it is sent.

use std::sync::Arc;

use app::{AppsBackend, Boot, ClusterBackend, Deadline, Document, FilesBackend};
use axum::extract::{Path, Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{IntoResponse, Redirect, Response};
use leptos::nonce::Nonce;
use leptos::prelude::*;
use wire::console::escape;

use super::{Backend, Site, api, request, security};

/// Any page of the console.
pub(super) async fn page(State(site): State<Site>, request: Request) -> Response {
    let boot = Boot {
        deployments: running_deployments(&site).await,
        ..request::boot(&site, request.headers())
    };
    let nonce = security::nonce();
    let policy = security::page_policy(&nonce);
    let (bundle, deadline) = (site.bundle.clone(), site.config.deadline);
    let context = move || {
        provide_context(Nonce::from_value(nonce.as_str()));
        provide_context(Deadline(Arc::new(move || Box::pin(tokio::time::sleep(deadline)))));
        provide_context::<Arc<dyn FilesBackend>>(site.backend.files());
        match &site.backend {
            Backend::Cluster(backend) => {
                provide_context::<Arc<dyn ClusterBackend>>(Arc::clone(backend))
            }
            Backend::Apps(backend) => provide_context::<Arc<dyn AppsBackend>>(Arc::clone(backend)),
        }
    };
    let document = move || view! { <Document boot=boot.clone() bundle=bundle.clone()/> };
    let mut response = leptos_axum::render_app_async_with_context(context, document)(request).await;
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// How many deployments run; none when nobody can tell in time, since the badge must not keep a page.
async fn running_deployments(site: &Site) -> u64 {
    let Backend::Apps(backend) = &site.backend else { return 0 };
    match tokio::time::timeout(site.config.deadline, backend.deployments()).await {
        Ok(Ok(list)) => list.rows.len() as u64,
        Ok(Err(_)) | Err(_) => 0,
    }
}

/// `…/executors/{executor}/browse`: looks the sandbox up and goes there.
pub(super) async fn executor_sandbox(
    State(site): State<Site>,
    Path((agent, framework, executor)): Path<(String, String, String)>,
) -> Response {
    to_sandbox(&site, agent, framework, executor).await
}

/// `…/executors/{executor}/tasks/{task}/browse`: the same; a command task has the sandbox of its executor.
pub(super) async fn task_sandbox(
    State(site): State<Site>,
    Path((agent, framework, executor, _task)): Path<(String, String, String, String)>,
) -> Response {
    to_sandbox(&site, agent, framework, executor).await
}

async fn to_sandbox(site: &Site, agent: String, framework: String, executor: String) -> Response {
    match site.backend.files().sandbox(agent.clone(), framework, executor).await {
        Ok(found) => {
            let target =
                format!("/ui/agents/{}/browse?path={}", escape(&agent), escape(&found.path));
            Redirect::to(&target).into_response()
        }
        Err(error) => api::refusal(&error),
    }
}
