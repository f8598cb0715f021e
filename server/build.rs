//! Makes the browser's files part of the program, and tells it when, by whom and from what it was built.
//!
//! `EKIDEN_BUNDLE_DIR` names the folder that `cargo xtask` filled; its files are copied to `OUT_DIR` and listed in a generated
//! `bundle.rs`. Without the variable the list is empty and the consoles work without JavaScript.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    tell_origin();
    embed_bundle()
}

/// `EKIDEN_GIT_SHA` is set by `cargo xtask up`; other builds know no commit, so that a commit alone rebuilds nothing.
fn tell_origin() {
    println!("cargo::rerun-if-env-changed=EKIDEN_GIT_SHA");
    let of_environment = |name| env::var(name).unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "the moment of the build is what is asked for")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    println!("cargo::rustc-env=EKIDEN_BUILT_MS={}", now.as_millis());
    println!("cargo::rustc-env=EKIDEN_BUILT_BY={}", of_environment("USER"));
    println!("cargo::rustc-env=EKIDEN_GIT_SHA={}", of_environment("EKIDEN_GIT_SHA"));
}

fn embed_bundle() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=EKIDEN_BUNDLE_DIR");
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    let out = Path::new(&out);
    let copies = out.join("bundle");
    if copies.exists() {
        fs::remove_dir_all(&copies)?;
    }
    fs::create_dir_all(&copies)?;
    let mut names = Vec::new();
    if let Some(folder) = env::var_os("EKIDEN_BUNDLE_DIR").filter(|folder| !folder.is_empty()) {
        println!("cargo::rerun-if-changed={}", Path::new(&folder).display());
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                fs::copy(entry.path(), copies.join(&name))?;
                names.push(name);
            }
        }
    }
    names.sort();
    let mut list = String::from(
        "/// Every file of the bundle, by name.\npub(super) const FILES: &[(&str, &[u8])] = &[\n",
    );
    for name in names {
        let path = copies.join(&name);
        list.push_str(&format!(
            "    ({name:?}, include_bytes!({:?})),\n",
            path.display().to_string()
        ));
    }
    list.push_str("];\n");
    fs::write(out.join("bundle.rs"), list)
}
