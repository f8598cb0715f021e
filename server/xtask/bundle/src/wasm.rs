//! From what the compiler wrote to what a browser loads.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

/// The browser's half, ready to serve.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) javascript: String,
    pub(crate) wasm: Vec<u8>,
    /// JavaScript that crates bring along, by path.
    pub(crate) snippets: Vec<(String, Vec<u8>)>,
}

/// Generates the JavaScript for `module`.
///
/// The wasm is not passed through `wasm-opt`: it made the file a fifth smaller, but a twentieth larger with brotli.
pub(crate) fn bind(module: &Path, scratch: &Path) -> Result<Bound> {
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
