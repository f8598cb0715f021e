//! Identities that the agent mints: of containers and of status updates.
//!
//! The generator is seeded with true randomness by the driver, once per process, and is deterministic from there: equal seeds mint equal
//! identities, so the state machine stays a function of its commands.

use std::fmt::Write as _;

/// A stream of version 4 UUIDs.
#[derive(Debug, Clone)]
pub(crate) struct Uuids {
    state: [u64; 2],
}

impl Uuids {
    pub(crate) fn new(seed: [u64; 2]) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        for (half, state) in bytes.chunks_exact_mut(8).zip(&mut self.state) {
            half.copy_from_slice(&split_mix(state).to_be_bytes());
        }
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        bytes
    }

    /// The next one in its usual text form.
    pub(crate) fn next_text(&mut self) -> String {
        let mut text = String::with_capacity(36);
        for (position, byte) in self.next().into_iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            write!(text, "{byte:02x}").expect("a string takes every character");
        }
        text
    }
}

/// Source: Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (SplitMix64).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Uuids;

    #[test]
    fn uuids_are_of_version_four_and_differ() {
        let mut uuids = Uuids::new([7, 9]);
        let text = uuids.next_text();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        let many: BTreeSet<_> = (0..10_000).map(|_| uuids.next()).collect();
        assert_eq!(many.len(), 10_000);
    }

    #[test]
    fn equal_seeds_mint_equal_uuids() {
        assert_eq!(Uuids::new([1, 2]).next(), Uuids::new([1, 2]).next());
        assert_ne!(Uuids::new([1, 2]).next(), Uuids::new([1, 3]).next());
    }
}
