//! Files with their content's hash in their name, and compressed copies beside them.

use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::inputs::hex;

/// Maps plain names to hashed ones: `{"files": {"main.css": "main-0123456789ab.css"}}`.
pub(crate) const MANIFEST: &str = "manifest.json";

/// What is compressed already, or too small to gain.
const STORED: [&str; 6] = [".png", ".jpg", ".webp", ".woff2", ".gz", ".br"];
const SMALLEST: usize = 256;

/// All files to write.
#[derive(Debug)]
pub(crate) struct Assets {
    files: BTreeMap<String, File>,
    quick: bool,
}

#[derive(Debug)]
struct File {
    hashed: String,
    content: Vec<u8>,
}

impl Assets {
    pub(crate) fn new(quick: bool) -> Self {
        Self { files: BTreeMap::new(), quick }
    }

    /// Takes a file in; returns the name it is served under.
    pub(crate) fn add(&mut self, name: &str, content: Vec<u8>) -> String {
        let hash = hex(&Sha256::digest(&content)[..6]);
        let hashed = match name.rsplit_once('.') {
            Some((stem, end)) => format!("{stem}-{hash}.{end}"),
            None => format!("{name}-{hash}"),
        };
        self.files.insert(name.to_owned(), File { hashed: hashed.clone(), content });
        hashed
    }

    /// Takes in a file that others name themselves.
    pub(crate) fn add_unhashed(&mut self, name: &str, content: Vec<u8>) {
        self.files.insert(name.to_owned(), File { hashed: name.to_owned(), content });
    }

    /// Plain and hashed names.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(name, file)| (name.as_str(), file.hashed.as_str()))
    }

    /// Writes all files, their compressed copies and the manifest.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        for file in self.files.values() {
            write(&folder.join(&file.hashed), &file.content)?;
            if is_compressible(file) {
                write(&folder.join(format!("{}.br", file.hashed)), &self.brotli(&file.content)?)?;
                write(&folder.join(format!("{}.gz", file.hashed)), &self.gzip(&file.content)?)?;
            }
        }
        write(&folder.join(MANIFEST), self.manifest().as_bytes())
    }

    /// What a browser loads of wasm, JavaScript and style, in plain and compressed bytes, as written to `folder`.
    pub(crate) fn summary(&self, folder: &Path) -> String {
        let parts = ["frontend_bg.wasm", "frontend.js", "main.css"].iter().filter_map(|name| {
            let file = self.files.get(*name)?;
            let brotli = fs::metadata(folder.join(format!("{}.br", file.hashed))).ok()?.len();
            Some(format!("{name} {} bytes, {brotli} with brotli", file.content.len()))
        });
        parts.collect::<Vec<_>>().join("; ")
    }

    fn manifest(&self) -> String {
        // Debug text of such names is JSON text: there is nothing to escape but quotes and backslashes.
        let lines: Vec<String> =
            self.names().map(|(name, hashed)| format!("    {name:?}: {hashed:?}")).collect();
        format!("{{\n  \"files\": {{\n{}\n  }}\n}}\n", lines.join(",\n"))
    }

    fn brotli(&self, content: &[u8]) -> Result<Vec<u8>> {
        let quality = if self.quick { 4 } else { 11 };
        let mut compressed = Vec::new();
        let mut writer = brotli::CompressorWriter::new(&mut compressed, 64 * 1024, quality, 22);
        writer.write_all(content).context("brotli failed")?;
        drop(writer);
        Ok(compressed)
    }

    fn gzip(&self, content: &[u8]) -> Result<Vec<u8>> {
        let level =
            if self.quick { flate2::Compression::fast() } else { flate2::Compression::best() };
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), level);
        writer.write_all(content).context("gzip failed")?;
        writer.finish().context("gzip failed")
    }
}

fn is_compressible(file: &File) -> bool {
    file.content.len() >= SMALLEST && !STORED.iter().any(|end| file.hashed.ends_with(end))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("could not make {}", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("could not write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_its_content() {
        let mut assets = Assets::new(true);
        let first = assets.add("icons/plus.svg", b"one".to_vec());
        let second = assets.add("icons/plus.svg", b"two".to_vec());
        assert_ne!(first, second);
        assert!(
            second.starts_with("icons/plus-")
                && second.ends_with(".svg")
                && second.len() == "icons/plus-.svg".len() + 12
        );
    }

    #[test]
    fn the_manifest_maps_plain_names_to_hashed_ones() {
        let mut assets = Assets::new(true);
        let hashed = assets.add("main.css", b"a {}".to_vec());
        assets.add_unhashed("snippets/a.js", Vec::new());
        let wanted = format!(
            "{{\n  \"files\": {{\n    \"main.css\": \"{hashed}\",\n    \"snippets/a.js\": \"snippets/a.js\"\n  }}\n}}\n"
        );
        assert_eq!(assets.manifest(), wanted);
    }

    #[test]
    fn text_gets_compressed_copies_and_pictures_do_not() {
        let folder = std::env::temp_dir().join(format!("ekiden-assets-{}", std::process::id()));
        let mut assets = Assets::new(true);
        let sheet = assets.add("main.css", b"a { color: red }\n".repeat(100));
        let picture = assets.add("mark.png", vec![7; 1000]);
        assets.write(&folder).unwrap();
        let size = |name: String| fs::metadata(folder.join(name)).map(|about| about.len()).ok();
        let sizes = [
            size(sheet.clone()),
            size(format!("{sheet}.br")),
            size(format!("{sheet}.gz")),
            size(format!("{picture}.br")),
        ];
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(sizes[0], Some(1700));
        assert!(
            sizes[1].is_some_and(|bytes| bytes < 200) && sizes[2].is_some_and(|bytes| bytes < 200),
            "{sizes:?}"
        );
        assert_eq!(sizes[3], None);
    }
}
