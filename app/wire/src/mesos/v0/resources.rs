//! Resources as one object of sums.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Sums of resources; the four scalars are always there, 0 when there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourceSummary {
    /// Disk space in MB.
    #[serde(default)]
    pub disk: f64,
    /// Memory in MB.
    #[serde(default)]
    pub mem: f64,
    /// GPUs.
    #[serde(default)]
    pub gpus: f64,
    /// CPUs.
    #[serde(default)]
    pub cpus: f64,
    /// Port ranges, `[31000-31099, 31101-32000]`; a lone port is `[31030-31030]`. Left out when
    /// there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<String>,
    /// Resources of other names, and revocable ones as `<name>_revocable`.
    #[serde(flatten)]
    pub others: BTreeMap<String, OtherQuantity>,
}

/// A quantity of a resource with a name of the operator's choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OtherQuantity {
    /// A scalar.
    Scalar(f64),
    /// Ranges `[1-2, 5-5]` or a set `{a, b}`.
    Text(String),
}
