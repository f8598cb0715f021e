//! Installs Debian packages that a check needs, and says so.

use std::process::Command;

use crate::{
    Failure, Result,
    command::{capture, run},
    machine,
};

/// Installs those of `packages` that are missing; `why` ends the sentence "… needs".
pub(crate) fn ensure(packages: &[&str], why: &str) -> Result<()> {
    let missing: Vec<&str> =
        packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !machine::has_debian_packages() {
        return Err(Failure::new(format!(
            "{why} needs {names}, and only Debian's packages can be installed from here; install them by hand"
        )));
    }
    if !machine::is_root() {
        return Err(Failure::new(format!(
            "{why} needs {names}; run `sudo apt-get install {names}`"
        )));
    }
    println!("{why} needs {names}: installing");
    if install(&missing).is_err() {
        // On a machine that was just made the lists are empty or old.
        run(Command::new("apt-get").args(["update", "--quiet", "--quiet"]))?;
        install(&missing)?;
    }
    Ok(())
}

fn install(packages: &[&str]) -> Result<()> {
    run(Command::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "--yes", "--quiet", "--quiet", "--no-install-recommends"])
        .args(packages))
}

fn is_installed(package: &str) -> bool {
    capture(Command::new("dpkg-query").args([
        "--show",
        "--showformat",
        "${db:Status-Status}",
        package,
    ]))
    .is_ok_and(|status| status.trim() == "installed")
}
