//! Builds the consoles' browser half: wasm by cargo, then the files that the server embeds.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Failure, Result, Workspace,
    command::{capture, exists, succeeds},
    machine, packages,
    workspace::Profile,
};

const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's own Rust, able to build for the browser where rustup can fetch nothing.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

/// Who compiles for the browser.
enum Compiler {
    /// The toolchain that built this tool.
    Rustup,
    /// Debian's, which compiles the standard library along.
    Debian,
}

/// Runs one command of a build; the tests' runs have a deadline and an environment of their own.
pub(crate) type Runner<'a> = &'a dyn Fn(&mut Command) -> Result<()>;

/// Where a profile's bundle lies.
pub(crate) fn folder(workspace: &Workspace, profile: Profile) -> PathBuf {
    workspace.target().join(match profile {
        Profile::Release => "ekiden-bundle",
        Profile::Ci => "ekiden-bundle-ci",
    })
}

/// Builds the bundle and returns the folder to embed; it is left alone when nothing changed.
pub(crate) fn build(workspace: &Workspace, profile: Profile, run: Runner<'_>) -> Result<PathBuf> {
    let wasm = compile(workspace, profile, run)?;
    let folder = folder(workspace, profile);
    let mut bundle = workspace.cargo();
    // Unoptimised, the bundler would take minutes over compressing.
    bundle.args(["run", "--quiet", "--package", "bundle", "--profile", Profile::Ci.name(), "--"]);
    bundle.arg("--wasm").arg(wasm).arg("--out").arg(&folder);
    bundle.arg("--style").arg(workspace.root().join("style/main.css"));
    bundle.arg("--public").arg(workspace.root().join("app/public"));
    if profile == Profile::Ci {
        bundle.arg("--quick");
    }
    run(&mut bundle)?;
    Ok(folder)
}

/// Clippy over the browser's half, which the server's build never compiles.
pub(crate) fn check(workspace: &Workspace, profile: Profile) -> Result<Command> {
    let packages = ["--package", "frontend", "--package", "app", "--features", "app/hydrate"];
    let target = ["--target", TARGET, "--profile", profile.wasm()];
    Ok(match compiler(workspace)? {
        Compiler::Rustup => {
            let mut clippy = workspace.cargo();
            clippy.arg("clippy").args(packages).args(target).args(["--", "--deny", "warnings"]);
            clippy
        }
        // Debian's Rust comes without clippy; that it compiles must do.
        Compiler::Debian => {
            let mut check = debian_cargo(workspace);
            check.arg("check").args(packages).args(target).arg("-Zbuild-std=std,panic_abort");
            check
        }
    })
}

fn compile(workspace: &Workspace, profile: Profile, run: Runner<'_>) -> Result<PathBuf> {
    let (mut cargo, target) = match compiler(workspace)? {
        Compiler::Rustup => (workspace.cargo(), workspace.target().to_path_buf()),
        Compiler::Debian => (debian_cargo(workspace), debian_target(workspace)),
    };
    cargo.args(["build", "--package", "frontend", "--target", TARGET, "--profile", profile.wasm()]);
    if target != workspace.target() {
        cargo.arg("-Zbuild-std=std,panic_abort");
    }
    run(&mut cargo)?;
    Ok(target.join(TARGET).join(profile.wasm()).join("frontend.wasm"))
}

/// Finds a compiler for the browser, fetching what is missing.
fn compiler(workspace: &Workspace) -> Result<Compiler> {
    if has_target(workspace) {
        return Ok(Compiler::Rustup);
    }
    if exists("rustup") {
        println!("the consoles need the target {TARGET}: adding it with rustup");
        if succeeds(
            Command::new("rustup").current_dir(workspace.root()).args(["target", "add", TARGET]),
        ) && has_target(workspace)
        {
            return Ok(Compiler::Rustup);
        }
    }
    if Path::new("/usr/bin/cargo").exists() && exists("wasm-ld-19") {
        return Ok(Compiler::Debian);
    }
    if machine::is_root() && machine::has_debian_packages() {
        packages::ensure(&DEBIAN_PACKAGES, "building for the browser without rustup's target")?;
        return Ok(Compiler::Debian);
    }
    Err(Failure::new(format!(
        "the Rust target {TARGET} is missing; run `rustup target add {TARGET}`, or on Debian `apt-get install {}`",
        DEBIAN_PACKAGES.join(" ")
    )))
}

fn has_target(workspace: &Workspace) -> bool {
    let mut ask = Command::new("rustc");
    ask.current_dir(workspace.root()).args(["--print", "target-libdir", "--target", TARGET]);
    capture(&mut ask).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

fn debian_cargo(workspace: &Workspace) -> Command {
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        .current_dir(workspace.root())
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19")
        .env("CARGO_TARGET_DIR", debian_target(workspace));
    cargo
}

/// A folder of its own: two compilers in one would undo each other's work.
fn debian_target(workspace: &Workspace) -> PathBuf {
    workspace.target().join("debian-rust")
}
