//! How a task ended, as the executor leaves it for the agent.

use crate::pairs::{Malformed, Pairs};

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What became of its first process.
    pub how: How,
    /// It needed more memory than its limit.
    pub out_of_memory: Option<OutOfMemory>,
    /// It was refused processes that it wanted.
    pub out_of_processes: Option<OutOfProcesses>,
}

/// What became of the first process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It ended with this status.
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
    /// It could not be started.
    Failed(String),
}

/// The memory when there was not enough.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutOfMemory {
    /// The limit in bytes.
    pub limit: u64,
    /// The most that was used, in bytes.
    pub used: u64,
    /// What the system counts, one name and number a line.
    pub statistics: String,
}

/// How far the processes did not go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfProcesses {
    /// The most processes and threads at a time.
    pub limit: u64,
    /// How often another was refused.
    pub refused: u64,
}

impl From<How> for Ending {
    /// An end with nothing else to be said.
    fn from(how: How) -> Self {
        Self { how, out_of_memory: None, out_of_processes: None }
    }
}

impl Ending {
    /// The bytes for a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut pairs = Pairs::default();
        match &self.how {
            How::Exited(status) => pairs.push("exited", status),
            How::Signaled(signal) => pairs.push("signaled", signal),
            How::Failed(message) => pairs.push("failed", message),
        }
        if let Some(memory) = &self.out_of_memory {
            pairs.push("memory_limit", memory.limit);
            pairs.push("memory_used", memory.used);
            pairs.push("memory_statistics", &memory.statistics);
        }
        if let Some(OutOfProcesses { limit, refused }) = self.out_of_processes {
            pairs.push("processes_limit", limit);
            pairs.push("processes_refused", refused);
        }
        pairs.to_bytes()
    }

    /// Reads what [`Ending::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let pairs = Pairs::from_bytes(bytes)?;
        let how = if pairs.get("exited").is_some() {
            How::Exited(pairs.number("exited")?)
        } else if pairs.get("signaled").is_some() {
            How::Signaled(pairs.number("signaled")?)
        } else {
            How::Failed(pairs.need("failed")?.to_owned())
        };
        let out_of_memory = match pairs.get("memory_limit") {
            None => None,
            Some(_) => Some(OutOfMemory {
                limit: pairs.number("memory_limit")?,
                used: pairs.number("memory_used")?,
                statistics: pairs.need("memory_statistics")?.to_owned(),
            }),
        };
        let out_of_processes = match pairs.get("processes_limit") {
            None => None,
            Some(_) => Some(OutOfProcesses {
                limit: pairs.number("processes_limit")?,
                refused: pairs.number("processes_refused")?,
            }),
        };
        Ok(Self { how, out_of_memory, out_of_processes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_read_as_it_was_written() {
        let memory = OutOfMemory { limit: 5, used: 4, statistics: "cache 0\nrss 4\n".to_owned() };
        for how in [How::Exited(-1), How::Signaled(9), How::Failed("no `x`".to_owned())] {
            for out_of_memory in [None, Some(memory.clone())] {
                for out_of_processes in [None, Some(OutOfProcesses { limit: 3, refused: 2 })] {
                    let out_of_memory = out_of_memory.clone();
                    let ending = Ending { how: how.clone(), out_of_memory, out_of_processes };
                    assert_eq!(Ending::from_bytes(&ending.to_bytes()), Ok(ending));
                }
            }
        }
    }

    #[test]
    fn the_form_of_the_first_version_stays_readable() {
        let ending = Ending::from(How::Exited(3));
        assert_eq!(Ending::from_bytes(b"exited\x003\0"), Ok(ending));
        assert!(Ending::from_bytes(b"exited\x003").is_err());
        assert!(Ending::from_bytes(b"else\x003\0").is_err());
    }

    /// The executor that writes it and the agent that reads it may be of different versions.
    #[test]
    fn an_ending_is_written_in_these_bytes() {
        let memory = OutOfMemory { limit: 5, used: 4, statistics: "cache 0\nrss 4\n".to_owned() };
        let processes = OutOfProcesses { limit: 3, refused: 2 };
        let forms: [(Ending, &[u8]); 5] = [
            (How::Exited(3).into(), b"exited\x003\0"),
            (How::Signaled(9).into(), b"signaled\x009\0"),
            (How::Failed("no `x`".to_owned()).into(), b"failed\0no `x`\0"),
            (
                Ending { out_of_memory: Some(memory), ..How::Signaled(9).into() },
                b"signaled\x009\0memory_limit\x005\0memory_used\x004\0memory_statistics\0cache 0\nrss 4\n\0",
            ),
            (
                Ending { out_of_processes: Some(processes), ..How::Exited(-1).into() },
                b"exited\0-1\0processes_limit\x003\0processes_refused\x002\0",
            ),
        ];
        for (ending, bytes) in forms {
            assert_eq!(
                ending.to_bytes().escape_ascii().to_string(),
                bytes.escape_ascii().to_string()
            );
            assert_eq!(Ending::from_bytes(bytes), Ok(ending));
        }
    }

    #[test]
    fn what_a_later_version_says_more_is_passed_over() {
        let ending = Ending::from(How::Exited(3));
        assert_eq!(Ending::from_bytes(b"exited\x003\0weather\0fine\0"), Ok(ending));
    }
}
