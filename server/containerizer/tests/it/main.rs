//! The Docker implementation against the engine of this machine.
//!
//! Each test makes an image of its own from Debian's static busybox and removes the image and its containers again, whatever happens.

mod beside;
mod commands;
mod engine;
mod faults;
mod hung;
mod launch;
mod options;
mod output;
mod recovery;
#[cfg(target_arch = "x86_64")]
mod unified;
mod volumes;
