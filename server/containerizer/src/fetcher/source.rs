//! Where a file comes from.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::FetchError;

/// The origin of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// `http` or `https`.
    Web(Url),
    /// A file of the agent's machine.
    File(PathBuf),
}

impl Source {
    /// Reads a URI; relative paths are relative to `home`.
    pub(super) fn read(uri: &str, home: Option<&Path>) -> Result<Self, FetchError> {
        let unsupported = |why: String| FetchError::Unsupported { uri: without_password(uri), why };
        match uri.split_once("://") {
            Some(("http" | "https", _)) => {
                let url = Url::parse(uri).map_err(|error| unsupported(error.to_string()))?;
                Ok(Source::Web(url))
            }
            Some(("file", path)) => {
                let path = path.strip_prefix("localhost").unwrap_or(path);
                match path.starts_with('/') {
                    true => Ok(Source::File(PathBuf::from(path))),
                    false => Err(unsupported("a file URI must be absolute".to_owned())),
                }
            }
            Some((scheme, _)) => Err(unsupported(format!(
                "scheme `{scheme}` is not supported, only http, https and file"
            ))),
            None if uri.starts_with('/') => Ok(Source::File(PathBuf::from(uri))),
            None => match home {
                Some(home) => Ok(Source::File(home.join(uri))),
                None => Err(unsupported(
                    "a relative path was given but the agent has no --frameworks_home".to_owned(),
                )),
            },
        }
    }

    /// The name under which the file lies in the sandbox unless another one was asked for.
    pub(super) fn file_name(&self) -> Result<String, FetchError> {
        let name = match self {
            Source::Web(url) => url
                .path_segments()
                .and_then(|mut segments| segments.next_back())
                .map(|last| percent_decode_str(last).decode_utf8_lossy().into_owned()),
            Source::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
        };
        let is_plain = |name: &String| {
            !matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '\0'])
        };
        name.filter(is_plain).ok_or_else(|| FetchError::Unsupported {
            uri: self.shown(),
            why: "it ends with no file name; give an output file".to_owned(),
        })
    }

    /// The URI for messages: a password in it is nobody's business.
    pub(super) fn shown(&self) -> String {
        match self {
            Source::Web(url) => without_password(url.as_str()),
            Source::File(path) => path.display().to_string(),
        }
    }

    /// What tells it from other sources in the cache.
    pub(super) fn key(&self) -> String {
        match self {
            Source::Web(url) => url.to_string(),
            Source::File(path) => format!("file://{}", path.display()),
        }
    }
}

fn without_password(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(mut url) if url.password().is_some() => {
            // Only a URL without host refuses, and that one has no password.
            let _ = url.set_password(Some("***"));
            url.to_string()
        }
        Ok(_) | Err(_) => uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Result<Source, FetchError> {
        Source::read(uri, Some(Path::new("/srv/frameworks")))
    }

    #[test]
    fn paths_are_files_of_the_machine() {
        for (uri, path) in [
            ("/opt/a.tar", "/opt/a.tar"),
            ("file:///opt/a.tar", "/opt/a.tar"),
            ("file://localhost/opt/a.tar", "/opt/a.tar"),
            ("a.tar", "/srv/frameworks/a.tar"),
        ] {
            assert_eq!(read(uri).unwrap(), Source::File(PathBuf::from(path)), "{uri}");
        }
    }

    #[test]
    fn what_is_not_fetched_is_refused_by_name() {
        for (uri, word) in [
            ("ftp://a/b", "`ftp`"),
            ("hdfs://a/b", "`hdfs`"),
            ("s3://a/b", "`s3`"),
            ("file://opt/a", "absolute"),
            ("http://", "host"),
        ] {
            let refused = read(uri).unwrap_err().to_string();
            assert!(refused.contains(word) && refused.contains(uri), "{refused}");
        }
        let refused = Source::read("a.tar", None).unwrap_err().to_string();
        assert!(refused.contains("--frameworks_home"), "{refused}");
    }

    #[test]
    fn the_name_is_the_last_part_without_query() {
        for (uri, name) in [
            ("http://h/a/b.tar.gz?token=1#top", "b.tar.gz"),
            ("http://h/a%20b.txt", "a b.txt"),
            ("/x/y.zip", "y.zip"),
        ] {
            assert_eq!(read(uri).unwrap().file_name().unwrap(), name, "{uri}");
        }
        for nameless in ["http://h", "http://h/a/", "http://h/a%2Fb", "/", "http://h/%2e%2e%2f"] {
            assert!(read(nameless).unwrap().file_name().is_err(), "{nameless}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let source = read("http://me:secret@h/a").unwrap();
        assert_eq!(source.shown(), "http://me:***@h/a");
        let refused = read("ftp://me:secret@h/a").unwrap_err().to_string();
        assert!(!refused.contains("secret"), "{refused}");
    }
}
