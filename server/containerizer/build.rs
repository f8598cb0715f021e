//! Builds `ekiden-executor`, which the containerizer carries with it.
//!
//! A cargo of its own, with a target folder inside `OUT_DIR`: the one that runs this script holds the lock of its own folder only, so
//! neither waits for the other. It gets the workspace's lock file and none of the flags and wrappers of the build around it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Set by the cargo around this script, or by clippy, for crates of its own build.
const FOREIGN: [&str; 7] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

fn main() -> io::Result<()> {
    let needed = |name| env::var_os(name).ok_or_else(|| io::Error::other(format!("no {name}")));
    let out = PathBuf::from(needed("OUT_DIR")?);
    let package = Path::new(&needed("CARGO_MANIFEST_DIR")?).join("../executor");
    for path in ["src", "Cargo.toml", "../../Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", package.join(path).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    let target = needed("TARGET")?;
    let folder = out.join("executor");
    let cargo = needed("CARGO")?;
    let build = |more: &[&str]| {
        let mut build = Command::new(&cargo);
        build.args(["build", "--locked", "--profile", "executor", "--bin", "ekiden-executor"]);
        build.arg("--manifest-path").arg(package.join("Cargo.toml")).arg("--target").arg(&target);
        build.arg("--target-dir").arg(&folder).args(more);
        for name in FOREIGN {
            build.env_remove(name);
        }
        // An empty list of flags is stronger than the one of the workspace's configuration.
        build.env("CARGO_ENCODED_RUSTFLAGS", "").status()
    };
    // What it needs the workspace needs too, so mostly it is there; no network is asked for before that has failed.
    if !build(&["--offline"])?.success() && !build(&[])?.success() {
        return Err(io::Error::other("ekiden-executor could not be built"));
    }
    let program = folder.join(&target).join("executor/ekiden-executor");
    let bytes = fs::read(&program)?;
    fs::write(out.join("ekiden-executor"), &bytes)?;
    println!("cargo::rustc-env=EKIDEN_EXECUTOR_SUM={:016x}", sum(&bytes));
    // Nothing but the program itself is needed any more.
    fs::remove_dir_all(&folder)
}

/// FNV-1a of 64 bits: tells versions apart, and guards against nothing.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
