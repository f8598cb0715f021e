//! Paths of znodes and records: absolute, `/` between the segments, no `/` at the end except for the root.

use crate::ErrorCode;

/// Checks a path as ZooKeeper does for create, set and check.
///
/// # Errors
/// `BadArguments` when it is empty, relative, ends with `/`, has an empty segment, `.` or `..` as a
/// segment, or a character that ZooKeeper forbids (control characters, surrogates and private use,
/// specials, everything beyond the basic plane).
///
/// Source: apache/zookeeper: zookeeper-server/src/main/java/org/apache/zookeeper/common/PathUtils.java
pub fn validate(path: &str) -> Result<(), ErrorCode> {
    if path == "/" {
        return Ok(());
    }
    let Some(segments) = path.strip_prefix('/') else { return Err(ErrorCode::BadArguments) };
    let malformed = segments
        .split('/')
        .any(|segment| matches!(segment, "" | "." | "..") || segment.chars().any(is_forbidden));
    if malformed { Err(ErrorCode::BadArguments) } else { Ok(()) }
}

fn is_forbidden(character: char) -> bool {
    matches!(u32::from(character),
        0x00..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..=0xffff | 0x1_0000..)
}

/// The path of the parent; the root has none, nor has a path without `/`.
pub fn parent(path: &str) -> Option<&str> {
    match path.rfind('/')? {
        0 if path.len() == 1 => None,
        0 => Some("/"),
        slash => Some(&path[..slash]),
    }
}

/// The last segment.
pub fn name(path: &str) -> &str {
    path.rfind('/').map_or(path, |slash| &path[slash + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_paths_pass() {
        for path in ["/", "/a", "/a/b c/...", "/.x/ä", "/mesos/json.info_0000000001"] {
            assert_eq!(validate(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn malformed_paths_are_bad_arguments() {
        for path in [
            "",
            "a",
            "/a/",
            "//",
            "/a//b",
            "/a/./b",
            "/..",
            "/a\u{0}",
            "/\u{7f}",
            "/\u{e000}",
            "/😀",
        ] {
            assert_eq!(validate(path), Err(ErrorCode::BadArguments), "{path:?}");
        }
    }

    #[test]
    fn a_path_splits_into_parent_and_name() {
        assert_eq!((parent("/a/b"), name("/a/b")), (Some("/a"), "b"));
        assert_eq!((parent("/a"), name("/a")), (Some("/"), "a"));
        assert_eq!((parent("/"), parent("a")), (None, None));
    }
}
