//! Everything that the result depends on, read once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{Options, style, wasm};

/// Raised when this tool makes other files of equal inputs.
const EDITION: &str = "2";

/// The contents of all inputs.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// The style sheet with its imports in place.
    pub(crate) style: String,
    /// Static assets by their path below the folder, in order of names.
    pub(crate) public: Vec<(String, Vec<u8>)>,
    wasm: Vec<u8>,
    settings: String,
}

impl Inputs {
    pub(crate) fn read(options: &Options) -> Result<Self> {
        let wasm = fs::read(&options.wasm)
            .with_context(|| format!("could not read {}", options.wasm.display()))?;
        let mut public = Vec::new();
        for path in files_below(&options.public)? {
            let content =
                fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
            let name =
                path.strip_prefix(&options.public).unwrap_or(&path).to_string_lossy().into_owned();
            public.push((name, content));
        }
        let optimiser = if options.quick { None } else { wasm::optimiser() };
        let settings = format!("{EDITION} {} {optimiser:?}", options.quick);
        Ok(Self { style: style::read(&options.style)?, public, wasm, settings })
    }

    /// Equal inputs give equal text.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        };
        add(self.settings.as_bytes());
        add(self.style.as_bytes());
        add(&self.wasm);
        for (name, content) in &self.public {
            add(name.as_bytes());
            add(content);
        }
        hex(&hash.finalize())
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("could not list {}", folder.display()))?;
        for entry in entries {
            let path =
                entry.with_context(|| format!("could not list {}", folder.display()))?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(style: &str) -> Inputs {
        Inputs {
            style: style.into(),
            public: vec![("a.svg".into(), vec![1])],
            wasm: vec![2],
            settings: "1".into(),
        }
    }

    #[test]
    fn the_fingerprint_follows_every_input() {
        let base = inputs("a");
        assert_eq!(base.fingerprint(), inputs("a").fingerprint());
        assert_ne!(base.fingerprint(), inputs("b").fingerprint());
        assert_ne!(base.fingerprint(), Inputs { wasm: vec![3], ..inputs("a") }.fingerprint());
        assert_ne!(base.fingerprint(), Inputs { public: Vec::new(), ..inputs("a") }.fingerprint());
        assert_ne!(
            base.fingerprint(),
            Inputs { settings: "2".into(), ..inputs("a") }.fingerprint()
        );
    }
}
