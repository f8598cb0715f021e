//! The two web consoles: the cluster's (port 5050) and the applications' (port 8080).
//!
//! One Leptos app. The server renders every page completely (feature `ssr`); the browser takes the page over (feature
//! `hydrate`) and keeps it fresh. Pages are in [`pages`], pieces used twice in [`components`]; [`api`] is the only place that
//! fetches. Nothing here reads a clock while rendering: both sides must write the same first page.
//!
//! **Invariant.** This crate knows the shapes of `wire` and nothing of the server behind them.

#![forbid(unsafe_code)]
#![recursion_limit = "512"]
#![expect(
    unreachable_pub,
    reason = "the component macro writes `pub` beside every component, private ones too"
)]

pub mod api;
pub mod app;
pub mod backend;
pub mod boot;
pub mod components;
pub mod format;
pub mod i18n;
pub mod json;
pub mod live;
pub mod pages;
pub mod shell;

pub use app::App;
pub use backend::{AppsBackend, ClusterBackend, ConsoleError, Deadline, FilesBackend};
pub use boot::{Boot, ConsoleKind, Lang, Theme};
pub use shell::{Bundle, Document};
