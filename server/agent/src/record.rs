//! What the agent writes to its journal, so that a new process knows what the old one knew.
//!
//! A record says that something is so from now on. It is written before the outside world may learn of it: a task before its container is
//! made, an update before it is sent. Reading any prefix of a journal gives a state that the agent has been in.

use model::{AgentId, ContainerId, Epoch, FrameworkId, TaskId};
use prost::Message;
use serde::{Deserialize, Serialize};
use wire::mesos::v1;

use crate::task::TaskKey;

/// One entry of the journal, with the version of its form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The first form.
    V1(Entry),
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A master has admitted the agent.
    Admitted {
        /// The agent's id from now on.
        agent: AgentId,
    },
    /// The agent follows a master of this epoch and none of a lower one.
    Follows {
        /// Epoch of the master.
        epoch: Epoch,
    },
    /// A framework has tasks here.
    Framework {
        /// `mesos.v1.FrameworkInfo`.
        info: Proto,
    },
    /// The agent has taken a task; its container, if it gets one, will have this id.
    Taken {
        /// Framework of the task.
        framework: FrameworkId,
        /// The launch that brought it.
        launch_id: String,
        /// `mesos.v1.TaskInfo`.
        info: Proto,
        /// Identity of the run.
        container: ContainerId,
    },
    /// There is news about a task; it waits for its acknowledgement.
    Updated {
        /// Framework of the task.
        framework: FrameworkId,
        /// The task.
        task: TaskId,
        /// `mesos.v1.TaskStatus`.
        status: Proto,
    },
    /// The framework has seen the oldest unacknowledged update of a task.
    Acknowledged {
        /// Framework of the task.
        framework: FrameworkId,
        /// The task.
        task: TaskId,
        /// Identity of the update.
        uuid: Vec<u8>,
    },
    /// The task has to end.
    KillOrdered {
        /// Framework of the task.
        framework: FrameworkId,
        /// The task.
        task: TaskId,
        /// Time between asking and killing.
        grace_ms: u64,
    },
    /// The framework is over: nobody waits for the updates of its tasks.
    FrameworkEnded {
        /// The framework.
        framework: FrameworkId,
    },
    /// The agent has left its cluster; everything before this entry is void.
    Left,
    /// The machine runs since this boot; no container of what the entries before took runs any more.
    Booted {
        /// The boot, as the system names it.
        boot: String,
    },
    /// The task has had all the time that it may take, and has to end for that.
    OutOfTime {
        /// Framework of the task.
        framework: FrameworkId,
        /// The task.
        task: TaskId,
    },
}

/// A protobuf message as bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proto(Vec<u8>);

impl Proto {
    pub(crate) fn of(message: &impl Message) -> Self {
        Self(message.encode_to_vec())
    }

    pub(crate) fn read<M: Message + Default>(&self) -> Result<M, UnreadableRecord> {
        M::decode(self.0.as_slice()).map_err(|error| UnreadableRecord(error.to_string()))
    }
}

impl std::fmt::Debug for Proto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proto({} bytes)", self.0.len())
    }
}

/// A record that was written whole and still cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unreadable journal record: {0}")]
pub struct UnreadableRecord(pub(crate) String);

impl Record {
    /// The bytes that go into the journal.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a record has only parts that postcard can write")
    }

    /// Reads what [`Record::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are no record of a known form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnreadableRecord> {
        postcard::from_bytes(bytes).map_err(|error| UnreadableRecord(error.to_string()))
    }

    /// Whether the record must survive a loss of power; tasks and updates need not, since the containers are lost with it.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        let Record::V1(entry) = self;
        matches!(entry, Entry::Admitted { .. } | Entry::Left)
    }
}

impl Entry {
    pub(crate) fn framework(info: &v1::FrameworkInfo) -> Self {
        Entry::Framework { info: Proto::of(info) }
    }

    pub(crate) fn updated(key: &TaskKey, status: &v1::TaskStatus) -> Self {
        Entry::Updated {
            framework: key.framework.clone(),
            task: key.task.clone(),
            status: Proto::of(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_the_first_form_stay_readable() {
        let (framework, task) = (FrameworkId::from("f"), TaskId::from("t"));
        let proto = || Proto(vec![10, 1, 97]);
        let forms: [(Entry, &[u8]); 11] = [
            (Entry::Admitted { agent: "S0".into() }, &[0, 2, b'S', b'0']),
            (Entry::Follows { epoch: Epoch(300) }, &[1, 172, 2]),
            (Entry::Framework { info: proto() }, &[2, 3, 10, 1, 97]),
            (
                Entry::Taken {
                    framework: framework.clone(),
                    launch_id: "l".to_owned(),
                    info: proto(),
                    container: "c".into(),
                },
                &[3, 1, b'f', 1, b'l', 3, 10, 1, 97, 1, b'c'],
            ),
            (
                Entry::Updated {
                    framework: framework.clone(),
                    task: task.clone(),
                    status: proto(),
                },
                &[4, 1, b'f', 1, b't', 3, 10, 1, 97],
            ),
            (
                Entry::Acknowledged {
                    framework: framework.clone(),
                    task: task.clone(),
                    uuid: vec![7; 2],
                },
                &[5, 1, b'f', 1, b't', 2, 7, 7],
            ),
            (
                Entry::KillOrdered {
                    framework: framework.clone(),
                    task: task.clone(),
                    grace_ms: 300,
                },
                &[6, 1, b'f', 1, b't', 172, 2],
            ),
            (Entry::OutOfTime { framework: framework.clone(), task }, &[10, 1, b'f', 1, b't']),
            (Entry::FrameworkEnded { framework }, &[7, 1, b'f']),
            (Entry::Left, &[8]),
            (Entry::Booted { boot: "b".to_owned() }, &[9, 1, b'b']),
        ];
        for (entry, bytes) in forms {
            let record = Record::V1(entry);
            let is_synced = matches!(record, Record::V1(Entry::Admitted { .. } | Entry::Left));
            assert_eq!(record.to_bytes(), [&[0], bytes].concat(), "{record:?}");
            assert_eq!(Record::from_bytes(&record.to_bytes()), Ok(record.clone()));
            assert_eq!(record.is_synced(), is_synced);
        }
    }

    #[test]
    fn bytes_of_another_form_are_refused() {
        assert!(Record::from_bytes(&[9, 9, 9]).is_err());
        assert!(Record::from_bytes(&[]).is_err());
    }
}
