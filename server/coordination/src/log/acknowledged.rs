//! How far the log and the vote were acknowledged: a lower bound for what recovery must find.
//!
//! After a group or a vote is durable and before anybody is told, its sequence is written here, without a
//! sync of its own: whenever the number reaches the disk it is true, it may only be late. So a tail that is
//! missing at start is known to be a loss when it was acknowledged, and is not mistaken for a write that was
//! cut off. After a kill of the process the number is exact, after a loss of power it may lie behind.
//!
//! ```text
//! slot  at byte 0 and 512, the first for even groups: group u64 | bytes of a segment u64 | vote u64 | crc u32
//! ```

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::LogError;
use super::format::Seed;
use super::segment::open_or_make;

/// A slot is one sector, so that it is written as a whole or not at all.
const SLOT: usize = 512;
const BODY: usize = 28;

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Acknowledged {
    /// The last group that may have been acknowledged; zero before the first.
    pub(crate) sequence: u64,
    /// The size of the log's segments.
    pub(crate) segment_bytes: u64,
    /// The last vote that may have been acknowledged; zero before the first.
    pub(crate) vote: u64,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct AcknowledgedFile {
    path: PathBuf,
    /// None when a log of an older program was opened on a full disk: it is made at the next start then.
    file: Option<File>,
    seed: Seed,
}

enum Slot {
    Empty,
    Bad,
    Valid(Acknowledged),
}

impl AcknowledgedFile {
    /// Opens the file and reads it; logs of older programs have none, and get one.
    pub(crate) fn open(
        folder: &Path,
        cluster: u64,
    ) -> Result<(Self, Option<Acknowledged>), LogError> {
        let path = folder.join("acknowledged");
        let seed = Seed { cluster, segment: u64::MAX };
        let file = match open_or_make(folder, "acknowledged", 2 * SLOT) {
            Err(error) if error.is_disk_full() => {
                tracing::warn!("{error}: the disk is full, so it is made at the next start");
                return Ok((Self { path, file: None, seed }, None));
            }
            file => file?,
        };
        let mut bytes = [0; 2 * SLOT];
        let damaged =
            |what: &str| LogError::Damaged { path: path.clone(), offset: 0, what: what.to_owned() };
        file.read_exact_at(&mut bytes, 0).map_err(|_| damaged("it is too short"))?;
        let (one, other) = (read_slot(seed, &bytes[..SLOT]), read_slot(seed, &bytes[SLOT..]));
        let found = match (one, other) {
            (Slot::Valid(one), Slot::Valid(other)) => Some(one.max(other)),
            (Slot::Valid(found), Slot::Empty | Slot::Bad)
            | (Slot::Empty | Slot::Bad, Slot::Valid(found)) => Some(found),
            (Slot::Empty, Slot::Empty) => None,
            (Slot::Bad, Slot::Empty | Slot::Bad) | (Slot::Empty, Slot::Bad) => {
                return Err(damaged("neither slot says how far the log was acknowledged"));
            }
        };
        Ok((Self { path, file: Some(file), seed }, found))
    }

    /// Notes what is durable.
    pub(crate) fn note(&self, acknowledged: Acknowledged) -> Result<(), LogError> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut slot = [0; BODY];
        slot[..8].copy_from_slice(&acknowledged.sequence.to_le_bytes());
        slot[8..16].copy_from_slice(&acknowledged.segment_bytes.to_le_bytes());
        slot[16..24].copy_from_slice(&acknowledged.vote.to_le_bytes());
        let crc = self.seed.checksum(&[&slot[..24]]);
        slot[24..].copy_from_slice(&crc.to_le_bytes());
        let offset = if acknowledged.sequence.is_multiple_of(2) { 0 } else { SLOT as u64 };
        file.write_all_at(&slot, offset).map_err(LogError::io("write", &self.path))
    }
}

fn read_slot(seed: Seed, slot: &[u8]) -> Slot {
    if slot.iter().all(|byte| *byte == 0) {
        return Slot::Empty;
    }
    let parsed = slot.split_at_checked(BODY).and_then(|(body, rest)| {
        let sequence = u64::from_le_bytes(*body.first_chunk()?);
        let segment_bytes = u64::from_le_bytes(*body.get(8..)?.first_chunk()?);
        let vote = u64::from_le_bytes(*body.get(16..)?.first_chunk()?);
        let crc = u32::from_le_bytes(*body.get(24..)?.first_chunk()?);
        let is_whole = crc == seed.checksum(&[&body[..24]]) && rest.iter().all(|byte| *byte == 0);
        is_whole.then_some(Acknowledged { sequence, segment_bytes, vote })
    });
    parsed.map_or(Slot::Bad, Slot::Valid)
}
