//! Marathon's path ids: `/web/nginx`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An absolute path of a group, app or pod; the root is `/`.
///
/// Every segment follows Marathon's grammar: labels of lower-case letters, digits and inner hyphens,
/// joined by dots (marathon.md §1.2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathId(Arc<str>);

/// The id of an app.
pub type AppId = PathId;

/// A text that is no path id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no path id: segments have lower-case letters, digits, inner hyphens and dots")]
pub struct InvalidPathId(String);

impl PathId {
    /// The root group.
    pub fn root() -> Self {
        Self("/".into())
    }

    /// Reads an absolute id, or a relative one against the root. Doubled and trailing slashes vanish.
    ///
    /// # Errors
    /// When a segment breaks the grammar, or `..` leads above the root.
    pub fn parse(text: &str) -> Result<Self, InvalidPathId> {
        Self::resolve(text, &Self::root())
    }

    /// Reads an id; a relative one counts from `base`. `.` and `..` are resolved.
    ///
    /// # Errors
    /// When the text is empty, a segment breaks the grammar, or `..` leads above the root.
    pub fn resolve(text: &str, base: &Self) -> Result<Self, InvalidPathId> {
        let invalid = || InvalidPathId(text.to_owned());
        if text.is_empty() {
            return Err(invalid());
        }
        let mut segments: Vec<&str> =
            if text.starts_with('/') { Vec::new() } else { base.segments().collect() };
        for segment in text.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop().ok_or_else(invalid)?;
                }
                label if is_segment(label) => segments.push(label),
                _ => return Err(invalid()),
            }
        }
        Ok(Self(format!("/{}", segments.join("/")).into()))
    }

    /// The id as it is written, with its leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments from the root downwards.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// The last segment; `None` for the root.
    pub fn name(&self) -> Option<&str> {
        self.segments().next_back()
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.name().is_none()
    }

    /// The enclosing group; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let cut = self.0.rfind('/').filter(|_| !self.is_root())?;
        Some(if cut == 0 { Self::root() } else { Self(self.0[..cut].into()) })
    }

    /// Whether this is `ancestor` or lies below it.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        ancestor.is_root()
            || self
                .0
                .strip_prefix(ancestor.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Segments joined by `_`, as instance and task ids begin: `/a/b` gives `a_b`.
    pub fn safe_path(&self) -> String {
        self.segments().collect::<Vec<_>>().join("_")
    }

    /// Reversed and joined by dots, as Mesos task names and discovery names are: `/a/b` gives `b.a`.
    pub fn hostname(&self) -> String {
        self.segments().rev().collect::<Vec<_>>().join(".")
    }
}

fn is_segment(segment: &str) -> bool {
    segment.split('.').all(|label| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !label.is_empty()
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

impl fmt::Display for PathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PathId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> PathId {
        PathId::parse(text).unwrap()
    }

    #[test]
    fn relative_ids_count_from_their_base() {
        assert_eq!(id("nginx").as_str(), "/nginx");
        assert_eq!(id("/a//b/").as_str(), "/a/b");
        assert_eq!(PathId::resolve("../x", &id("/a/b")).unwrap(), id("/a/x"));
        assert_eq!(PathId::resolve("./x", &id("/a/b")).unwrap(), id("/a/b/x"));
        assert_eq!(id("/").as_str(), "/");
    }

    #[test]
    fn the_grammar_is_marathons() {
        for good in ["basic-0", "a.b", "1", "a/b-c.d"] {
            assert!(PathId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a..b", "..", "/a/../..", "a b", "é", "a./b"] {
            assert!(PathId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parents_names_and_derived_forms() {
        let app = id("/web/prod/nginx");
        assert_eq!(app.name(), Some("nginx"));
        assert_eq!(app.parent().unwrap(), id("/web/prod"));
        assert_eq!(id("/web").parent(), Some(PathId::root()));
        assert_eq!(PathId::root().parent(), None);
        assert_eq!(
            (app.safe_path().as_str(), app.hostname().as_str()),
            ("web_prod_nginx", "nginx.prod.web")
        );
        assert!(app.is_within(&id("/web")) && app.is_within(&PathId::root()));
        assert!(!id("/webs").is_within(&id("/web")));
    }

    proptest! {
        #[test]
        fn a_parsed_id_reads_back(text in "[a-z0-9./-]{1,20}") {
            if let Ok(id) = PathId::parse(&text) {
                prop_assert_eq!(PathId::parse(id.as_str()).unwrap(), id);
            }
        }
    }
}
