//! `/v2/apps`: list and create, and change several at once.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use marathon_core::command::AppChange;
use marathon_core::render::{self, Embed};
use marathon_core::run_spec::{Command, RunSpec};
use marathon_core::snapshot::App;
use model::AppId;
use wire::marathon::{Apps, PostedApp};

use super::Api;
use super::body;
use super::change::{Outcome, add_deployment_id, add_location, base, caller, deployment_result};
use super::error::ApiError;
use super::label_selector::Selector;
use super::member::{self, Existing};
use super::query::Query;

/// How often a change is merged anew when the app changes at the same time.
pub(super) const ATTEMPTS: usize = 5;

/// `/v2/apps`.
pub(super) async fn collection(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    match *request.method() {
        Method::GET | Method::HEAD => list(&api, &Query::of(request.uri())).await,
        Method::POST => create(&api, request).await,
        Method::PUT => update_all(&api, request, Existing::Optional).await,
        Method::PATCH => update_all(&api, request, Existing::Required).await,
        _ => Err(ApiError::method_not_allowed()),
    }
}

async fn list(api: &Api, query: &Query) -> Result<Response, ApiError> {
    let filter = Filter::of(query)?;
    let embed = query.all("embed").fold(Embed::LIST, Embed::with);
    let snapshot = api.snapshot().await?;
    let found = snapshot.apps.values().filter(|app| filter.matches(app));
    let apps = found.map(|app| render::app_with_status(&snapshot, app, embed)).collect();
    Ok(Json(Apps { apps }).into_response())
}

/// Which apps are listed: all that pass every part given.
#[derive(Debug, Default)]
struct Filter {
    cmd: Option<String>,
    id: Option<String>,
    labels: Option<Selector>,
}

impl Filter {
    fn of(query: &Query) -> Result<Self, ApiError> {
        let text = |name| query.get(name).filter(|value| !value.is_empty()).map(str::to_lowercase);
        let selector = query.get("label").filter(|value| !value.is_empty());
        let labels = selector
            .map(Selector::parse)
            .transpose()
            .map_err(|error| ApiError::unprocessable(error.to_string()))?;
        Ok(Self { cmd: text("cmd"), id: text("id"), labels })
    }

    fn matches(&self, app: &App) -> bool {
        let spec = &app.definition.spec;
        let cmd = match spec.command() {
            Command::Shell(shell) => shell.to_lowercase(),
            Command::Arguments(_) | Command::OfImage => String::new(),
        };
        self.cmd.as_ref().is_none_or(|part| cmd.contains(part))
            && self.id.as_ref().is_none_or(|part| spec.id().as_str().contains(part))
            && self.labels.as_ref().is_none_or(|selector| selector.matches(spec.labels()))
    }
}

async fn create(api: &Api, request: Request) -> Result<Response, ApiError> {
    let force = Query::of(request.uri()).bool("force", false)?;
    let caller = caller(request.extensions(), request.uri());
    let base = base(request.headers(), api);
    let mut posted: PostedApp = body::json(request).await?;
    api.name_networks(&mut posted);
    let spec = RunSpec::parse(posted)?;
    // Wait for a leader before the change, not after it.
    api.snapshot().await?;
    let deploying = api.deploy(AppChange::Create(spec.clone()), force, Some(caller)).await?;
    let app = render::created_app(&spec, &deploying);
    let mut response = (StatusCode::CREATED, Json(app)).into_response();
    add_deployment_id(response.headers_mut(), &deploying);
    add_location(response.headers_mut(), &base, spec.id());
    Ok(response)
}

/// Several apps in one deployment.
async fn update_all(api: &Api, request: Request, existing: Existing) -> Result<Response, ApiError> {
    let query = Query::of(request.uri());
    let (force, partial) = (query.bool("force", false)?, query.bool("partialUpdate", true)?);
    let caller = caller(request.extensions(), request.uri());
    let updates: Vec<PostedApp> = body::json(request).await?;
    let mut named = Vec::with_capacity(updates.len());
    for mut update in updates {
        api.name_networks(&mut update);
        let id = update.id.as_deref().ok_or_else(|| {
            ApiError::unprocessable("requirement failed: App Update must have app id set")
        })?;
        let id = AppId::parse(id).map_err(|_| marathon_core::run_spec::invalid_id())?;
        if named.iter().any(|(known, _)| *known == id) {
            return Err(ApiError::unprocessable(format!("App '{id}' is named twice")));
        }
        named.push((id, update));
    }
    for _ in 0..ATTEMPTS {
        let snapshot = api.snapshot().await?;
        let mut changes = Vec::with_capacity(named.len());
        for (id, update) in &named {
            changes.push(member::put(&snapshot, id, update.clone(), partial, existing)?);
        }
        match api.change(changes, force, Some(caller.clone())).await? {
            Outcome::Deploying(deploying) => return Ok(deployment_result(&deploying)),
            Outcome::Outdated => {}
        }
    }
    Err(ApiError::new(StatusCode::CONFLICT, "the apps keep being changed by others"))
}
