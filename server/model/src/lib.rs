//! The words every component shares: ids, quantities, task states, paths and times.
//!
//! Pure values without I/O, clock or randomness. A value that exists is valid: constructors refuse what
//! the wire could say but the platform cannot mean. JSON shapes are not here, they live in `wire`.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

mod attributes;
mod id;
mod index;
mod path_id;
mod ranges;
mod record;
mod resources;
mod scalar;
mod task_state;
mod time;
#[cfg(feature = "v1")]
pub mod v1;

pub use attributes::{AttributeValue, Attributes, MalformedAttributes};
pub use id::{
    AgentId, ContainerId, ExecutorId, FrameworkId, InstanceId, InvalidId, MasterId, OfferId, Role,
    TaskId,
};
pub use index::Index;
pub use path_id::{AppId, InvalidPathId, PathId};
pub use ranges::{InvalidRanges, Ranges};
pub use record::{Epoch, RecordWrite, RequestId};
pub use resources::{MalformedResources, Quantity, Resources};
pub use scalar::{InvalidScalar, Scalar};
pub use task_state::TaskState;
pub use time::{Instant, InvalidTimestamp, Timestamp};
