//! What can happen to the master.

use std::fmt;
use std::sync::Arc;

use model::{AgentId, FrameworkId, Instant, RequestId};
use wire::link::AgentFrame;
use wire::mesos::v1::scheduler::{Call, call};

/// Names one agent connection within a process; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Names one event stream of a framework: the value of `Mesos-Stream-Id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(Arc<str>);

impl StreamId {
    /// Takes the text of the header.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text of the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One input of the state machine.
#[derive(Debug, Clone)]
pub enum Command {
    /// An agent said something.
    AgentFrame {
        /// The connection it came by.
        link: LinkId,
        /// What it said.
        frame: Box<AgentFrame>,
    },
    /// An agent's connection is gone.
    LinkClosed {
        /// The connection.
        link: LinkId,
    },
    /// A framework opened an event stream. The call has been checked by [`crate::validation::call`].
    Subscribe {
        /// The stream, minted for this call.
        stream: StreamId,
        /// The call's member.
        subscribe: Box<call::Subscribe>,
    },
    /// A framework made any other call. It has been checked by [`crate::validation::call`].
    Call {
        /// Who waits for the reply.
        request: RequestId,
        /// The `Mesos-Stream-Id` header.
        stream: Option<StreamId>,
        /// The call.
        call: Box<Call>,
    },
    /// A framework's event stream is gone, or too slow to be kept.
    StreamClosed {
        /// The stream.
        stream: StreamId,
    },
    /// An operator ends a framework.
    Teardown {
        /// Who waits for the reply.
        request: RequestId,
        /// The framework.
        framework: FrameworkId,
    },
    /// The log has no room for more, or has room again. Until it has, everything that would have to be stored is put off.
    Storage {
        /// Whether there is no room.
        is_full: bool,
    },
    /// A timer that was armed has run out. One that has become pointless does nothing.
    Timer(Timer),
}

/// What is to be looked at later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timer {
    /// Give away what is free.
    Allocate,
    /// Offer filters end.
    FiltersEnd {
        /// When the timer was armed for.
        at: Instant,
    },
    /// Ping an agent, or give it up when it did not answer the last ones.
    Ping {
        /// The agent.
        agent: AgentId,
        /// The link to which the timer belongs.
        link: LinkId,
    },
    /// An agent whose link is closed has had its time to come back.
    AgentDeadline {
        /// The agent.
        agent: AgentId,
        /// The link that was closed.
        link: LinkId,
    },
    /// Agents may have been unreachable for too long.
    ForgetUnreachable,
    /// Agents that were admitted under an earlier master have had their time to come back.
    RecoveryDeadline,
    /// A framework that is not connected has had its time to come back.
    FailoverDeadline {
        /// The framework.
        framework: FrameworkId,
        /// Since when it has not been connected.
        since: Instant,
    },
}
