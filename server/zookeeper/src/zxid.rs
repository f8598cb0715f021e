//! The number of a change: the raft term in the high half, a counter within the term in the low half.
//!
//! Zxids grow strictly along the log and are equal on every node, since each one is derived from the terms
//! of the entries applied so far.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Position of one applied entry; later entries have higher ones.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Zxid(u64);

impl Zxid {
    /// The number itself, as clients and `Epoch` carry it.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The raft term that the number was given in.
    pub const fn term(self) -> u64 {
        self.0 >> 32
    }

    /// How many entries of the term were applied up to this one.
    pub const fn counter(self) -> u64 {
        self.0 & u32::MAX as u64
    }

    /// The number of the next entry, when that entry was proposed in `term`.
    ///
    /// A higher term starts its counter anew; a counter that is used up moves on to the next high half,
    /// where a later, lower term then continues.
    #[must_use]
    pub const fn next(self, term: u64) -> Self {
        if term > self.term() { Self(term << 32 | 1) } else { Self(self.0 + 1) }
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_term_starts_its_counter_at_one() {
        let first = Zxid::default().next(3);
        assert_eq!((first.term(), first.counter()), (3, 1));
        assert_eq!(first.next(3).counter(), 2);
        assert_eq!(first.next(7).to_string(), "0x700000001");
    }

    #[test]
    fn a_full_counter_goes_on_without_going_back() {
        let last = Zxid(5 << 32 | u64::from(u32::MAX));
        assert!(last.next(5) > last);
        assert!(last.next(5).next(6) > last.next(5));
    }
}
