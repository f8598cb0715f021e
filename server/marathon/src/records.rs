//! The durable records: their paths below `/marathon` and their bytes.
//!
//! One small record each (design D6): a framework id, the root version, per app a pointer, its versions and
//! its last failure, per launched instance one, per running deployment a head and its parts. Values are versioned postcard;
//! states are stored by name, so that a reordered enum changes nothing.

mod deployment;
mod paths;
mod stored;

use bytes::Bytes;
use model::{AppId, FrameworkId, InstanceId, RecordWrite, Timestamp};
use serde::de::DeserializeOwned;

use crate::instance::Instance;
use crate::run_spec::VersionedRunSpec;
use crate::snapshot::TaskFailure;

pub(crate) use deployment::{
    Head, Part, StoredDeployment, put_head, put_parts, read_head, read_part,
};
pub use paths::PREFIX;
pub(crate) use paths::Path;
pub(crate) use stored::Stored;

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

/// Bytes that one record may have: a little less than the MiB that the log takes.
pub(crate) const MAX_BYTES: usize = 1_000_000;

/// Bytes that the definitions of one change may have. The log takes 64 MiB at once; what follows from the definitions,
/// and what else is written with them, needs the rest.
pub(crate) const MAX_CHANGE_BYTES: usize = 40_000_000;

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

fn put<T: serde::Serialize>(path: &Path, value: &T) -> RecordWrite {
    let bytes =
        postcard::to_stdvec(value).expect("postcard writes every type of this module to memory");
    RecordWrite::put(path.to_string(), bytes)
}

#[cfg(test)]
mod tests;
