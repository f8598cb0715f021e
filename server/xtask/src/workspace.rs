//! Where things are: the checkout, the target folder, the host's triple.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Failure, Result, command::capture};

/// The checkout that this tool was built from, and where its build results go.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
    host: String,
}

impl Workspace {
    /// Finds the checkout; the target folder is `CARGO_TARGET_DIR` or `target` inside it.
    pub fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .ok_or_else(|| Failure::new("the checkout that built `xtask` has no root folder"))?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) if !folder.is_empty() => root.join(folder),
            _ => root.join("target"),
        };
        let about = capture(Command::new("rustc").arg("-vV"))?;
        let host = about
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .ok_or_else(|| Failure::new("`rustc -vV` names no host"))?
            .to_owned();
        Ok(Self { root, target, host })
    }

    /// The checkout's root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo puts what it builds.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// A program of this workspace, built for this machine with `profile`.
    ///
    /// Builds name the host as their target (`.cargo/config.toml`), hence the extra folder.
    pub fn program(&self, profile: Profile, name: &str) -> PathBuf {
        self.target.join(&self.host).join(profile.name()).join(name)
    }

    /// `cargo`, to be run in the checkout.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        // A build inside `cargo run` must not inherit what cargo told this tool about itself.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
            }) {
                cargo.env_remove(name);
            }
        }
        cargo
    }
}

/// Which of the two sets of build settings is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// What people run.
    Release,
    /// What the tests run: quick to compile, fast enough for a cluster.
    Ci,
}

impl Profile {
    /// The host profile in the root manifest; cargo names the output folder after it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Ci => "ci",
        }
    }

    /// The profile of the browser's half.
    pub(crate) fn wasm(self) -> &'static str {
        match self {
            Self::Release => "wasm-release",
            Self::Ci => "wasm-dev",
        }
    }
}
