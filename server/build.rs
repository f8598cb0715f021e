//! Makes the browser's files part of the program.
//!
//! `EKIDEN_BUNDLE_DIR` names the folder that `cargo xtask` filled; its files are copied to `OUT_DIR` and listed in a generated
//! `bundle.rs`. Without the variable the list is empty and the consoles work without JavaScript.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=EKIDEN_BUNDLE_DIR");
    println!("cargo::rerun-if-changed=build.rs");
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
