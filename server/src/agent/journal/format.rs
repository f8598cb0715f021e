//! The bytes of a journal file: how records lie in it, and what a reader does with bytes that are no record.
//!
//! A file begins with a head: [`MAGIC`], the length of what was written with the file at once, and a checksum of both. A record has a
//! head of 12 bytes (length and checksum of its body, and a checksum of these two) and its body. All numbers are little endian.
//!
//! Since every head has a checksum of its own, the end of a file that a killed process left can be told from damage. *Torn* is a record
//! that ends with the file, or a tail of zeros that a loss of power left, and only behind what was written, and synced, at once. All else
//! is damage. A torn record was never answered for, so it is cut; a damaged one may be a container that runs, so it is never passed over.
//!
//! Files of the first form have no heads with checksums; they are read as strictly as that allows, and written no more.

use agent_core::Record;

/// Begins every file; as the length of a first record it would be far too large, so the first form cannot look like this.
pub(super) const MAGIC: &[u8; 8] = b"EkidenJ\x02";

/// Magic, length of what was written at once, checksum.
const FILE_HEAD: usize = MAGIC.len() + 8 + 4;

/// Length of a record's body, its checksum, and the checksum of these two.
const HEAD: usize = 12;

/// The same in the first form, without the last.
const FIRST_HEAD: usize = 8;

/// The longest record; a longer one is damage.
const MAX_RECORD: usize = 32 << 20;

/// What a disk writes at once; what a loss of power leaves unwritten reads as zeros from such a boundary on.
const SECTOR: usize = 512;

/// So many zeros at the end are no record's own.
const UNWRITTEN: usize = 64;

/// What a file holds.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    pub(super) records: Vec<Record>,
    /// Where the last whole record ends; what follows is torn.
    pub(super) whole: usize,
}

/// Why a file is refused, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The bytes there have been changed since they were written.
    Damaged { offset: usize },
    /// The record there is whole and means nothing to this program.
    Unknown { offset: usize, reason: String },
}

/// A whole file of these records, to be written and synced at once.
pub(super) fn encode_file(records: &[Record]) -> Vec<u8> {
    let records = encode(records);
    let length = u64::try_from(records.len()).expect("a file fits into 64 bits");
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend_from_slice(&records);
    bytes
}

/// The records as they are added to a file.
pub(super) fn encode(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        let body = record.to_bytes();
        let length = u32::try_from(body.len()).expect("a record is far below 4 GiB");
        let start = bytes.len();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        let check = crc32fast::hash(&bytes[start..]);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes.extend_from_slice(&body);
    }
    bytes
}

/// Whether the file has a whole head of the form that is written now, so that records can be added to it.
pub(super) fn is_of_this_form(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) && bytes.len() >= FILE_HEAD
}

/// Reads a file of either form; an empty one has no records.
pub(super) fn decode(bytes: &[u8]) -> Result<Content, Refusal> {
    if bytes.is_empty() {
        return Ok(Content { records: Vec::new(), whole: 0 });
    }
    if bytes.starts_with(&MAGIC[..4]) || MAGIC.starts_with(bytes) {
        return decode_second_form(bytes);
    }
    decode_first_form(bytes)
}

fn decode_second_form(bytes: &[u8]) -> Result<Content, Refusal> {
    let head = bytes.get(..FILE_HEAD).ok_or(Refusal::Damaged { offset: 0 })?;
    let (facts, check) = head.split_at(FILE_HEAD - 4);
    if !facts.starts_with(MAGIC) || crc32fast::hash(facts) != number(check, 0) {
        return Err(Refusal::Damaged { offset: 0 });
    }
    let synced = facts[MAGIC.len()..].try_into().map_or(0, u64::from_le_bytes);
    let synced = FILE_HEAD.saturating_add(usize::try_from(synced).unwrap_or(usize::MAX));
    let (mut records, mut at) = (Vec::new(), FILE_HEAD);
    while let Some(body) = second_form_record(bytes, at)? {
        records.push(read(body, at)?);
        at += HEAD + body.len();
    }
    if at < synced {
        return Err(Refusal::Damaged { offset: at });
    }
    Ok(Content { records, whole: at })
}

/// The body of the record at `at`; nothing where the file ends or is torn.
fn second_form_record(bytes: &[u8], at: usize) -> Result<Option<&[u8]>, Refusal> {
    let Some(head) = bytes.get(at..at + HEAD) else {
        return Ok(None);
    };
    let is_head = crc32fast::hash(&head[..FIRST_HEAD]) == number(head, FIRST_HEAD);
    let end = at + HEAD + number(head, 0) as usize;
    match bytes.get(at + HEAD..end) {
        None if is_head => Ok(None),
        Some(body) if is_head && crc32fast::hash(body) == number(head, 4) => Ok(Some(body)),
        Some(_) | None if is_unwritten(bytes, at) => Ok(None),
        Some(_) | None => Err(Refusal::Damaged { offset: at }),
    }
}

fn decode_first_form(bytes: &[u8]) -> Result<Content, Refusal> {
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some((body, end)) = first_form_record(bytes, at) {
        records.push(read(body, at)?);
        at = end;
    }
    let is_end = at == bytes.len() || is_unwritten(bytes, at);
    let ends_within = announced_end(bytes, at)
        .is_none_or(|end| end > bytes.len() && end <= at + FIRST_HEAD + MAX_RECORD);
    // A length that was changed makes a record look torn; what follows it then gives it away.
    let goes_on = || (at + 1..bytes.len()).any(|next| first_form_record(bytes, next).is_some());
    if is_end || (ends_within && !goes_on()) {
        Ok(Content { records, whole: at })
    } else {
        Err(Refusal::Damaged { offset: at })
    }
}

fn announced_end(bytes: &[u8], at: usize) -> Option<usize> {
    let head = bytes.get(at..at + FIRST_HEAD)?;
    Some(at + FIRST_HEAD + number(head, 0) as usize)
}

fn first_form_record(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let end = announced_end(bytes, at)?;
    let body = bytes.get(at + FIRST_HEAD..end)?;
    let is_whole = !body.is_empty() && crc32fast::hash(body) == number(bytes, at + 4);
    is_whole.then_some((body, end))
}

fn read(body: &[u8], offset: usize) -> Result<Record, Refusal> {
    Record::from_bytes(body).map_err(|error| Refusal::Unknown { offset, reason: error.to_string() })
}

/// Whether what stands at `at` visibly never reached the disk: the file ends in zeros, from `at` or from a later sector on.
fn is_unwritten(bytes: &[u8], at: usize) -> bool {
    let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let first = (bytes.len() - zeros).max(at);
    let sector = if first == at { at } else { first.next_multiple_of(SECTOR) };
    sector + UNWRITTEN <= bytes.len()
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests;
