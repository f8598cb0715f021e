//! How groups lie in a segment: a header, items, an end mark, zeros up to the next multiple of eight.
//!
//! ```text
//! header  24 bytes  payload length u32 | format u32 | sequence u64 | header crc u32 | payload crc u32
//! payload           items: kind u8 | length u32 | bytes
//! end      1 byte   0xE7
//! ```
//! All numbers are little-endian. Both checksums are CRC-32 (IEEE) seeded with the cluster's id and the
//! segment's number, so bytes of another cluster or of a recycled file never parse. The sequence grows by
//! one from group to group over all segments, so a lost group shows. A length of zero means that no group
//! was written here yet: segments are filled with zeros when they are made.

use openraft::type_config::alias::{EntryOf, LogIdOf};
use serde::{Deserialize, Serialize};

use crate::raft::TypeConfig;

/// The newest layout of groups that this program reads, and the one it writes.
pub(crate) const FORMAT: u32 = 1;
/// Bytes before a group's payload.
pub(crate) const HEADER: usize = 24;
/// The byte after a group's payload. Not zero, so a group whose end never reached the disk shows.
pub(crate) const END: u8 = 0xe7;
/// Groups begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;
/// No payload is longer; a batch of entries stays far below it.
pub(crate) const MAX_PAYLOAD: usize = 32 << 20;

/// One thing the log remembers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// Entries appended by one call.
    Entries(Vec<EntryOf<TypeConfig>>),
    /// Everything after this entry is gone.
    Truncate(Option<LogIdOf<TypeConfig>>),
    /// Everything up to this entry is in a snapshot.
    Purge(LogIdOf<TypeConfig>),
    /// Everything up to this entry is committed.
    Committed(Option<LogIdOf<TypeConfig>>),
}

/// What a valid header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload: usize,
    pub(crate) format: u32,
    pub(crate) sequence: u64,
    payload_crc: u32,
}

impl Header {
    /// Bytes from the beginning of the group to the beginning of the next.
    pub(crate) fn group_bytes(&self) -> usize {
        group_bytes(self.payload)
    }
}

fn group_bytes(payload: usize) -> usize {
    (HEADER + payload + 1).next_multiple_of(ALIGNMENT)
}

/// What both checksums of a segment begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) cluster: u64,
    pub(crate) segment: u64,
}

impl Seed {
    pub(crate) fn checksum(self, parts: &[&[u8]]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.cluster.to_le_bytes());
        hasher.update(&self.segment.to_le_bytes());
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

/// Appends one item to a payload.
pub(crate) fn encode_item(item: &Item, payload: &mut Vec<u8>) -> Result<(), postcard::Error> {
    match item {
        Item::Entries(entries) => encode(1, entries, payload),
        Item::Truncate(after) => encode(2, after, payload),
        Item::Purge(upto) => encode(3, upto, payload),
        Item::Committed(committed) => encode(4, committed, payload),
    }
}

fn encode(kind: u8, value: &impl Serialize, payload: &mut Vec<u8>) -> Result<(), postcard::Error> {
    payload.push(kind);
    let at = payload.len();
    payload.extend([0; 4]);
    let taken = std::mem::take(payload);
    *payload = postcard::to_extend(value, taken)?;
    let length =
        u32::try_from(payload.len() - at - 4).map_err(|_| postcard::Error::SerializeBufferFull)?;
    payload[at..at + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// The items of a payload, or what is wrong with it.
pub(crate) fn decode_items(mut payload: &[u8]) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    while let [kind, a, b, c, d, rest @ ..] = payload {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let (bytes, rest) =
            rest.split_at_checked(length).ok_or("an item is longer than its group")?;
        items.push(match kind {
            1 => Item::Entries(decode(bytes)?),
            2 => Item::Truncate(decode(bytes)?),
            3 => Item::Purge(decode(bytes)?),
            4 => Item::Committed(decode(bytes)?),
            other => return Err(format!("an item has the unknown kind {other}")),
        });
        payload = rest;
    }
    if payload.is_empty() { Ok(items) } else { Err("a group ends inside an item".to_owned()) }
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|error| format!("an item does not parse: {error}"))
}

/// Puts header, end mark and padding around a payload.
pub(crate) fn frame(seed: Seed, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut group = Vec::with_capacity(group_bytes(payload.len()));
    let length = u32::try_from(payload.len()).expect("a group is split before it reaches 4 GiB");
    group.extend(length.to_le_bytes());
    group.extend(FORMAT.to_le_bytes());
    group.extend(sequence.to_le_bytes());
    let payload_crc = seed.checksum(&[&group[..16], payload]);
    let header_crc = seed.checksum(&[&group[..16], &payload_crc.to_le_bytes()]);
    group.extend(header_crc.to_le_bytes());
    group.extend(payload_crc.to_le_bytes());
    group.extend(payload);
    group.push(END);
    group.resize(group_bytes(payload.len()), 0);
    group
}

/// The header at the beginning of `bytes`, when its checksum holds.
pub(crate) fn header(seed: Seed, bytes: &[u8]) -> Option<Header> {
    let bytes: &[u8; HEADER] = bytes.first_chunk()?;
    let [l0, l1, l2, l3, f0, f1, f2, f3, sequence @ .., c0, c1, c2, c3, p0, p1, p2, p3] = bytes;
    let payload_crc = [*p0, *p1, *p2, *p3];
    let expected = seed.checksum(&[&bytes[..16], &payload_crc]);
    let payload = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
    let is_valid = u32::from_le_bytes([*c0, *c1, *c2, *c3]) == expected
        && (1..=MAX_PAYLOAD).contains(&payload);
    is_valid.then_some(Header {
        payload,
        format: u32::from_le_bytes([*f0, *f1, *f2, *f3]),
        sequence: u64::from_le_bytes(*sequence),
        payload_crc: u32::from_le_bytes(payload_crc),
    })
}

/// The payload of the group that begins `bytes` with `header`, when its checksum and end mark hold.
pub(crate) fn payload(seed: Seed, header: Header, bytes: &[u8]) -> Option<&[u8]> {
    let payload = bytes.get(HEADER..HEADER + header.payload)?;
    let is_valid = bytes.get(HEADER + header.payload) == Some(&END)
        && seed.checksum(&[&bytes[..16], payload]) == header.payload_crc;
    is_valid.then_some(payload)
}
