//! One style sheet out of several: imports are put in their place, addresses get their hashes.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::assets::Assets;

/// Reads `sheet` and puts each sheet it imports from its own folder in the import's place.
pub(crate) fn read(sheet: &Path) -> Result<String> {
    let text =
        fs::read_to_string(sheet).with_context(|| format!("could not read {}", sheet.display()))?;
    let folder = sheet.parent().unwrap_or(Path::new(""));
    let mut whole = String::new();
    for line in text.lines() {
        match imported(line) {
            Some(name) => whole.push_str(&read(&folder.join(name))?),
            None => {
                whole.push_str(line);
                whole.push('\n');
            }
        }
    }
    Ok(whole)
}

/// The name in `@import "name.css";` or `@import url("name.css");`.
fn imported(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("@import")?.trim();
    let rest = rest.strip_prefix("url(").unwrap_or(rest);
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split(quote).next().filter(|name| !name.contains("://"))
}

/// Points `url(…)` at the hashed names of the assets, which lie in the sheet's own folder.
pub(crate) fn with_hashed_addresses(sheet: &str, assets: &Assets) -> String {
    assets.names().fold(sheet.to_owned(), |sheet, (name, hashed)| {
        ["", "\"", "'"].iter().fold(sheet, |sheet, quote| {
            sheet.replace(&format!("url({quote}{name}"), &format!("url({quote}{hashed}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_names_a_sheet_of_the_same_folder() {
        assert_eq!(imported("@import \"tokens.css\";"), Some("tokens.css"));
        assert_eq!(imported("  @import url('a/b.css');"), Some("a/b.css"));
        assert_eq!(imported("@import \"https://host/a.css\";"), None);
        assert_eq!(imported(".import { color: red }"), None);
    }

    #[test]
    fn imported_sheets_stand_where_they_are_imported() {
        let folder = std::env::temp_dir().join(format!("ekiden-style-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("main.css"),
            "@import \"one.css\";\n@import \"two.css\";\n.last {}\n",
        )
        .unwrap();
        fs::write(folder.join("one.css"), ".one {}\n").unwrap();
        fs::write(folder.join("two.css"), ".two {}\n").unwrap();
        let whole = read(&folder.join("main.css"));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(whole.unwrap(), ".one {}\n.two {}\n.last {}\n");
    }

    #[test]
    fn addresses_of_assets_get_their_hashes() {
        let mut assets = Assets::new(true);
        let hashed = assets.add("icons.svg", b"<svg/>".to_vec());
        let sheet = with_hashed_addresses(
            "a { mask: url(\"icons.svg#plus\") } b { mask: url(icons.svg) }",
            &assets,
        );
        assert_eq!(
            sheet,
            format!("a {{ mask: url(\"{hashed}#plus\") }} b {{ mask: url({hashed}) }}")
        );
    }
}
