//! `/v2/apps/{id…}`: one app and what lies below it.
//!
//! An id has slashes of its own, so the path is taken apart by hand: the last words decide.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use marathon_core::Snapshot;
use marathon_core::command::AppChange;
use marathon_core::render::{self, Embed};
use marathon_core::run_spec::{Refusal, RunSpec, invalid_id};
use model::{AppId, PathId, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::json;
use wire::marathon::{AppResponse, PostedApp, Versions};

use super::apps::ATTEMPTS;
use super::change::{Outcome, add_deployment_id, add_location, base, caller, deployment_result};
use super::error::ApiError;
use super::query::Query;
use super::{Api, body, tasks};

/// Whether an app that is changed must be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// PUT: it is created otherwise.
    Optional,
    /// PATCH: 404 otherwise.
    Required,
}

/// What a path below `/v2/apps` names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    App(String),
    /// `{group}/*`: all apps below.
    Below(String),
    Restart(String),
    Tasks(String),
    TasksBelow(String),
    Task(String, String),
    Versions(String),
    Version(String, String),
}

impl Target {
    /// Takes the path apart. Escaped slashes, doubled and trailing ones are all the same.
    ///
    /// Compat: an old app whose id ends in `restart` can still be deleted (marathon.md §12.31).
    fn of(method: &Method, uri: &Uri) -> Self {
        let rest = uri.path().strip_prefix("/v2/apps").unwrap_or_default();
        let rest = percent_decode_str(rest).decode_utf8_lossy();
        let words: Vec<&str> = rest.split('/').filter(|word| !word.is_empty()).collect();
        let id = |words: &[&str]| format!("/{}", words.join("/"));
        match words.as_slice() {
            [group @ .., "*"] => Self::Below(id(group)),
            [group @ .., "*", "tasks"] => Self::TasksBelow(id(group)),
            [app @ .., "restart"] if !app.is_empty() && method == Method::POST => {
                Self::Restart(id(app))
            }
            [app @ .., "tasks"] if !app.is_empty() => Self::Tasks(id(app)),
            [app @ .., "versions"] if !app.is_empty() => Self::Versions(id(app)),
            [app @ .., "tasks", task] if !app.is_empty() => Self::Task(id(app), (*task).to_owned()),
            [app @ .., "versions", version] if !app.is_empty() => {
                Self::Version(id(app), (*version).to_owned())
            }
            app => Self::App(id(app)),
        }
    }
}

/// `/v2/apps/{…}`.
pub(super) async fn dispatch(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let target = Target::of(request.method(), request.uri());
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match (target, request.method().clone()) {
        (Target::App(id), _) if is_read => show(&api, &id, request.uri()).await,
        (Target::App(id), Method::PUT) => update(&api, &id, request, Existing::Optional).await,
        (Target::App(id), Method::PATCH) => update(&api, &id, request, Existing::Required).await,
        (Target::App(id), Method::DELETE) => delete(&api, &id, request.uri()).await,
        (Target::Below(group), _) if is_read => show_below(&api, &group, request.uri()).await,
        (Target::Restart(id), Method::POST) => restart(&api, &id, request).await,
        (Target::Tasks(id), _) if is_read => tasks::of_app(&api, &id, request.headers()).await,
        (Target::TasksBelow(group), _) if is_read => {
            tasks::below(&api, &group, request.headers()).await
        }
        (Target::Tasks(id), Method::DELETE) => tasks::kill_all(&api, &id, request.uri()).await,
        (Target::Task(id, task), Method::DELETE) => {
            tasks::kill_one(&api, &id, &task, request.uri()).await
        }
        (Target::Versions(id), _) if is_read => versions(&api, &id).await,
        (Target::Version(id, version), _) if is_read => show_version(&api, &id, &version).await,
        _ => Err(ApiError::method_not_allowed()),
    }
}

async fn show(api: &Api, id: &str, uri: &Uri) -> Result<Response, ApiError> {
    let embed = Query::of(uri).all("embed").fold(Embed::SINGLE, Embed::with);
    let snapshot = api.snapshot().await?;
    let app = find(&snapshot, id)?;
    let app = render::app_with_status(&snapshot, app, embed);
    Ok(Json(AppResponse { app }).into_response())
}

/// The app with this id, or 404.
pub(super) fn find<'a>(
    snapshot: &'a Snapshot,
    id: &str,
) -> Result<&'a marathon_core::snapshot::App, ApiError> {
    let parsed = AppId::parse(id).map_err(|_| ApiError::missing_app(id))?;
    snapshot.apps.get(&parsed).map(AsRef::as_ref).ok_or_else(|| ApiError::missing_app(&parsed))
}

/// The apps below a group, or 404 where nothing is.
pub(super) fn find_below<'a>(
    snapshot: &'a Snapshot,
    group: &str,
) -> Result<Vec<(&'a AppId, &'a std::sync::Arc<marathon_core::snapshot::App>)>, ApiError> {
    let missing = || ApiError::missing(format!("Group '{group}' does not exist"));
    let group = PathId::parse(group).map_err(|_| missing())?;
    let found: Vec<_> =
        snapshot.apps.iter().filter(|(id, _)| id.is_within(&group) && **id != group).collect();
    if found.is_empty() && !group.is_root() { Err(missing()) } else { Ok(found) }
}

async fn show_below(api: &Api, group: &str, uri: &Uri) -> Result<Response, ApiError> {
    let embed = Query::of(uri).all("embed").fold(Embed::SINGLE, Embed::with);
    let snapshot = api.snapshot().await?;
    let found = find_below(&snapshot, group)?;
    let apps: Vec<_> =
        found.into_iter().map(|(_, app)| render::app_with_status(&snapshot, app, embed)).collect();
    Ok(Json(json!({"*": apps})).into_response())
}

/// The change that a PUT of `update` to `id` means now.
pub(super) fn put(
    snapshot: &Snapshot,
    id: &AppId,
    update: PostedApp,
    partial: bool,
    existing: Existing,
) -> Result<AppChange, ApiError> {
    let current = snapshot.apps.get(id);
    if existing == Existing::Required && current.is_none() {
        return Err(ApiError::not_found(format!("App '{id}' does not exist")));
    }
    if partial && update.version.is_some() {
        return roll_back(snapshot, id, update);
    }
    match current {
        Some(app) if partial => Ok(AppChange::Put {
            spec: Box::new(app.definition.spec.merged(update)?),
            based_on: Some(app.definition.version),
        }),
        Some(_) | None => {
            let named = PostedApp { id: Some(id.to_string()), ..update };
            Ok(AppChange::Put { spec: Box::new(RunSpec::parse(named)?), based_on: None })
        }
    }
}

/// `{"version": …}` alone, or beside `id`: back to that version.
fn roll_back(snapshot: &Snapshot, id: &AppId, update: PostedApp) -> Result<AppChange, ApiError> {
    let text = update.version.clone().unwrap_or_default();
    let rest = PostedApp { id: None, version: None, version_info: None, ..update };
    if rest != PostedApp::default() {
        let error = "The 'version' field may only be combined with the 'id' field.";
        return Err(Refusal::rule("/", error).into());
    }
    let version = timestamp(&text)?;
    let stored = snapshot.versions.get(id).and_then(|versions| versions.get(&version));
    let stored = stored.ok_or_else(|| {
        ApiError::not_found(format!("App '{id}' does not exist in version {version}"))
    })?;
    Ok(AppChange::Put { spec: Box::new(stored.spec.clone()), based_on: None })
}

fn timestamp(text: &str) -> Result<Timestamp, ApiError> {
    Timestamp::parse(text).map_err(|_| {
        ApiError::unprocessable(format!(
            "Invalid timestamp provided '{text}'. Expecting ISO-8601 datetime string."
        ))
    })
}

async fn update(
    api: &Api,
    id: &str,
    request: Request,
    existing: Existing,
) -> Result<Response, ApiError> {
    let query = Query::of(request.uri());
    let (force, partial) = (query.bool("force", false)?, query.bool("partialUpdate", true)?);
    let caller = caller(request.extensions(), request.uri());
    let base = base(request.headers(), api);
    let mut update: PostedApp = body::json(request).await?;
    api.name_networks(&mut update);
    let id = AppId::parse(id).map_err(|_| invalid_id())?;
    for _ in 0..ATTEMPTS {
        let snapshot = api.snapshot().await?;
        let is_new = !snapshot.apps.contains_key(&id);
        let change = put(&snapshot, &id, update.clone(), partial, existing)?;
        let outcome = api.change(vec![change], force, Some(caller.clone())).await?;
        let Outcome::Deploying(deploying) = outcome else { continue };
        let mut response = deployment_result(&deploying);
        if is_new {
            *response.status_mut() = StatusCode::CREATED;
            add_location(response.headers_mut(), &base, &id);
        }
        add_deployment_id(response.headers_mut(), &deploying);
        return Ok(response);
    }
    Err(ApiError::new(StatusCode::CONFLICT, format!("App '{id}' keeps being changed by others")))
}

async fn delete(api: &Api, id: &str, uri: &Uri) -> Result<Response, ApiError> {
    // Compat: the only change that forces by default (marathon.md §2.4).
    let force = Query::of(uri).bool("force", true)?;
    let id = change_id(id)?;
    api.snapshot().await?;
    Ok(deployment_result(&api.deploy(AppChange::Delete(id), force, None).await?))
}

async fn restart(api: &Api, id: &str, request: Request) -> Result<Response, ApiError> {
    let force = Query::of(request.uri()).bool("force", false)?;
    let id = change_id(id)?;
    body::none(request).await?;
    api.snapshot().await?;
    Ok(deployment_result(&api.deploy(AppChange::Restart(id), force, None).await?))
}

/// The id of an app that is to be changed; one that cannot be is one that does not exist.
pub(super) fn change_id(id: &str) -> Result<AppId, ApiError> {
    AppId::parse(id).map_err(|_| ApiError::not_found(format!("App '{id}' does not exist")))
}

async fn versions(api: &Api, id: &str) -> Result<Response, ApiError> {
    let snapshot = api.snapshot().await?;
    let app = find(&snapshot, id)?;
    let stored = snapshot.versions.get(app.definition.spec.id());
    let mut versions: Vec<Timestamp> =
        stored.into_iter().flat_map(|versions| versions.keys().copied()).collect();
    if !versions.contains(&app.definition.version) {
        versions.push(app.definition.version);
    }
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let versions = versions.into_iter().map(Timestamp::to_rfc3339_millis).collect();
    Ok(Json(Versions { versions }).into_response())
}

async fn show_version(api: &Api, id: &str, version: &str) -> Result<Response, ApiError> {
    let version = timestamp(version)?;
    let snapshot = api.snapshot().await?;
    let parsed = AppId::parse(id).map_err(|_| ApiError::missing_app(id))?;
    let stored = snapshot.versions.get(&parsed).and_then(|versions| versions.get(&version));
    let stored = stored.ok_or_else(|| {
        ApiError::missing(format!("App '{parsed}' does not exist in version {version}"))
    })?;
    Ok(Json(render::app(stored)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(method: Method, path: &str) -> Target {
        Target::of(&method, &path.parse().unwrap())
    }

    #[test]
    fn the_last_words_of_a_path_decide() {
        let app = |id: &str| Target::App(id.to_owned());
        assert_eq!(target(Method::GET, "/v2/apps/web/nginx"), app("/web/nginx"));
        assert_eq!(target(Method::GET, "/v2/apps//nginx/"), app("/nginx"));
        assert_eq!(target(Method::GET, "/v2/apps/web%2Fnginx"), app("/web/nginx"));
        assert_eq!(target(Method::POST, "/v2/apps/a/restart"), Target::Restart("/a".into()));
        assert_eq!(target(Method::DELETE, "/v2/apps/a/restart"), app("/a/restart"));
        assert_eq!(target(Method::GET, "/v2/apps/a/b/tasks"), Target::Tasks("/a/b".into()));
        assert_eq!(target(Method::GET, "/v2/apps/tasks"), app("/tasks"));
        let task = Target::Task("/a".into(), "a.instance-1._app.1".into());
        assert_eq!(target(Method::DELETE, "/v2/apps/a/tasks/a.instance-1._app.1"), task);
        assert_eq!(target(Method::GET, "/v2/apps/a/versions"), Target::Versions("/a".into()));
        let version = Target::Version("/a".into(), "2015-08-26T20:23:39.463Z".into());
        assert_eq!(target(Method::GET, "/v2/apps/a/versions/2015-08-26T20:23:39.463Z"), version);
        assert_eq!(target(Method::GET, "/v2/apps/*"), Target::Below("/".into()));
        assert_eq!(target(Method::GET, "/v2/apps/web/*"), Target::Below("/web".into()));
    }
}
