//! What is checked before anything changes, with the original's words.
//!
//! Source: apache/mesos: src/master/validation.cpp, src/common/validation.cpp (mesos.md §4.1, §4.2, §4.5).

mod call;
mod framework;
mod task;

pub use call::{InvalidCall, call};
pub(crate) use framework::MAX_BYTES;
pub use framework::{InvalidFramework, framework};
pub use task::{InvalidTask, task};
