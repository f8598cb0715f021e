//! Where each record stands.

use std::fmt;

use model::{AppId, InstanceId, Timestamp};

use crate::identity::DeploymentId;

/// The folder of all of Marathon's records.
pub const PREFIX: &str = "/marathon";

/// One record. An app's path is written with `_` between its segments, which no segment contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Path {
    Framework,
    Root,
    Pointer(AppId),
    Version(AppId, Timestamp),
    Failure(AppId),
    Instance(InstanceId),
    Deployment(DeploymentId),
    DeploymentPart(DeploymentId, u32),
}

impl Path {
    /// Reads a path; `None` for what is no record of ours, such as a folder.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix(PREFIX)?.split('/').skip(1).collect();
        let app = |safe: &str| AppId::parse(&format!("/{}", safe.replace('_', "/"))).ok();
        Some(match parts.as_slice() {
            ["framework"] => Self::Framework,
            ["root"] => Self::Root,
            ["apps", safe, "current"] => Self::Pointer(app(safe)?),
            ["apps", safe, "failure"] => Self::Failure(app(safe)?),
            ["apps", safe, "versions", millis] => {
                Self::Version(app(safe)?, Timestamp::from_millis(millis.parse().ok()?))
            }
            ["instances", id] => Self::Instance(InstanceId::new(*id)),
            ["deployments", id] => Self::Deployment(DeploymentId::new(*id)),
            ["deployments", id, part] => {
                Self::DeploymentPart(DeploymentId::new(*id), part.parse().ok()?)
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Framework => write!(f, "{PREFIX}/framework"),
            Self::Root => write!(f, "{PREFIX}/root"),
            Self::Pointer(app) => write!(f, "{PREFIX}/apps/{}/current", app.safe_path()),
            Self::Version(app, version) => {
                write!(f, "{PREFIX}/apps/{}/versions/{}", app.safe_path(), version.as_millis())
            }
            Self::Failure(app) => write!(f, "{PREFIX}/apps/{}/failure", app.safe_path()),
            Self::Instance(id) => write!(f, "{PREFIX}/instances/{id}"),
            Self::Deployment(id) => write!(f, "{PREFIX}/deployments/{id}"),
            Self::DeploymentPart(id, part) => write!(f, "{PREFIX}/deployments/{id}/{part}"),
        }
    }
}
