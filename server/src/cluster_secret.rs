//! The secret that the machines of one cluster share, and how both ends of a connection prove that they know it.
//!
//! Each side sends a nonce and answers the other's with an HMAC over both, so the secret itself never travels, and a proof of
//! one connection or of one side is worth nothing in another. This proves who opened a connection; it does not encrypt what follows.

mod hmac;

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq as _;

/// Bytes of a secret, as they lie in its file.
const SECRET_BYTES: usize = 32;
/// Bytes of a proof.
pub(crate) const PROOF_BYTES: usize = 32;
const NONCE_BYTES: usize = 16;

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The file cannot be read or made.
    #[error("cannot {action} the cluster secret `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Other accounts may read it.
    #[error(
        "the cluster secret `{path}` may be read by other accounts (mode {mode:03o}); run `chmod 600 {path}`"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is no secret.
    #[error("the cluster secret `{path}` has {bytes} bytes, {SECRET_BYTES} random ones are wanted")]
    Length {
        /// The file.
        path: PathBuf,
        /// How many it has.
        bytes: u64,
    },
}

/// Which end of a connection proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The agent that connects.
    Agent,
    /// The master that accepts.
    Master,
}

/// Both ends' random numbers of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nonces {
    /// The agent's.
    pub(crate) agent: Nonce,
    /// The master's.
    pub(crate) master: Nonce,
}

/// A random number that is used for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nonce([u8; NONCE_BYTES]);

impl Nonce {
    /// A fresh one.
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    /// Reads one from a header.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// That a side knows the secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof(pub(crate) [u8; PROOF_BYTES]);

impl Proof {
    /// Reads one from a header.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// The secret; it never shows in logs.
pub(crate) struct ClusterSecret([u8; SECRET_BYTES]);

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(…)")
    }
}

impl ClusterSecret {
    /// Reads the secret of `path`, which only its owner may read.
    ///
    /// # Errors
    /// When there is none, when others may read it, or when it has another length.
    pub(crate) fn read(path: &Path) -> Result<Self, SecretError> {
        let failed = |source| SecretError::Io { action: "read", path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::Exposed { path: path.to_owned(), mode });
        }
        if metadata.len() != SECRET_BYTES as u64 {
            return Err(SecretError::Length { path: path.to_owned(), bytes: metadata.len() });
        }
        let mut secret = [0; SECRET_BYTES];
        file.read_exact(&mut secret).map_err(failed)?;
        Ok(Self(secret))
    }

    /// Reads the secret of `path`, or makes one there; the folder must exist.
    ///
    /// # Errors
    /// As [`Self::read`], and when it cannot be made.
    pub(crate) fn read_or_make(path: &Path) -> Result<Self, SecretError> {
        if !path.exists() {
            make(path).map_err(|source| SecretError::Io {
                action: "make",
                path: path.to_owned(),
                source,
            })?;
        }
        Self::read(path)
    }

    /// What `side` sends to prove that it knows the secret.
    pub(crate) fn prove(&self, side: Side, nonces: Nonces) -> Proof {
        let side: &[u8] = match side {
            Side::Agent => b"ekiden-agent-link/1 agent",
            Side::Master => b"ekiden-agent-link/1 master",
        };
        Proof(hmac::sha256(&self.0, &[side, &nonces.agent.0, &nonces.master.0]))
    }

    /// Whether `proof` is what `side` must send; takes the same time whatever is wrong with it.
    pub(crate) fn accepts(&self, side: Side, nonces: Nonces, proof: Proof) -> bool {
        self.prove(side, nonces).0.ct_eq(&proof.0).into()
    }
}

/// Written whole under another name first: a file that is there is complete.
fn make(path: &Path) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let secret: [u8; SECRET_BYTES] = rand::random();
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonces() -> Nonces {
        Nonces { agent: Nonce([1; 16]), master: Nonce([2; 16]) }
    }

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster_secret");
        let made = ClusterSecret::read_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ClusterSecret::read_or_make(&path).unwrap().0, made.0);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = ClusterSecret::read(&path).unwrap_err().to_string();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_file_of_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "password").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = ClusterSecret::read(&path).unwrap_err().to_string();
        assert!(error.contains("has 8 bytes"), "{error}");
    }

    #[test]
    fn a_proof_counts_for_one_side_of_one_connection_alone() {
        let secret = ClusterSecret([7; 32]);
        let proof = secret.prove(Side::Agent, nonces());
        assert!(secret.accepts(Side::Agent, nonces(), proof));
        assert!(!secret.accepts(Side::Master, nonces(), proof));
        let other = Nonces { master: Nonce([3; 16]), ..nonces() };
        assert!(!secret.accepts(Side::Agent, other, proof));
        assert!(!ClusterSecret([8; 32]).accepts(Side::Agent, nonces(), proof));
    }

    #[test]
    fn headers_carry_hexadecimal_digits() {
        let proof = ClusterSecret([7; 32]).prove(Side::Master, nonces());
        assert_eq!(Proof::from_hex(&proof.to_string()).unwrap().0, proof.0);
        let nonce = Nonce::random();
        assert_eq!(Nonce::from_hex(&nonce.to_string()), Some(nonce));
        for bad in
            ["", "00", "zz000000000000000000000000000000", "+1000000000000000000000000000000"]
        {
            assert_eq!(Nonce::from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", ClusterSecret([7; 32])), "ClusterSecret(…)");
    }
}
