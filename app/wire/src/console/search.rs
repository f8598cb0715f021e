//! Finds a text in a file of any size, in pieces of bounded memory.
//!
//! What is compared is what a reader sees of a line: escape sequences and control characters are passed over, letters of ASCII match in
//! either case, everything else byte for byte. No match reaches over the end of a line. What a carriage return has overwritten is found,
//! though no reader sees it.

use std::collections::VecDeque;
use std::ops::Range;

use super::escapes::{Escapes, MAX_ESCAPE, Role};
use super::files::{Found, SUBSTITUTE};

/// The most bytes that a text to search for has.
pub const MAX_TEXT: usize = 512;
/// So much is read at a time.
pub const PIECE: u64 = 1 << 20;
/// Read before each piece: a sequence that began there has ended when the piece begins.
const LEAD: u64 = MAX_ESCAPE as u64;
/// Read behind each piece: a match that begins in it may end there, its sequences included.
const TAIL: u64 = 32 << 10;

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// It has no characters.
    #[error("there is nothing to search for")]
    Empty,
    /// It is too long.
    #[error("the text to search for has more than {MAX_TEXT} bytes")]
    Long,
    /// It has characters that no line shows.
    #[error("the text to search for has control characters, which no line shows")]
    Control,
}

/// A text to search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// Its bytes, letters of ASCII in lower case.
    bytes: Vec<u8>,
    /// For each number of bytes that match: how many of them begin a match as well when the next one does not fit.
    borders: Vec<usize>,
}

impl Needle {
    /// The text as it is searched for.
    pub fn of(text: &str) -> Result<Self, BadText> {
        if text.is_empty() {
            return Err(BadText::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(BadText::Long);
        }
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(BadText::Control);
        }
        let bytes = text.to_ascii_lowercase().into_bytes();
        let borders = borders(&bytes);
        Ok(Self { bytes, borders })
    }

    /// Where in `window` the first match begins that begins in `starts`; the last one when going back.
    fn find(&self, window: &[u8], starts: &Range<usize>, is_back: bool) -> Option<usize> {
        let mut found = None;
        let mut escapes = Escapes::default();
        // Where each byte of a begun match stands.
        let mut begun: VecDeque<usize> = VecDeque::with_capacity(self.bytes.len());
        let (mut at, first) = (0, self.bytes[0]);
        while at < window.len() {
            if begun.is_empty() {
                if at >= starts.end {
                    break;
                }
                if !escapes.is_within() {
                    at += until_worth(&window[at..], first);
                }
            } else if begun[0] >= starts.end {
                break;
            }
            let Some(byte) = window.get(at) else { break };
            match shown(&mut escapes, *byte, window.get(at + 1)) {
                Shown::Text(byte) => {
                    self.advance(&mut begun, byte, at);
                    if begun.len() == self.bytes.len() {
                        let start = begun[0];
                        if starts.contains(&start) {
                            found = Some(start);
                            if !is_back {
                                return found;
                            }
                        }
                        self.fall_back(&mut begun);
                    }
                }
                Shown::Nothing => {}
                Shown::Pair => at += 1,
                Shown::Break => begun.clear(),
            }
            at += 1;
        }
        found
    }

    /// Adds a byte to the match that has begun, or to the longest end of it that the byte continues.
    fn advance(&self, begun: &mut VecDeque<usize>, byte: u8, at: usize) {
        while self.bytes[begun.len()] != byte {
            if begun.is_empty() {
                return;
            }
            self.fall_back(begun);
        }
        begun.push_back(at);
    }

    fn fall_back(&self, begun: &mut VecDeque<usize>) {
        let kept = self.borders[begun.len() - 1];
        begun.drain(..begun.len() - kept);
    }
}

/// For each beginning of the text: the length of the longest shorter one that it ends with (Knuth, Morris and Pratt's table).
fn borders(bytes: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; bytes.len()];
    let mut length: usize = 0;
    for at in 1..bytes.len() {
        while length > 0 && bytes[at] != bytes[length] {
            length = borders[length - 1];
        }
        length += usize::from(bytes[at] == bytes[length]);
        borders[at] = length;
    }
    borders
}

/// How many bytes neither begin a match nor a sequence.
fn until_worth(window: &[u8], first: u8) -> usize {
    let upper = first.to_ascii_uppercase();
    let is_worth = |byte: &u8| *byte == first || *byte == upper || *byte == 0x1b;
    window.iter().position(is_worth).unwrap_or(window.len())
}

/// What a reader sees of a byte.
enum Shown {
    /// The byte, a letter of ASCII in lower case.
    Text(u8),
    /// Nothing: what is beside it stands together.
    Nothing,
    /// Nothing of this byte and the next one.
    Pair,
    /// The line's end, or what stands for something else.
    Break,
}

fn shown(escapes: &mut Escapes, byte: u8, next: Option<&u8>) -> Shown {
    if escapes.step(byte) != Role::Text {
        return Shown::Nothing;
    }
    match byte {
        // Behind a return the line is written anew.
        b'\n' | b'\r' => Shown::Break,
        b'\t' | 0x20..=0x7e => Shown::Text(byte.to_ascii_lowercase()),
        byte if byte == SUBSTITUTE as u8 => Shown::Break,
        0..=0x7f => Shown::Nothing,
        // The other control characters, U+0080 to U+009F.
        0xc2 if next.is_some_and(|next| (0x80..=0x9f).contains(next)) => Shown::Pair,
        byte => Shown::Text(byte),
    }
}

/// A search through a file, from an offset to one of its ends.
#[derive(Debug, Clone)]
pub struct Search {
    /// What is searched for.
    pub needle: Needle,
    /// Matches that begin here or behind; in front of it when going back.
    pub offset: u64,
    /// Towards the file's beginning.
    pub is_back: bool,
}

impl Search {
    /// Searches piece by piece in a file of `size` bytes.
    ///
    /// `read` fills a buffer from an offset as far as the file goes and says how far that was. `may_go_on` is asked after each piece,
    /// with the number of bytes searched, whether there is time for one more.
    pub fn run<E>(
        &self,
        size: u64,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<usize, E>,
        may_go_on: impl FnMut(u64) -> bool,
    ) -> Result<Found, E> {
        self.in_pieces(PIECE, size, &mut read, may_go_on)
    }

    fn in_pieces<E>(
        &self,
        length: u64,
        size: u64,
        read: &mut impl FnMut(u64, &mut [u8]) -> Result<usize, E>,
        mut may_go_on: impl FnMut(u64) -> bool,
    ) -> Result<Found, E> {
        let nothing = Found { size, ..Found::default() };
        let (mut at, mut searched) = (self.offset.min(size), 0);
        let mut buffer = Vec::new();
        loop {
            let piece = if self.is_back {
                at.saturating_sub(length)..at
            } else {
                at..at.saturating_add(length).min(size)
            };
            if piece.is_empty() {
                return Ok(nothing);
            }
            let begin = piece.start.saturating_sub(LEAD);
            let end = piece.end.saturating_add(TAIL).min(size);
            buffer.resize(index(begin, end), 0);
            let had = read(begin, &mut buffer)?;
            let starts = index(begin, piece.start)..index(begin, piece.end);
            let window = &buffer[..had.min(buffer.len())];
            if let Some(start) = self.needle.find(window, &starts, self.is_back) {
                return Ok(Found { found: Some(begin + start as u64), ..nothing });
            }
            if !self.is_back && had < starts.end {
                // It was cut off meanwhile: this is its end.
                return Ok(Found { size: begin + had as u64, ..nothing });
            }
            searched += piece.end - piece.start;
            at = if self.is_back { piece.start } else { piece.end };
            let is_done = if self.is_back { at == 0 } else { at >= size };
            if !is_done && !may_go_on(searched) {
                return Ok(Found { next: Some(at), ..nothing });
            }
        }
    }
}

/// Where `at` stands in a buffer that begins at `begin`; buffers are far smaller than the memory.
fn index(begin: u64, at: u64) -> usize {
    usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
