//! The durable records: their paths below `/marathon` and their bytes.
//!
//! One small record each (design D6): a framework id, the root version, per app a pointer, its versions and
//! its last failure, per launched instance and per running deployment one. Values are versioned postcard;
//! states are stored by name, so that a reordered enum changes nothing.

mod paths;
mod stored;

use bytes::Bytes;
use model::{AppId, FrameworkId, InstanceId, RecordWrite, Timestamp};
use serde::de::DeserializeOwned;

use crate::deployment::Deployment;
use crate::identity::DeploymentId;
use crate::instance::Instance;
use crate::run_spec::VersionedRunSpec;
use crate::snapshot::TaskFailure;

pub use paths::PREFIX;
pub(crate) use paths::Path;
pub(crate) use stored::{Stored, StoredDeployment};

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record `{path}` cannot be read: {reason}")]
pub struct DamagedRecord {
    /// Its path.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl DamagedRecord {
    pub(crate) fn new(path: &str, reason: impl ToString) -> Self {
        Self { path: path.to_owned(), reason: reason.to_string() }
    }
}

pub(crate) fn put_framework(framework: &FrameworkId) -> RecordWrite {
    put(&Path::Framework, &Stored::V1(framework.clone()))
}

pub(crate) fn put_root_version(version: Timestamp) -> RecordWrite {
    put(&Path::Root, &Stored::V1(version))
}

/// The pointer to an app's current version.
pub(crate) fn put_pointer(app: &AppId, version: Timestamp) -> RecordWrite {
    put(&Path::Pointer(app.clone()), &Stored::V1(version))
}

/// Bytes that one record may have. Of the MiB that the log takes, some are left for what a later step of a
/// deployment adds.
pub(crate) const MAX_BYTES: usize = 1_000_000;

pub(crate) fn put_version(definition: &VersionedRunSpec) -> RecordWrite {
    let path = Path::Version(definition.spec.id().clone(), definition.version);
    put(&path, &Stored::V1(stored::Definition::from(definition)))
}

pub(crate) fn put_failure(app: &AppId, failure: &TaskFailure) -> RecordWrite {
    put(&Path::Failure(app.clone()), &Stored::V1(stored::Failure::from(failure)))
}

pub(crate) fn put_instance(instance: &Instance) -> RecordWrite {
    put(&Path::Instance(instance.id.clone()), &Stored::V1(stored::StoredInstance::from(instance)))
}

pub(crate) fn put_deployment(deployment: &Deployment) -> RecordWrite {
    let path = Path::Deployment(deployment.plan.id.clone());
    put(&path, &Stored::V1(StoredDeployment::from(deployment)))
}

pub(crate) fn delete(path: &Path) -> RecordWrite {
    RecordWrite::delete(path.to_string())
}

pub(crate) fn read_version(
    path: &str,
    app: &AppId,
    value: &Bytes,
) -> Result<VersionedRunSpec, DamagedRecord> {
    let definition: stored::Definition = read(path, value)?;
    definition.restore(app).map_err(|reason| DamagedRecord::new(path, reason))
}

pub(crate) fn read_failure(path: &str, value: &Bytes) -> Result<TaskFailure, DamagedRecord> {
    let failure: stored::Failure = read(path, value)?;
    failure.restore().map_err(|reason| DamagedRecord::new(path, reason))
}

pub(crate) fn read_instance(
    path: &str,
    id: InstanceId,
    value: &Bytes,
) -> Result<Instance, DamagedRecord> {
    let instance: stored::StoredInstance = read(path, value)?;
    instance.restore(id).map_err(|reason| DamagedRecord::new(path, reason))
}

pub(crate) fn read<T: DeserializeOwned>(path: &str, value: &Bytes) -> Result<T, DamagedRecord> {
    let Stored::V1(value) =
        postcard::from_bytes(value).map_err(|error| DamagedRecord::new(path, error))?;
    Ok(value)
}

fn put<T: serde::Serialize>(path: &Path, value: &Stored<T>) -> RecordWrite {
    let bytes =
        postcard::to_stdvec(value).expect("postcard writes every type of this module to memory");
    RecordWrite::put(path.to_string(), bytes)
}

impl DeploymentId {
    pub(crate) fn path(&self) -> Path {
        Path::Deployment(self.clone())
    }
}

#[cfg(test)]
mod tests;
