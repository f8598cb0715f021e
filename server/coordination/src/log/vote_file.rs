//! The file of the vote: two slots, the older one overwritten and synced for each new vote.
//!
//! A vote counts from the moment its slot is durable; the other slot still holds the vote before it, so a
//! write that tears loses nothing that was acknowledged.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use openraft::type_config::alias::VoteOf;

use super::format::Seed;
use super::segment::open_or_make;
use super::{Disk, LogError};
use crate::raft::TypeConfig;

const SLOT: usize = 4096;
/// Sequence u64, length u32, crc u32.
const HEADER: usize = 16;

/// The open file and which slot is next.
#[derive(Debug)]
pub(crate) struct VoteFile {
    path: PathBuf,
    file: File,
    seed: Seed,
    sequence: u64,
}

#[derive(Debug, PartialEq)]
enum Slot {
    Empty,
    Bad,
    Valid { sequence: u64, vote: VoteOf<TypeConfig> },
}

impl VoteFile {
    /// Opens the file, or makes it, and reads the newest vote.
    ///
    /// With entries of a leader in the log there must have been a vote, so `may_lack_vote` decides whether a file without
    /// any is an honest beginning or a loss. So does `acknowledged`, the last vote that somebody was told of.
    pub(crate) fn open(
        folder: &Path,
        cluster: u64,
        may_lack_vote: bool,
        acknowledged: u64,
    ) -> Result<(Self, Option<VoteOf<TypeConfig>>), LogError> {
        let path = folder.join("vote");
        let file = open_or_make(folder, "vote", 2 * SLOT)?;
        let mut bytes = vec![0; 2 * SLOT];
        file.read_exact_at(&mut bytes, 0)
            .map_err(|_| damaged(path.clone(), "it is shorter than two slots"))?;
        let seed = Seed { cluster, segment: 0 };
        let (first, second) = (read_slot(seed, &bytes[..SLOT]), read_slot(seed, &bytes[SLOT..]));
        let newest = match (first, second) {
            (Slot::Valid { sequence: a, vote: one }, Slot::Valid { sequence: b, vote: other }) => {
                Some(if a > b { (a, one) } else { (b, other) })
            }
            (Slot::Valid { sequence, vote }, Slot::Empty | Slot::Bad)
            | (Slot::Empty | Slot::Bad, Slot::Valid { sequence, vote }) => Some((sequence, vote)),
            (Slot::Bad, Slot::Bad) => return Err(damaged(path, "neither slot holds a vote")),
            (Slot::Empty | Slot::Bad, Slot::Empty | Slot::Bad) if may_lack_vote => None,
            (Slot::Empty | Slot::Bad, Slot::Empty | Slot::Bad) => {
                return Err(damaged(path, "there is no vote, but the log has entries of a leader"));
            }
        };
        let found = newest.as_ref().map_or(0, |(sequence, _)| *sequence);
        if found < acknowledged {
            let what = format!("vote {acknowledged} was acknowledged, the newest here is {found}");
            return Err(damaged(path, what));
        }
        let (sequence, vote) = newest.map_or((0, None), |(sequence, vote)| (sequence, Some(vote)));
        Ok((Self { path, file, seed, sequence }, vote))
    }

    /// The number of the newest vote.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Writes a vote into the older slot and makes it durable.
    pub(crate) fn save(
        &mut self,
        disk: &mut impl Disk,
        vote: &VoteOf<TypeConfig>,
    ) -> Result<(), LogError> {
        self.sequence += 1;
        let body = postcard::to_stdvec(vote).map_err(|error| damaged(self.path.clone(), error))?;
        let mut slot = Vec::with_capacity(SLOT);
        slot.extend(self.sequence.to_le_bytes());
        slot.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        let crc = self.seed.checksum(&[&slot, &body]);
        slot.extend(crc.to_le_bytes());
        slot.extend(body);
        if slot.len() > SLOT {
            return Err(damaged(self.path.clone(), "a vote does not fit its slot"));
        }
        slot.resize(SLOT, 0);
        let offset = if self.sequence % 2 == 1 { 0 } else { SLOT as u64 };
        self.file.write_all_at(&slot, offset).map_err(LogError::io("write", &self.path))?;
        disk.sync(&self.file).map_err(LogError::sync(&self.path))
    }
}

fn damaged(path: PathBuf, what: impl std::fmt::Display) -> LogError {
    LogError::Damaged { path, offset: 0, what: what.to_string() }
}

fn read_slot(seed: Seed, slot: &[u8]) -> Slot {
    if slot.iter().all(|byte| *byte == 0) {
        return Slot::Empty;
    }
    parse_slot(seed, slot).unwrap_or(Slot::Bad)
}

fn parse_slot(seed: Seed, slot: &[u8]) -> Option<Slot> {
    let sequence = u64::from_le_bytes(*slot.first_chunk()?);
    let length = u32::from_le_bytes(*slot.get(8..)?.first_chunk()?) as usize;
    let crc = u32::from_le_bytes(*slot.get(12..)?.first_chunk()?);
    let body = slot.get(HEADER..)?.get(..length)?;
    if seed.checksum(&[&slot[..12], body]) != crc {
        return None;
    }
    Some(Slot::Valid { sequence, vote: postcard::from_bytes(body).ok()? })
}
