//! A process told apart from every other that had or will have its number.

use std::fs;
use std::io::{self, ErrorKind};

use crate::pairs::{Malformed, Pairs};

/// A process of this machine: its number alone is given away again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its number.
    pub pid: u32,
    /// When it was started, in clock ticks since the boot.
    pub start: u64,
    /// The boot that it belongs to.
    pub boot: String,
}

/// What the system says about a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// One letter, `Z` for a process that has ended and was not waited for.
    pub state: char,
    /// The process that has to wait for it.
    pub parent: u32,
    /// Its session.
    pub session: u32,
    /// When it was started, in clock ticks since the boot.
    pub start: u64,
}

/// Names this boot of the machine; empty where the system does not say.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

impl Status {
    /// Reads it; none where there is no such process.
    ///
    /// # Errors
    /// When the system does not answer.
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        let gone = |error: &io::Error| {
            error.kind() == ErrorKind::NotFound
                || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
        };
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(text) => Self::parse(&text)
                .map(Some)
                .ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat makes no sense"))),
            Err(error) if gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Source: proc(5); the name in parentheses may hold anything, parentheses included.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
        })
    }

    /// Whether it has ended, waited for or not.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

impl Identity {
    /// The identity of a process that exists.
    ///
    /// # Errors
    /// When the system does not answer, or there is no such process.
    pub fn of(pid: u32) -> io::Result<Self> {
        let status = Status::of(pid)?
            .ok_or_else(|| io::Error::new(ErrorKind::NotFound, format!("no process {pid}")))?;
        Ok(Self { pid, start: status.start, boot: boot_id() })
    }

    /// Whether the process still runs. One whose state cannot be read counts as running.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        if self.boot != boot_id() {
            return false;
        }
        match Status::of(self.pid) {
            Ok(Some(status)) => status.start == self.start && !status.has_ended(),
            Ok(None) => false,
            Err(_unreadable) => true,
        }
    }

    /// The bytes for a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut pairs = Pairs::default();
        pairs.push("pid", self.pid);
        pairs.push("start", self.start);
        pairs.push("boot", &self.boot);
        pairs.to_bytes()
    }

    /// Reads what [`Identity::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let pairs = Pairs::from_bytes(bytes)?;
        Ok(Self {
            pid: pairs.number("pid")?,
            start: pairs.number("start")?,
            boot: pairs.need("boot")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read() {
        let text = "77 (a) b (c) S 5 77 66 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        let wanted = Status { state: 'S', parent: 5, session: 66, start: 4_242 };
        assert_eq!(Status::parse(text), Some(wanted));
    }

    #[test]
    fn a_process_is_not_the_next_one_of_its_number() {
        let own = Identity::of(std::process::id()).unwrap();
        assert!(own.is_alive());
        assert!(!Identity { start: own.start + 1, ..own.clone() }.is_alive());
        assert_eq!(Identity::from_bytes(&own.to_bytes()), Ok(own.clone()));
        assert!(!Identity { boot: "another".to_owned(), ..own }.is_alive());
    }

    /// Agents and executors of other versions read it: a changed claim would let two of them start one task.
    #[test]
    fn an_identity_is_written_in_these_bytes() {
        let identity = Identity { pid: 70, start: 4_242, boot: "b-1".to_owned() };
        let bytes = b"pid\x0070\0start\x004242\0boot\0b-1\0";
        assert_eq!(identity.to_bytes(), bytes);
        let more = [bytes.as_slice(), b"mood\0good\0"].concat();
        assert_eq!(Identity::from_bytes(&more), Ok(identity));
    }

    #[test]
    fn a_torn_identity_is_refused() {
        let whole = Identity { pid: 1, start: 2, boot: "b".to_owned() }.to_bytes();
        assert!(Identity::from_bytes(&whole[..whole.len() - 1]).is_err());
        assert!(Identity::from_bytes(b"").is_err());
        assert!(Identity::from_bytes(b"pid\0x\0start\x002\0boot\0\0").is_err());
    }
}
