//! Randomness of the core: one seeded generator, so that equal seeds give equal runs.
//!
//! The driver passes a seed of real randomness; nothing here reads the machine.

use std::fmt;

use model::Timestamp;

/// Offset between the start of the Gregorian calendar (type-1 uuids) and 1970, in 100 ns.
const GREGORIAN_OFFSET: u64 = 0x01b2_1dd2_1381_4000;

/// A seeded generator of numbers and uuids (SplitMix64).
#[derive(Clone)]
pub struct Entropy {
    state: u64,
    node: u64,
}

impl Entropy {
    /// Starts from 128 random bits: half of them feed the numbers, half name this node in uuids.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each half of the seed is taken on its own"
    )]
    pub fn new(seed: u128) -> Self {
        // The multicast bit marks a node number that is no hardware address (RFC 9562 §6.10).
        Self {
            state: seed as u64,
            node: ((seed >> 64) as u64 & 0xffff_ffff_ffff) | 0x0100_0000_0000,
        }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }

    /// A random uuid (type 4), as deployments have.
    pub fn random_uuid(&mut self) -> String {
        let (high, low) = (self.next_u64(), self.next_u64());
        uuid_text((high & !0xf000) | 0x4000, (low & (u64::MAX >> 2)) | (1 << 63))
    }

    /// A time-based uuid (type 1), as instances have: tools sort tasks by id to see their order of start.
    ///
    /// Uniqueness: 14 random bits and the low bits of the 100 ns count are drawn anew for every id.
    pub fn time_uuid(&mut self, wall: Timestamp) -> String {
        let random = self.next_u64();
        let ticks = u64::try_from(wall.as_millis())
            .unwrap_or(0)
            .wrapping_mul(10_000)
            .wrapping_add(random % 10_000)
            .wrapping_add(GREGORIAN_OFFSET);
        let (low, mid, high) =
            (ticks & 0xffff_ffff, (ticks >> 32) & 0xffff, (ticks >> 48) & 0x0fff);
        let sequence = (random >> 32) & 0x3fff;
        uuid_text(
            (low << 32) | (mid << 16) | 0x1000 | high,
            (1 << 63) | (sequence << 48) | self.node,
        )
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(…)")
    }
}

fn uuid_text(high: u64, low: u64) -> String {
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_uuid_carries_its_time_and_type() {
        let mut entropy = Entropy::new(7);
        // 2023-11-27T08:15:02.417Z, the time inside 3f6a2c10-8d1e-11ee… of the reference is close to it.
        let uuid = entropy.time_uuid(Timestamp::parse("2023-11-27T08:15:02.417Z").unwrap());
        let parts: Vec<_> = uuid.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(&parts[2][..1], "1", "type 1: {uuid}");
        assert_eq!(&parts[2][1..], "1ee", "the months are in the high field: {uuid}");
        assert!("89ab".contains(&parts[3][..1]), "variant: {uuid}");
    }

    #[test]
    fn uuids_differ_within_one_millisecond() {
        let mut entropy = Entropy::new(1);
        let wall = Timestamp::from_millis(1_700_000_000_000);
        let all: std::collections::BTreeSet<_> =
            (0..1_000).map(|_| entropy.time_uuid(wall)).collect();
        assert_eq!(all.len(), 1_000);
        assert_eq!(&entropy.random_uuid()[14..15], "4");
    }

    #[test]
    fn equal_seeds_give_equal_ids() {
        let wall = Timestamp::from_millis(5);
        assert_eq!(Entropy::new(9).time_uuid(wall), Entropy::new(9).time_uuid(wall));
        assert_ne!(Entropy::new(9).random_uuid(), Entropy::new(10).random_uuid());
    }
}
