//! The durable records: one per agent, one per framework.
//!
//! Values are postcard of a versioned enum; a new shape is a new variant, and old ones stay readable.

use bytes::Bytes;
use model::{AgentId, FrameworkId, RecordWrite, Timestamp};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use wire::link::AgentDescription;
use wire::mesos::v1::FrameworkInfo;

/// Everything of the master is below this.
pub const PREFIX: &str = "/master";
const AGENTS: &str = "/master/agents/";
const FRAMEWORKS: &str = "/master/frameworks/";

/// Where an admitted agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It may be connected.
    Admitted,
    /// It was given up at this time, and may come back.
    Unreachable(Timestamp),
    /// The operator said at this time that it will not come back.
    Gone(Timestamp),
}

/// An agent that has been admitted.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRecord {
    /// Its id.
    pub id: AgentId,
    /// What it last said about itself.
    pub description: AgentDescription,
    /// What it chose at its first registration.
    pub nonce: Bytes,
    /// When it was admitted.
    pub admitted_at: Timestamp,
    /// Where it stands.
    pub standing: Standing,
}

/// A framework that has subscribed.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameworkRecord {
    /// Its id.
    pub id: FrameworkId,
    /// What it last said about itself.
    pub info: FrameworkInfo,
    /// The leadership it last subscribed under.
    pub epoch: u64,
    /// When it first subscribed.
    pub registered_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
enum StoredAgent {
    V1 { description: Vec<u8>, nonce: Vec<u8>, admitted_at: Timestamp, standing: Standing },
}

#[derive(Serialize, Deserialize)]
enum StoredFramework {
    V1 { info: Vec<u8>, epoch: u64, registered_at: Timestamp },
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableRecord {
    /// The bytes are no record of a version known here.
    #[error("record `{path}` is not readable by this version")]
    Format {
        /// Where it stands.
        path: String,
        /// What is wrong.
        #[source]
        source: postcard::Error,
    },
    /// The message inside is damaged.
    #[error("record `{path}` holds a damaged message")]
    Message {
        /// Where it stands.
        path: String,
        /// What is wrong.
        #[source]
        source: prost::DecodeError,
    },
    /// No record of the master stands at such a path.
    #[error("`{0}` is no record of the master")]
    Path(String),
}

/// Any record of the master.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Of an agent.
    Agent(Box<AgentRecord>),
    /// Of a framework.
    Framework(Box<FrameworkRecord>),
}

impl Record {
    /// Reads what stands at `path`.
    ///
    /// # Errors
    /// When the path is not one of the master's or the value is damaged.
    pub fn read(path: &str, value: &[u8]) -> Result<Self, UnreadableRecord> {
        let format = |source| UnreadableRecord::Format { path: path.to_owned(), source };
        let message = |source| UnreadableRecord::Message { path: path.to_owned(), source };
        if let Some(id) = path.strip_prefix(AGENTS) {
            let StoredAgent::V1 { description, nonce, admitted_at, standing } =
                postcard::from_bytes(value).map_err(format)?;
            let description = AgentDescription::decode(description.as_slice()).map_err(message)?;
            let (id, nonce) = (AgentId::new(id), Bytes::from(nonce));
            let record = AgentRecord { id, description, nonce, admitted_at, standing };
            return Ok(Self::Agent(Box::new(record)));
        }
        if let Some(id) = path.strip_prefix(FRAMEWORKS) {
            let StoredFramework::V1 { info, epoch, registered_at } =
                postcard::from_bytes(value).map_err(format)?;
            let info = FrameworkInfo::decode(info.as_slice()).map_err(message)?;
            let record = FrameworkRecord { id: FrameworkId::new(id), info, epoch, registered_at };
            return Ok(Self::Framework(Box::new(record)));
        }
        Err(UnreadableRecord::Path(path.to_owned()))
    }
}

impl AgentRecord {
    /// The write that stores this record.
    pub fn put(&self) -> RecordWrite {
        let stored = StoredAgent::V1 {
            description: self.description.encode_to_vec(),
            nonce: self.nonce.to_vec(),
            admitted_at: self.admitted_at,
            standing: self.standing,
        };
        RecordWrite::put(format!("{AGENTS}{}", self.id), encode(&stored))
    }

    /// The write that removes the record of an agent.
    pub fn delete(id: &AgentId) -> RecordWrite {
        RecordWrite::delete(format!("{AGENTS}{id}"))
    }
}

impl FrameworkRecord {
    /// The write that stores this record.
    pub fn put(&self) -> RecordWrite {
        let stored = StoredFramework::V1 {
            info: self.info.encode_to_vec(),
            epoch: self.epoch,
            registered_at: self.registered_at,
        };
        RecordWrite::put(format!("{FRAMEWORKS}{}", self.id), encode(&stored))
    }

    /// The write that removes the record of a framework.
    pub fn delete(id: &FrameworkId) -> RecordWrite {
        RecordWrite::delete(format!("{FRAMEWORKS}{id}"))
    }
}

fn encode(stored: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(stored).expect("records hold only bytes and numbers, which always encode")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> AgentRecord {
        AgentRecord {
            id: "m-S0".into(),
            description: AgentDescription { version: "1.11.0".into(), ..Default::default() },
            nonce: Bytes::from_static(b"nonce"),
            admitted_at: Timestamp::from_millis(5),
            standing: Standing::Unreachable(Timestamp::from_millis(9)),
        }
    }

    fn framework() -> FrameworkRecord {
        FrameworkRecord {
            id: "m-0000".into(),
            info: FrameworkInfo { name: "marathon".into(), ..Default::default() },
            epoch: 7,
            registered_at: Timestamp::from_millis(5),
        }
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let write = agent().put();
        assert_eq!(write.path, "/master/agents/m-S0");
        let read = Record::read(&write.path, &write.value.unwrap()).unwrap();
        assert_eq!(read, Record::Agent(Box::new(agent())));
        let write = framework().put();
        assert_eq!(write.path, "/master/frameworks/m-0000");
        let read = Record::read(&write.path, &write.value.unwrap()).unwrap();
        assert_eq!(read, Record::Framework(Box::new(framework())));
    }

    #[test]
    fn what_is_no_record_is_refused_with_its_path() {
        let format = Record::read("/master/agents/m-S0", b"\xff").unwrap_err();
        assert!(format.to_string().contains("/master/agents/m-S0"));
        assert!(matches!(Record::read("/master/x", b""), Err(UnreadableRecord::Path(_))));
    }

    #[test]
    fn a_record_written_by_the_first_version_is_readable() {
        // Variant 0; message of version "1.11.0" (field 3); nonce; times as zigzag; standing Admitted.
        let mut bytes = vec![0];
        let description = agent().description.encode_to_vec();
        bytes.push(u8::try_from(description.len()).unwrap());
        bytes.extend(description);
        bytes.extend([5]);
        bytes.extend(b"nonce");
        bytes.extend([10, 0]);
        let Record::Agent(read) = Record::read("/master/agents/m-S0", &bytes).unwrap() else {
            panic!("an agent's record was read as something else")
        };
        assert_eq!(*read, AgentRecord { standing: Standing::Admitted, ..agent() });
    }
}
