//! The wire formats of Mesos, in the two generations that clients speak.

pub mod v0;
#[cfg(feature = "v1")]
pub mod v1;
