//! What must happen outside.

use std::sync::Arc;

use model::{FrameworkId, Instant, RecordWrite, RequestId};
use wire::link::MasterFrame;
use wire::mesos::v1::scheduler::Event;

use crate::command::{LinkId, StreamId, Timer};

/// One order to the outside. Orders of one list are carried out in its order; what follows a
/// [`Effect::Persist`] waits until that is durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Make a change durable.
    Persist(RecordWrite),
    /// Answer a call.
    Reply {
        /// Who waits.
        to: RequestId,
        /// The answer.
        reply: Reply,
    },
    /// Send an event to a framework.
    SendEvent {
        /// Its stream.
        stream: StreamId,
        /// The event.
        event: Arc<Event>,
    },
    /// End a framework's stream after what was sent to it.
    CloseStream {
        /// The stream.
        stream: StreamId,
    },
    /// Say something to an agent.
    SendFrame {
        /// Its link.
        link: LinkId,
        /// What to say.
        frame: Box<MasterFrame>,
    },
    /// End an agent's connection after what was sent on it.
    CloseLink {
        /// The link.
        link: LinkId,
    },
    /// Come back with `Command::Timer` at a time; at once when it is past.
    ArmTimer {
        /// When.
        at: Instant,
        /// With what.
        timer: Timer,
    },
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The call is being carried out (202).
    Accepted,
    /// The call has been carried out (200).
    Done,
    /// The call changes nothing.
    Refused(Refusal),
}

/// Why a call is refused. The texts are the original's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The framework is not known.
    #[error("Framework cannot be found")]
    FrameworkUnknown,
    /// The framework is known and has no stream.
    #[error("Framework is not subscribed")]
    NotSubscribed,
    /// The header is missing.
    #[error("All non-subscribe calls should include the 'Mesos-Stream-Id' header")]
    NoStream,
    /// The header names another stream.
    #[error(
        "The stream ID '{stream}' included in this request didn't match the stream ID currently \
         associated with framework ID {framework}"
    )]
    OtherStream {
        /// What the header said.
        stream: StreamId,
        /// Whose stream it is not.
        framework: FrameworkId,
    },
    /// A change of the framework that is not possible.
    #[error("{0}")]
    Invalid(String),
    /// The operator named a framework that is not known.
    #[error("No framework found with specified ID")]
    NoSuchFramework,
    /// The call exists in the original and not here yet.
    #[error("{0} is not implemented")]
    NotImplemented(&'static str),
}
