//! The answers of `/files/browse` and `/files/read`.

use serde::{Deserialize, Serialize};

/// One entry of a browsed folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The path as it was asked for, a slash, and the entry's name.
    pub path: String,
    /// Number of hard links.
    pub nlink: u64,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last change, in seconds since 1970 began.
    pub mtime: f64,
    /// Kind and permissions as `ls` writes them, `-rw-r--r--`.
    pub mode: String,
    /// The owner's name.
    pub uid: String,
    /// The group's name.
    pub gid: String,
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChunk {
    /// Where the piece begins; the file's size when the question was for offset -1.
    pub offset: u64,
    /// The piece; bytes that are no UTF-8 are replaced.
    pub data: String,
}
