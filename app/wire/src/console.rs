//! What the consoles read under `/ui/api/v1/…`.
//!
//! Plain shapes for one purpose: fill a page. They are documented and versioned by their path, so scripts may use them too.
//! Times are milliseconds since the Unix epoch, memory and disk are MiB, and a list never carries more than one page.

pub mod apps;
pub mod cluster;
pub mod escapes;
pub mod events;
pub mod files;
pub mod list;
pub mod search;

pub use crate::mesos::v0::FileEntry;
pub use apps::*;
pub use cluster::*;
pub use events::*;
pub use files::*;
pub use list::*;
