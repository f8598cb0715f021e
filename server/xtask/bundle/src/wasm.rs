//! From what the compiler wrote to what a browser loads.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::tables;

/// The browser's half, ready to serve.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) javascript: String,
    pub(crate) wasm: Vec<u8>,
    /// JavaScript that crates bring along, by path.
    pub(crate) snippets: Vec<(String, Vec<u8>)>,
}

/// Generates the JavaScript for `module`; with `shrink` the wasm goes through `wasm-opt` where there is one.
pub(crate) fn bind(module: &Path, scratch: &Path, shrink: bool) -> Result<Bound> {
    if scratch.exists() {
        fs::remove_dir_all(scratch)
            .with_context(|| format!("could not remove {}", scratch.display()))?;
    }
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name("frontend")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    bindgen
        .web(true)?
        .generate(scratch)
        .with_context(|| format!("could not generate JavaScript for {}", module.display()))?;
    if let (true, Some(_)) = (shrink, optimiser()) {
        optimise(&scratch.join("frontend_bg.wasm"));
    }
    let read = |name: &str| {
        fs::read(scratch.join(name)).with_context(|| format!("no `{name}` was generated"))
    };
    let bound = Bound {
        javascript: String::from_utf8(read("frontend.js")?)
            .context("the generated JavaScript is not text")?,
        wasm: read("frontend_bg.wasm")?,
        snippets: snippets(scratch, "snippets")?,
    };
    fs::remove_dir_all(scratch)
        .with_context(|| format!("could not remove {}", scratch.display()))?;
    Ok(bound)
}

/// The version of `wasm-opt` (Debian's package `binaryen`), where it is installed.
pub(crate) fn optimiser() -> Option<String> {
    let about = Command::new("wasm-opt").arg("--version").output().ok()?;
    about.status.success().then(|| String::from_utf8_lossy(&about.stdout).trim().to_owned())
}

/// Makes the file smaller in place; one that `wasm-opt` does not understand stays as it is.
fn optimise(file: &Path) {
    let smaller = file.with_extension("opt");
    let mut command = Command::new("wasm-opt");
    command.args(["-Oz", "--enable-bulk-memory", "--enable-mutable-globals", "--enable-sign-ext"]);
    command.args([
        "--enable-nontrapping-float-to-int",
        "--enable-reference-types",
        "--enable-multivalue",
    ]);
    let is_done =
        command.arg(file).arg("-o").arg(&smaller).status().is_ok_and(|status| status.success());
    let restored = || tables::restore(&fs::read(file).ok()?, fs::read(&smaller).ok()?);
    let is_written =
        is_done && restored().is_some_and(|restored| fs::write(file, restored).is_ok());
    if !is_written {
        println!("wasm-opt could not shrink the wasm; it is served as it is");
    }
}

fn snippets(scratch: &Path, folder: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(scratch.join(folder)) else { return Ok(found) };
    for entry in entries.flatten() {
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(snippets(scratch, &name)?);
        } else {
            let content =
                fs::read(entry.path()).with_context(|| format!("could not read `{name}`"))?;
            found.push((name, content));
        }
    }
    found.sort();
    Ok(found)
}
