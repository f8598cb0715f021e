//! A part of a file as the consoles read it: text whose positions are the file's own.

use serde::{Deserialize, Serialize};

/// What stands in [`FilePart::data`] for one byte that is no UTF-8: U+001A, "substitute", itself one byte long.
pub const SUBSTITUTE: char = '\u{1a}';

/// What one may ask of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartQuery {
    /// The agent's id.
    pub agent: String,
    /// The file's path there.
    pub path: String,
    /// Where the part begins; -1 for the last `length` bytes.
    pub offset: i64,
    /// The most bytes it has.
    pub length: u64,
    /// Seconds to wait for the file to grow beyond `offset`, before an empty part is the answer.
    pub wait: u64,
}

/// What one may search a file for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// The agent's id.
    pub agent: String,
    /// The file's path there.
    pub path: String,
    /// What is searched for; see [`super::search`] for what matches.
    pub text: String,
    /// Matches that begin here or behind; in front of it when going back.
    pub offset: u64,
    /// Towards the file's beginning.
    pub is_back: bool,
}

/// How far a search has come; without both offsets there is no match up to the file's end, or its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The byte at which the nearest match begins.
    pub found: Option<u64>,
    /// Where to go on, after a part of the file that has none.
    pub next: Option<u64>,
    /// The file's size meanwhile; smaller than before when it was begun anew.
    pub size: u64,
}

/// A part of a file.
///
/// `offset` plus the length of `data` is where the next part begins, whatever the file holds: a character that the part's end would cut
/// is left for the next part, and each byte that is no text is one [`SUBSTITUTE`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePart {
    /// The byte at which it begins.
    pub offset: u64,
    /// The text.
    pub data: String,
    /// The file's size when the part was read; smaller than `offset` when the file was begun anew.
    pub size: u64,
}

impl FilePart {
    /// The part that these bytes are.
    pub fn of(offset: u64, bytes: &[u8], size: u64) -> Self {
        let mut data = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            data.push_str(chunk.valid());
            let is_cut = chunks.peek().is_none() && is_begun_character(chunk.invalid());
            if !is_cut {
                data.extend(chunk.invalid().iter().map(|_| SUBSTITUTE));
            }
        }
        Self { offset, data, size }
    }

    /// The byte after its last one.
    pub fn end(&self) -> u64 {
        self.offset + self.data.len() as u64
    }
}

/// Whether more bytes could make a character of these.
fn is_begun_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (String, u64) {
        let part = FilePart::of(10, bytes, 1_000);
        let end = part.end();
        (part.data, end)
    }

    #[test]
    fn a_character_cut_in_two_is_left_for_the_next_part() {
        let bytes = "中文日志".as_bytes();
        assert_eq!(read(&bytes[..7]), ("中文".to_owned(), 16));
        assert_eq!(read(&bytes[..8]), ("中文".to_owned(), 16));
        assert_eq!(read(&bytes[6..]), ("日志".to_owned(), 16));
    }

    #[test]
    fn whatever_a_file_holds_its_positions_are_its_bytes() {
        for bytes in [
            b"plain\n".to_vec(),
            "字".repeat(9).into_bytes(),
            b"\xff\xfe\x00text\x80\x81 end".to_vec(),
            (0..=255).collect(),
            "中".as_bytes()[1..].to_vec(),
        ] {
            let part = FilePart::of(10, &bytes, 1_000);
            let left = 10 + bytes.len() as u64 - part.end();
            assert!(left < 4, "{left} bytes of {bytes:?} are left");
            assert_eq!(part.data.len() as u64, part.end() - 10);
        }
        assert_eq!(read(b"a\xffb\x80"), ("a\u{1a}b\u{1a}".to_owned(), 14));
    }

    #[test]
    fn parts_cut_anywhere_make_the_whole() {
        let text = "第一行\n🦀 second\n第三行";
        let bytes = text.as_bytes();
        for length in 4..bytes.len() {
            let (mut at, mut seen) = (0, String::new());
            while at < bytes.len() {
                let part = FilePart::of(at as u64, &bytes[at..bytes.len().min(at + length)], 0);
                assert!(!part.data.is_empty());
                at = usize::try_from(part.end()).unwrap();
                seen.push_str(&part.data);
            }
            assert_eq!(seen, text, "in parts of {length}");
        }
    }
}
