//! Versions of a definition.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::RunSpec;

/// A definition as it is stored: with the time of the change that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionedRunSpec {
    /// The definition, its service ports allocated.
    pub spec: RunSpec,
    /// Time of the root group's change that made this version.
    pub version: Timestamp,
    /// Times of the last changes of each kind.
    pub info: VersionInfo,
}

/// Times of the last changes of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// Last change of `instances`, or of anything.
    pub last_scaling_at: Timestamp,
    /// Last change that replaces the instances.
    pub last_config_change_at: Timestamp,
}

impl VersionedRunSpec {
    /// The first version of a new app.
    pub fn new(spec: RunSpec, version: Timestamp) -> Self {
        let info = VersionInfo { last_scaling_at: version, last_config_change_at: version };
        Self { spec, version, info }
    }

    /// What `self` becomes when its definition changes to `spec`; `self` when nothing differs.
    pub fn updated(&self, spec: RunSpec, version: Timestamp) -> Self {
        if spec == self.spec {
            return self.clone();
        }
        if spec.is_upgrade_from(&self.spec) {
            return Self::new(spec, version);
        }
        let info = VersionInfo { last_scaling_at: version, ..self.info };
        Self { spec, version, info }
    }

    /// What `self` becomes when it is restarted: the same definition, to be launched anew.
    pub fn restarted(&self, version: Timestamp) -> Self {
        let info = VersionInfo { last_config_change_at: version, ..self.info };
        Self { spec: self.spec.clone(), version, info }
    }
}
