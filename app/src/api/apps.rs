//! Questions of the application console, and the changes that it asks Marathon for.

mod actions;

use wire::console::{AppDetail, AppList, AppsQuery, DeploymentList};

use super::Pending;
#[cfg(not(feature = "hydrate"))]
use crate::backend::AppsBackend;

pub use actions::{Change, Outcome, Refusal, curl, send};

/// Applications.
pub fn apps(query: AppsQuery) -> Pending<AppList> {
    #[cfg(feature = "hydrate")]
    return super::fetch::json(format!("/ui/api/v1/apps?{}", query.to_query()));
    #[cfg(not(feature = "hydrate"))]
    super::ask::<dyn AppsBackend, _, _>(move |backend| backend.apps(query))
}

/// One application; none when it does not exist, which is no error of the page that watches it go.
pub fn app(id: String) -> Pending<Option<AppDetail>> {
    #[cfg(feature = "hydrate")]
    return super::fetch::json(format!("/ui/api/v1/app?id={}", wire::console::escape(&id)));
    #[cfg(not(feature = "hydrate"))]
    super::ask::<dyn AppsBackend, _, _>(move |backend| backend.app(id))
}

/// Running deployments.
pub fn deployments((): ()) -> Pending<DeploymentList> {
    #[cfg(feature = "hydrate")]
    return super::fetch::json("/ui/api/v1/deployments".to_owned());
    #[cfg(not(feature = "hydrate"))]
    super::ask::<dyn AppsBackend, _, _>(|backend| backend.deployments())
}
