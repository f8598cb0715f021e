//! The agent driven by commands, as a driver would.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks the effects it is about")]

mod checking;
mod commands;
mod crashing;
mod ending;
mod harness;

mod launching;
mod linking;
mod property;
mod restarting;
