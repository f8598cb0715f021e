//! What the end to end tests stand on: a cluster of their own, `curl`, the engine's own view, a browser.
//!
//! A cluster is built and started through the very code of `cargo xtask up`, on a loopback
//! network and in a data folder that no other test has. Nothing here waits for a time: a
//! test waits for a value, with a deadline, and learns what was there instead.

#![forbid(unsafe_code)]

pub mod browser;
pub mod builds;
pub mod cluster;
pub mod commands;
pub mod containers;
pub mod curl;
pub mod data_folders;
pub mod engine_proxy;
pub mod guides_file;
pub mod network;
pub mod nodes;
pub mod own_engine;
pub mod registry;
pub mod shape;
pub mod small_disk;
pub mod waiting;

use std::path::{Path, PathBuf};

/// A file of `end2end/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}
