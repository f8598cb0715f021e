//! The platform's records: values by path, put and deleted. Parents need not exist, a path implies them.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;
use model::RecordWrite;

use crate::path::validate;
use crate::{ChangeKind, Zxid};

/// Bytes that one record may hold.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// A stored value and the entries that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What the platform stored.
    pub value: Bytes,
    /// The entry that created the record.
    pub czxid: Zxid,
    /// The entry that last put it.
    pub mzxid: Zxid,
}

/// A write that no state admits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum RecordError {
    /// The path is not absolute or has a forbidden segment.
    #[error("`{path}` is no path of a record")]
    MalformedPath {
        /// The path given.
        path: String,
    },
    /// The value is larger than [`MAX_RECORD_BYTES`].
    #[error("the record `{path}` has {bytes} bytes, at most {MAX_RECORD_BYTES} are allowed")]
    TooLarge {
        /// The path given.
        path: String,
        /// Size of the value.
        bytes: u64,
    },
}

/// All records in order of their paths. A clone is a snapshot and costs O(1).
#[derive(Debug, Clone, Default)]
pub struct Records {
    by_path: OrdMap<Arc<str>, Record>,
}

impl Records {
    /// Checks what can be checked without the state.
    ///
    /// # Errors
    /// When the path is malformed or the value too large.
    pub fn check(write: &RecordWrite) -> Result<(), RecordError> {
        if write.path == "/" || validate(&write.path).is_err() {
            return Err(RecordError::MalformedPath { path: write.path.clone() });
        }
        let bytes = write.value.as_ref().map_or(0, Bytes::len);
        if bytes > MAX_RECORD_BYTES {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            return Err(RecordError::TooLarge { path: write.path.clone(), bytes });
        }
        Ok(())
    }

    /// The record at exactly this path.
    pub fn get(&self, path: &str) -> Option<&Record> {
        self.by_path.get(path)
    }

    /// All records with their paths, in order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Record)> {
        self.by_path.iter().map(|(path, record)| (&**path, record))
    }

    /// Puts a stored record back.
    pub(crate) fn put_back(&mut self, path: Arc<str>, record: Record) {
        self.by_path.insert(path, record);
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// The record at `prefix` and all below it, in order of their paths; `/master` does not cover `/master2`.
    pub fn under<'a>(
        &'a self,
        prefix: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Record)> + use<'a> {
        let prefix = prefix.trim_end_matches('/');
        let itself = self.by_path.get_key_value(prefix);
        // `0` is the character after `/`, so this range is exactly what begins with `prefix/`.
        let from: Arc<str> = format!("{prefix}/").into();
        let to: Arc<str> = format!("{prefix}0").into();
        let below = self.by_path.range((Bound::Included(from), Bound::Excluded(to)));
        itself.into_iter().chain(below).map(|(path, record)| (&**path, record))
    }

    /// Puts or deletes one record; what that was. Deleting what is not there changes nothing.
    pub(crate) fn write(&mut self, zxid: Zxid, write: &RecordWrite) -> Option<ChangeKind> {
        let path = write.path.as_str();
        let Some(value) = &write.value else {
            return self.by_path.remove(path).map(|_| ChangeKind::Deleted);
        };
        let before = self.by_path.get(path).map(|record| record.czxid);
        let record = Record { value: value.clone(), czxid: before.unwrap_or(zxid), mzxid: zxid };
        self.by_path.insert(path.into(), record);
        Some(if before.is_some() { ChangeKind::Set } else { ChangeKind::Created })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(paths: &[&str]) -> Records {
        let mut records = Records::default();
        for path in paths {
            records
                .write(Zxid::default().next(1), &RecordWrite::put(*path, Bytes::from_static(b"x")));
        }
        records
    }

    #[test]
    fn a_prefix_covers_itself_and_what_is_below() {
        let records =
            records(&["/master", "/master/agents/a", "/master-2", "/master0", "/marathon/x"]);
        let paths: Vec<_> = records.under("/master").map(|(path, _)| path).collect();
        assert_eq!(paths, ["/master", "/master/agents/a"]);
        assert_eq!(records.under("/master/").count(), 2);
        assert_eq!(records.under("/").count(), 5);
        assert_eq!(records.under("/nothing").count(), 0);
    }

    #[test]
    fn a_record_keeps_the_entry_that_created_it() {
        let mut records = records(&["/a"]);
        let created = records.get("/a").unwrap().czxid;
        records.write(created.next(2), &RecordWrite::put("/a", Bytes::from_static(b"y")));
        let record = records.get("/a").unwrap();
        assert_eq!((record.czxid, record.mzxid.term()), (created, 2));
        records.write(created.next(3), &RecordWrite::delete("/a"));
        records.write(created.next(3), &RecordWrite::delete("/a"));
        assert!(records.is_empty());
    }

    #[test]
    fn a_malformed_path_and_a_large_value_are_refused() {
        assert!(Records::check(&RecordWrite::delete("master")).is_err());
        assert!(Records::check(&RecordWrite::delete("/")).is_err());
        let large = RecordWrite::put("/a", vec![0; MAX_RECORD_BYTES + 1]);
        assert!(matches!(Records::check(&large), Err(RecordError::TooLarge { .. })));
    }
}
