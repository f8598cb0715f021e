//! The JSON of the classic endpoints: `/state`, `/slaves`, `/frameworks`, `/tasks`, `/files/*`.
//!
//! This generation of names says `slave` where v1 says `agent`, sums resources up as one object
//! of numbers, and leaves out what is unset. Everything can be read as well as written: the
//! consoles and the tests are clients too. Readers skip keys that they do not know.
//!
//! What the originals embed as v1-style JSON (a task's `container`, `discovery` and
//! `health_check`, an executor's `command`) is kept as a JSON value, because the browser bundle
//! does without the v1 messages.
//!
//! Source: apache/mesos: src/master/readonly_handler.cpp, src/slave/http.cpp, src/common/http.cpp.

mod agent;
mod files;
mod master;
mod resources;
mod task;

pub use agent::{AgentExecutor, AgentFramework, AgentState, QueuedTask};
pub use files::{FileChunk, FileEntry};
pub use master::{
    Domain, FaultDomain, Framework, Frameworks, LeaderInfo, MasterState, Named, Offer, Slave,
    SlaveFull, SlaveInfo, SlaveResourcesFull, Slaves, StateSummary, SummaryFramework, SummarySlave,
    TaskCounts, Tasks,
};
pub use resources::{OtherQuantity, ResourceSummary};
pub use task::{
    AllocationInfo, ContainerId, ContainerStatus, Executor, IpAddress, Label, NetworkInfo, Task,
    TaskStatus,
};

use serde::{Deserialize, Serialize};

/// The answer of `/version`, and the first keys of every `/state`.
///
/// `version` is numbers with dots and nothing else: clients parse each part as a number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Numbers with dots, `1.11.0`.
    pub version: String,
    /// The commit the build was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_sha: Option<String>,
    /// The branch the build was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_branch: Option<String>,
    /// The tag the build was made from; free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_tag: Option<String>,
    /// When the build was made, `2023-11-14 00:00:00`.
    pub build_date: String,
    /// When the build was made, in seconds since 1970 began.
    pub build_time: f64,
    /// Who made the build; free text.
    pub build_user: String,
}

/// The answer of `/flags`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    /// Every flag's value as a text.
    pub flags: std::collections::BTreeMap<String, String>,
}
