//! What the machine must have before a build starts, each lack with its cure.

use std::process::Command;

use crate::{
    Failure, Result,
    command::{capture, exists, succeeds},
};

/// The oldest compiler that builds this workspace; the root manifest's `rust-version`.
const OLDEST_RUST: (u32, u32) = (1, 95);

/// Whether this process may install packages and start an engine.
pub(crate) fn is_root() -> bool {
    capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Whether Debian's package tools are here.
pub(crate) fn has_debian_packages() -> bool {
    exists("apt-get") && exists("dpkg-deb")
}

/// Checks the compiler and the linker.
pub(crate) fn check_compilers() -> Result<()> {
    let (major, minor) = OLDEST_RUST;
    let about = capture(Command::new("rustc").arg("--version"))?;
    match version(&about) {
        Some(found) if found >= OLDEST_RUST => {}
        _ => {
            return Err(Failure::new(format!(
                "Ekiden needs Rust {major}.{minor} or newer and found `{}`; run `rustup update stable`",
                about.trim()
            )));
        }
    }
    if exists("cc") || exists("gcc") {
        Ok(())
    } else {
        Err(Failure::new(
            "no C compiler was found, which Rust needs for linking; run `apt-get install gcc libc6-dev`",
        ))
    }
}

/// Whether a Docker engine answers, where `DOCKER_HOST` or the usual socket says.
pub(crate) fn docker_answers() -> bool {
    succeeds(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]))
}

/// `rustc 1.95.0 (59807616e 2026-04-14)` is 1.95.
fn version(about: &str) -> Option<(u32, u32)> {
    let mut numbers = about.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compilers_version_is_read_from_its_own_words() {
        assert_eq!(version("rustc 1.95.0 (59807616e 2026-04-14)"), Some((1, 95)));
        assert_eq!(version("rustc 1.100.1-nightly"), Some((1, 100)));
        assert_eq!(version("rustc"), None);
        assert!(version("rustc 2.0.0") >= Some(OLDEST_RUST));
    }

    #[test]
    fn the_oldest_compiler_is_the_one_of_the_manifest() {
        let manifest = include_str!("../../../Cargo.toml");
        let (major, minor) = OLDEST_RUST;
        assert!(
            manifest.contains(&format!("rust-version = \"{major}.{minor}\"")),
            "{OLDEST_RUST:?}"
        );
    }
}
