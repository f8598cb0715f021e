//! HMAC with SHA-256 for keys of at most one block.
//!
//! Source: RFC 2104; the test vectors are those of RFC 4231.

use sha2::{Digest as _, Sha256};

const BLOCK: usize = 64;

/// The code of `parts`, one after the other, under `key`.
pub(super) fn sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let mut inner = Sha256::new();
    inner.update(pad(0x36));
    parts.iter().for_each(|part| inner.update(part));
    let mut outer = Sha256::new();
    outer.update(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: [u8; 32]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Short keys are filled with zeros, so a vector's key may be given in the first bytes.
    fn key(bytes: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        key[..bytes.len()].copy_from_slice(bytes);
        key
    }

    #[test]
    fn the_published_vectors_come_out() {
        assert_eq!(
            hex(sha256(&key(&[0x0b; 20]), &[b"Hi ", b"There"])),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hex(sha256(&key(b"Jefe"), &[b"what do ya want for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(sha256(&key(&[0xaa; 20]), &[&[0xdd; 50]])),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        );
    }
}
