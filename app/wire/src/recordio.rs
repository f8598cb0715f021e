//! RecordIO, the framing of the v1 event streams and of the agent link.
//!
//! A record is its length in bytes as a decimal number, one newline, and the bytes; nothing stands
//! between records. The boundaries of records have nothing to do with those of HTTP chunks. This
//! module does no I/O: bytes are fed in as they come, and frames are taken out.
//!
//! Source: apache/mesos: 3rdparty/stout/include/stout/recordio.hpp.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Why a stream is no RecordIO; nothing more can be read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Something else than decimal digits and a newline stands where a length belongs.
    #[error(
        "a record begins with its length in decimal digits and a newline, found byte {found:#04x}"
    )]
    Length {
        /// The first byte that does not belong there.
        found: u8,
    },
    /// The announced record is larger than the reader takes.
    #[error("a record of more than {limit} bytes was announced")]
    TooLong {
        /// The largest record that the reader takes.
        limit: usize,
    },
}

/// Frames one record.
///
/// # Examples
///
/// ```
/// assert_eq!(wire::recordio::encode(b"{}"), "2\n{}");
/// ```
pub fn encode(record: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    encode_into(record, &mut frame);
    frame.freeze()
}

/// Appends one framed record to a buffer.
pub fn encode_into(record: &[u8], buffer: &mut BytesMut) {
    let length = record.len().to_string();
    buffer.reserve(length.len() + 1 + record.len());
    buffer.extend_from_slice(length.as_bytes());
    buffer.extend_from_slice(b"\n");
    buffer.extend_from_slice(record);
}

/// Cuts a byte stream into records.
///
/// After [`Malformed`] the decoder gives the same error for ever: there is no way to find the next
/// record's beginning.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    /// Length of the record whose head has been read.
    expected: Option<usize>,
    limit: usize,
    broken: Option<Malformed>,
}

impl Decoder {
    /// A decoder that refuses records of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), expected: None, limit, broken: None }
    }

    /// Takes in the next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Takes out the next record; `None` when more bytes are needed for it.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when what was fed is no RecordIO or announces a record above the limit.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, Malformed> {
        if let Some(malformed) = self.broken {
            return Err(malformed);
        }
        let length = match self.expected {
            Some(length) => length,
            None => match self.head() {
                Ok(Some(length)) => length,
                Ok(None) => return Ok(None),
                Err(malformed) => {
                    self.buffer = BytesMut::new();
                    self.broken = Some(malformed);
                    return Err(malformed);
                }
            },
        };
        if self.buffer.len() < length {
            self.expected = Some(length);
            self.buffer.reserve(length - self.buffer.len());
            return Ok(None);
        }
        self.expected = None;
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Whether the stream may end here: no part of a record is waiting for its rest.
    pub fn is_between_frames(&self) -> bool {
        self.broken.is_none() && self.expected.is_none() && self.buffer.is_empty()
    }

    /// Reads a length and its newline off the buffer, once both are there.
    ///
    /// Whatever can be refused is refused before the newline arrives.
    fn head(&mut self) -> Result<Option<usize>, Malformed> {
        let too_long = Malformed::TooLong { limit: self.limit };
        let mut length: usize = 0;
        for (at, &byte) in self.buffer.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    let digit = usize::from(byte - b'0');
                    length = length
                        .checked_mul(10)
                        .and_then(|length| length.checked_add(digit))
                        .filter(|&length| length <= self.limit)
                        .ok_or(too_long)?;
                    // Leading zeros must not let a head grow without end.
                    if at >= 20 {
                        return Err(Malformed::Length { found: byte });
                    }
                }
                b'\n' if at > 0 => {
                    self.buffer.advance(at + 1);
                    return Ok(Some(length));
                }
                found => return Err(Malformed::Length { found }),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds the pieces one by one, taking out every frame as soon as it is there.
    fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Bytes>, Malformed> {
        let mut decoder = Decoder::new(1_000);
        let mut frames = Vec::new();
        for piece in pieces {
            decoder.feed(piece);
            while let Some(frame) = decoder.next_frame()? {
                frames.push(frame);
            }
        }
        assert!(decoder.is_between_frames());
        Ok(frames)
    }

    #[test]
    fn a_heartbeat_is_framed_as_in_the_documentation() {
        assert_eq!(encode(br#"{"type":"HEARTBEAT"}"#), "20\n{\"type\":\"HEARTBEAT\"}");
    }

    #[test]
    fn a_record_may_be_empty() {
        assert_eq!(frames([b"0\n0\n1\na".as_slice()]), Ok(vec!["".into(), "".into(), "a".into()]));
    }

    #[test]
    fn a_length_that_is_no_number_is_refused() {
        for (head, found) in [("x\n", b'x'), ("-1\n", b'-'), ("\n", b'\n'), ("1 \n", b' ')] {
            let mut decoder = Decoder::new(1_000);
            decoder.feed(head.as_bytes());
            assert_eq!(decoder.next_frame(), Err(Malformed::Length { found }), "head {head:?}");
        }
    }

    #[test]
    fn a_record_above_the_limit_is_refused_before_it_is_buffered() {
        for head in ["1001", "99999999999999999999999999999999"] {
            let mut decoder = Decoder::new(1_000);
            decoder.feed(head.as_bytes());
            assert_eq!(decoder.next_frame(), Err(Malformed::TooLong { limit: 1_000 }));
        }
    }

    #[test]
    fn zeros_without_end_are_refused() {
        let mut decoder = Decoder::new(1_000);
        decoder.feed(&[b'0'; 64]);
        assert_eq!(decoder.next_frame(), Err(Malformed::Length { found: b'0' }));
    }

    #[test]
    fn a_broken_stream_stays_broken() {
        let mut decoder = Decoder::new(1_000);
        decoder.feed(b"?");
        assert_eq!(decoder.next_frame(), Err(Malformed::Length { found: b'?' }));
        decoder.feed(b"1\na");
        assert_eq!(decoder.next_frame(), Err(Malformed::Length { found: b'?' }));
        assert!(!decoder.is_between_frames());
    }

    #[test]
    fn a_stream_cut_within_a_record_is_noticed() {
        let mut decoder = Decoder::new(1_000);
        decoder.feed(b"3\nab");
        assert_eq!(decoder.next_frame(), Ok(None));
        assert!(!decoder.is_between_frames());
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_frames(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            sizes in prop::collection::vec(1_usize..20, 1..20),
        ) {
            let mut stream = BytesMut::new();
            for record in &records {
                encode_into(record, &mut stream);
            }
            let mut pieces = Vec::new();
            let mut rest = stream.as_ref();
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at(rest.len().min(*size));
                pieces.push(piece);
                rest = after;
            }
            let expected: Vec<Bytes> = records.into_iter().map(Bytes::from).collect();
            prop_assert_eq!(frames([stream.as_ref()]), Ok(expected.clone()));
            prop_assert_eq!(frames(pieces), Ok(expected));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic_or_exceed_its_limit(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..200),
        ) {
            let mut decoder = Decoder::new(50);
            decoder.feed(&bytes);
            while let Ok(Some(frame)) = decoder.next_frame() {
                prop_assert!(frame.len() <= 50);
            }
        }
    }
}
