//! What a task wants fetched into its sandbox before it starts.
//!
//! Source: apache/mesos: src/launcher/fetcher.cpp, src/slave/containerizer/fetcher.cpp (names, defaults, refusals).

use wire::mesos::v1::CommandInfo;

/// One file or archive to fetch; what stands in it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchItem {
    /// Where from: a URL, or a path on the agent's machine.
    pub uri: String,
    /// The file is made executable and not unpacked.
    pub executable: bool,
    /// The file is unpacked when its name says that it is an archive.
    pub extract: bool,
    /// The file may be taken from the agent's cache and is kept there.
    pub cache: bool,
    /// Where to, relative to the sandbox; the last part of the URI when absent.
    pub output_file: Option<String>,
}

/// Why a URI cannot be fetched, whatever the network says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It names nothing.
    #[error("Failed to fetch: a URI is empty")]
    Empty,
    /// It cannot stand in a file name or a request.
    #[error("Failed to fetch `{0}`: a URI must not contain line ends, quotes or backslashes")]
    Character(String),
    /// The output file would lie outside of the sandbox.
    #[error(
        "Failed to fetch `{uri}`: output file `{output_file}` must be a relative path inside the sandbox without `..`"
    )]
    OutputFile {
        /// The URI.
        uri: String,
        /// The output file that was asked for.
        output_file: String,
    },
}

impl FetchItem {
    /// Reads the URIs of a command, in their order.
    ///
    /// # Errors
    /// With the first URI that cannot be fetched at all.
    pub fn all_of(command: Option<&CommandInfo>) -> Result<Vec<Self>, Invalid> {
        command.into_iter().flat_map(|command| &command.uris).map(Self::of).collect()
    }

    fn of(uri: &wire::mesos::v1::command_info::Uri) -> Result<Self, Invalid> {
        let value = uri.value.trim();
        if value.is_empty() {
            return Err(Invalid::Empty);
        }
        if value.contains(|c: char| matches!(c, '\'' | '\\') || c.is_control()) {
            return Err(Invalid::Character(value.escape_debug().to_string()));
        }
        let output_file = uri.output_file.clone().filter(|file| !file.is_empty());
        if let Some(file) = &output_file
            && !stays_inside(file)
        {
            return Err(Invalid::OutputFile { uri: value.to_owned(), output_file: file.clone() });
        }
        Ok(Self {
            uri: value.to_owned(),
            executable: uri.executable.unwrap_or(false),
            extract: uri.extract.unwrap_or(true),
            cache: uri.cache.unwrap_or(false),
            output_file,
        })
    }
}

/// Says whether a path names a file below the folder that it is relative to.
fn stays_inside(path: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "..") && !part.contains('\0');
    !path.ends_with('/') && path != "." && path.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use wire::mesos::v1::command_info::Uri;

    use super::*;

    fn read(uri: Uri) -> Result<FetchItem, Invalid> {
        let command = CommandInfo { uris: vec![uri], ..CommandInfo::default() };
        FetchItem::all_of(Some(&command)).map(|mut items| items.remove(0))
    }

    fn uri(value: &str) -> Uri {
        Uri { value: value.to_owned(), ..Uri::default() }
    }

    #[test]
    fn what_is_not_said_has_the_originals_defaults() {
        let item = read(uri("http://files/app.tar.gz")).unwrap();
        assert_eq!(
            item,
            FetchItem {
                uri: "http://files/app.tar.gz".to_owned(),
                executable: false,
                extract: true,
                cache: false,
                output_file: None,
            }
        );
    }

    #[test]
    fn a_command_without_uris_fetches_nothing() {
        assert_eq!(FetchItem::all_of(None), Ok(Vec::new()));
        assert_eq!(FetchItem::all_of(Some(&CommandInfo::default())), Ok(Vec::new()));
    }

    #[test]
    fn an_output_file_may_stand_in_a_folder_of_the_sandbox() {
        for inside in ["a", "a/b.txt", ".hidden", "./a", "a..b", "..."] {
            let named = Uri { output_file: Some(inside.to_owned()), ..uri("/x") };
            assert_eq!(read(named).unwrap().output_file.as_deref(), Some(inside));
        }
    }

    #[test]
    fn an_output_file_outside_of_the_sandbox_is_refused_by_name() {
        for outside in ["/etc/passwd", "..", "../x", "a/../../x", "a/", "a//b", "."] {
            let named = Uri { output_file: Some(outside.to_owned()), ..uri("/x") };
            let refused = read(named).unwrap_err().to_string();
            assert!(refused.contains(&format!("`{outside}`")), "{refused}");
        }
    }

    #[test]
    fn what_cannot_be_named_is_refused() {
        assert_eq!(read(uri("  ")), Err(Invalid::Empty));
        for wrong in ["http://a/b\nc", "/a'b", "/a\\b"] {
            assert!(matches!(read(uri(wrong)), Err(Invalid::Character(_))), "{wrong:?}");
        }
    }
}
