//! The bytes of a snapshot: a header, then frames with a checksum each, the last of which says that it is.
//!
//! ```text
//! header  24 bytes  "EKDNSNAP" | format u32 | cluster u64 | crc u32
//! frame             payload length u32 | length crc u32 | payload crc u32 | payload
//! payload           kind u8 | postcard: 1 position in the log, 2 pieces of the state, 3 the end and their number
//! ```
//! All numbers are little-endian. Checksums are seeded with the cluster's id and the frame's number, so a
//! frame that is missing, doubled or moved shows. Neither side holds more than one frame in memory.

use std::io::{self, Read, Write};
use std::path::Path;

use openraft::type_config::alias::{LogIdOf, StoredMembershipOf};
use serde::{Deserialize, Serialize};
use zookeeper_core::{Restoring, Stored};

use crate::log::{LogError, Seed};
use crate::raft::{Image, TypeConfig};

/// The newest form of snapshots that this program reads, and the one it writes.
const FORMAT: u32 = 1;
const MAGIC: &[u8; 8] = b"EKDNSNAP";
const HEADER: usize = 24;
const FRAME_HEADER: usize = 12;
/// A frame of pieces is closed when it has reached this size.
const FRAME: usize = 256 << 10;

const POSITION: u8 = 1;
const PIECES: u8 = 2;
const END: u8 = 3;

/// Where in the log the state stands.
#[derive(Serialize, Deserialize)]
struct Position {
    applied: Option<LogIdOf<TypeConfig>>,
    membership: StoredMembershipOf<TypeConfig>,
}

/// Writes frame after frame.
struct Frames<W> {
    out: W,
    cluster: u64,
    number: u64,
}

impl<W: Write> Frames<W> {
    fn put(&mut self, payload: &[u8]) -> io::Result<()> {
        let seed = Seed { cluster: self.cluster, segment: self.number };
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?.to_le_bytes();
        self.out.write_all(&length)?;
        self.out.write_all(&seed.checksum(&[&length]).to_le_bytes())?;
        self.out.write_all(&seed.checksum(&[payload]).to_le_bytes())?;
        self.out.write_all(payload)?;
        self.number += 1;
        Ok(())
    }
}

fn encoded(kind: u8, value: &impl Serialize) -> io::Result<Vec<u8>> {
    postcard::to_extend(value, vec![kind]).map_err(io::Error::other)
}

/// Writes an image. `go_on` is asked before each frame and ends the work with an error.
pub(super) fn write(
    image: &Image,
    cluster: u64,
    mut out: impl Write,
    mut go_on: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend(MAGIC);
    header.extend(FORMAT.to_le_bytes());
    header.extend(cluster.to_le_bytes());
    header.extend(header_checksum(&header).to_le_bytes());
    out.write_all(&header)?;
    let mut frames = Frames { out, cluster, number: 0 };
    let position = Position { applied: image.applied, membership: image.membership.clone() };
    frames.put(&encoded(POSITION, &position)?)?;
    let mut payload = vec![PIECES];
    let mut count: u64 = 0;
    for piece in image.state.pieces() {
        payload = postcard::to_extend(&piece, payload).map_err(io::Error::other)?;
        count += 1;
        if payload.len() >= FRAME {
            go_on()?;
            frames.put(&payload)?;
            payload.truncate(1);
        }
    }
    if payload.len() > 1 {
        frames.put(&payload)?;
    }
    frames.put(&encoded(END, &count)?)?;
    frames.out.flush()
}

/// The header names the cluster itself, so its checksum is not seeded with it.
fn header_checksum(header: &[u8]) -> u32 {
    Seed { cluster: 0, segment: 0 }.checksum(&[header])
}

/// Reads what [`write`] wrote, to the last byte.
pub(super) fn read(path: &Path, cluster: u64, input: impl Read) -> Result<Image, LogError> {
    let mut reading = Reading { path, cluster, input, offset: 0, number: 0 };
    reading.header()?;
    let position: Position = match reading.frame()?.split_first() {
        Some((&POSITION, body)) => reading.decode(body)?,
        _ => return Err(reading.damaged("the position in the log is not at its beginning")),
    };
    let mut restoring = Restoring::default();
    let mut count: u64 = 0;
    loop {
        let payload = reading.frame()?;
        match payload.split_first() {
            Some((&PIECES, mut body)) => {
                while !body.is_empty() {
                    let (piece, rest) = postcard::take_from_bytes::<Stored>(body)
                        .map_err(|error| reading.damaged(format!("a piece: {error}")))?;
                    restoring.take(piece).map_err(|error| reading.damaged(error))?;
                    count += 1;
                    body = rest;
                }
            }
            Some((&END, body)) if reading.decode::<u64>(body)? == count => break,
            _ => return Err(reading.damaged("a frame is of no known kind, or some are missing")),
        }
    }
    reading.end()?;
    let state = restoring.finish().map_err(|error| reading.damaged(error))?;
    Ok(Image { state, applied: position.applied, membership: position.membership })
}

struct Reading<'a, R> {
    path: &'a Path,
    cluster: u64,
    input: R,
    /// Where the frame that is being read begins.
    offset: u64,
    number: u64,
}

impl<R: Read> Reading<'_, R> {
    fn damaged(&self, what: impl std::fmt::Display) -> LogError {
        LogError::Damaged {
            path: self.path.to_owned(),
            offset: self.offset,
            what: what.to_string(),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), LogError> {
        self.input.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("the file ends here"),
            _ => LogError::io("read", self.path)(error),
        })
    }

    fn header(&mut self) -> Result<(), LogError> {
        let mut header = [0; HEADER];
        self.fill(&mut header)?;
        let [magic @ .., f0, f1, f2, f3, c0, c1, c2, c3, c4, c5, c6, c7, s0, s1, s2, s3] = header;
        let is_whole = magic == *MAGIC
            && u32::from_le_bytes([s0, s1, s2, s3]) == header_checksum(&header[..HEADER - 4]);
        if !is_whole {
            return Err(self.damaged("no snapshot begins here"));
        }
        let found = u32::from_le_bytes([f0, f1, f2, f3]);
        if found > FORMAT {
            let path = self.path.to_owned();
            return Err(LogError::NewerFormat { path, offset: 0, found, known: FORMAT });
        }
        if u64::from_le_bytes([c0, c1, c2, c3, c4, c5, c6, c7]) != self.cluster {
            return Err(self.damaged("it belongs to another cluster"));
        }
        self.offset = HEADER as u64;
        Ok(())
    }

    fn frame(&mut self) -> Result<Vec<u8>, LogError> {
        let seed = Seed { cluster: self.cluster, segment: self.number };
        let mut header = [0; FRAME_HEADER];
        self.fill(&mut header)?;
        let [l0, l1, l2, l3, h0, h1, h2, h3, p0, p1, p2, p3] = header;
        let length = [l0, l1, l2, l3];
        if u32::from_le_bytes([h0, h1, h2, h3]) != seed.checksum(&[&length]) {
            return Err(self.damaged("no frame begins here"));
        }
        let mut payload = vec![0; u32::from_le_bytes(length) as usize];
        self.fill(&mut payload)?;
        if u32::from_le_bytes([p0, p1, p2, p3]) != seed.checksum(&[&payload]) {
            return Err(self.damaged("the checksum does not hold"));
        }
        self.number += 1;
        self.offset += (FRAME_HEADER + payload.len()) as u64;
        Ok(payload)
    }

    fn end(&mut self) -> Result<(), LogError> {
        let mut more = [0; 1];
        match self.input.read(&mut more).map_err(LogError::io("read", self.path))? {
            0 => Ok(()),
            _ => Err(self.damaged("bytes follow the end")),
        }
    }

    fn decode<'b, T: Deserialize<'b>>(&self, body: &'b [u8]) -> Result<T, LogError> {
        postcard::from_bytes(body).map_err(|error| self.damaged(format!("a frame: {error}")))
    }
}
