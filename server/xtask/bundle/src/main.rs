//! Makes the files that browsers load: wasm and its JavaScript, the style sheet, the static assets.
//!
//! Every file gets its content's hash into its name, so the server may tell browsers to keep
//! it for ever, and a brotli and a gzip copy beside it, so nothing is compressed at run time.
//! `manifest.json` maps plain names to hashed ones. When no input has changed since the last
//! run, nothing is written: the server that embeds the folder is then not rebuilt either.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line tool talks on stdout")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

mod assets;
mod inputs;
mod style;
mod tables;
mod wasm;

use assets::Assets;
use inputs::Inputs;

/// What the command line says.
#[derive(Debug, Default)]
struct Options {
    /// The compiled `frontend`.
    wasm: PathBuf,
    /// The style sheet whose imports are put in their place.
    style: PathBuf,
    /// The folder of static assets.
    public: PathBuf,
    /// The folder to write.
    out: PathBuf,
    /// Less compression and no `wasm-opt`: for tests, which load everything from loopback.
    quick: bool,
}

impl Options {
    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.into_iter();
        while let Some(flag) = rest.next() {
            let place = match flag.as_str() {
                "--quick" => {
                    options.quick = true;
                    continue;
                }
                "--wasm" => &mut options.wasm,
                "--style" => &mut options.style,
                "--public" => &mut options.public,
                "--out" => &mut options.out,
                unknown => bail!(
                    "unknown flag `{unknown}`; known are --wasm, --style, --public, --out and --quick"
                ),
            };
            *place = rest.next().with_context(|| format!("`{flag}` needs a path"))?.into();
        }
        for (flag, path) in [
            ("--wasm", &options.wasm),
            ("--style", &options.style),
            ("--public", &options.public),
            ("--out", &options.out),
        ] {
            if path.as_os_str().is_empty() {
                bail!("`{flag}` is missing");
            }
        }
        Ok(options)
    }
}

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let inputs = Inputs::read(&options)?;
    // Beside the folder, not in it: everything in it is embedded.
    let stamp = options.out.with_extension("stamp");
    let fingerprint = inputs.fingerprint();
    if fs::read_to_string(&stamp).is_ok_and(|found| found == fingerprint)
        && options.out.join(assets::MANIFEST).is_file()
    {
        println!("the browser's files are up to date");
        return Ok(());
    }
    let assets = make(&options, inputs)?;
    replace(&options.out, &assets)?;
    fs::write(&stamp, fingerprint)
        .with_context(|| format!("could not write {}", stamp.display()))?;
    println!("{}", assets.summary(&options.out));
    Ok(())
}

fn make(options: &Options, inputs: Inputs) -> Result<Assets> {
    let mut assets = Assets::new(options.quick);
    for (name, content) in inputs.public {
        assets.add(&name, content);
    }
    let sheet = style::with_hashed_addresses(&inputs.style, &assets);
    assets.add("main.css", sheet.into_bytes());
    let scratch = options.out.with_extension("scratch");
    let bound = wasm::bind(&options.wasm, &scratch, !options.quick)?;
    let hashed = assets.add("frontend_bg.wasm", bound.wasm);
    for (name, content) in bound.snippets {
        // The JavaScript imports them by these names.
        assets.add_unhashed(&name, content);
    }
    assets.add("frontend.js", bound.javascript.replace("frontend_bg.wasm", &hashed).into_bytes());
    Ok(assets)
}

/// Writes the whole folder anew, then puts it in the old one's place.
fn replace(out: &Path, assets: &Assets) -> Result<()> {
    let new = out.with_extension("new");
    for folder in [&new, &out.to_path_buf()] {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("could not remove {}", folder.display()))?;
        }
    }
    assets.write(&new)?;
    fs::rename(&new, out).with_context(|| format!("could not put {} in place", out.display()))
}
