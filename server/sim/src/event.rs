//! What can happen next in the simulated world.
//!
//! An event for a process names its incarnation, one for a leadership its number: what comes too late finds
//! nobody and is dropped.

use std::sync::Arc;

use agent_core::Timer as AgentTimer;
use master_core::{StreamId, Timer as MasterTimer};
use model::Instant;
use wire::link::{AgentFrame, MasterFrame};
use wire::mesos::v1::scheduler::{Call, Event as SchedulerEvent};
use zookeeper_core::{Outcome, SessionId};

use crate::faults::Fault;
use crate::machine::jobs::{EngineAnswer, EngineCall, JobId};
use crate::store::{Origin, Role};

/// A process that can die, pause and come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A master node: the Mesos master and Marathon in one process.
    Node(usize),
    /// The agent process of a machine.
    Agent(usize),
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// The leading Mesos master.
    Master,
    /// An agent, or Marathon.
    Remote,
}

/// What travels on a connection.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Agent(Box<AgentFrame>),
    Master(Box<MasterFrame>),
    Event(Arc<SchedulerEvent>),
    /// The other side closed the connection after all that came before.
    Fin,
}

/// Who made a call of the scheduler API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) node: usize,
    pub(crate) incarnation: u64,
    pub(crate) lead: u64,
    /// Number of the call within the leadership.
    pub(crate) number: u64,
}

#[derive(Debug)]
pub(crate) enum Event {
    StartNode(usize),
    Node {
        node: usize,
        incarnation: u64,
        what: NodeEvent,
    },
    StartAgent(usize),
    Agent {
        machine: usize,
        incarnation: u64,
        what: AgentEvent,
    },
    Engine {
        machine: usize,
        boot: u64,
        what: EngineEvent,
    },
    /// An entry has reached the replicated state machine.
    Commit {
        node: usize,
        proposal: u64,
    },
    /// The leader of raft finds that a node has been silent for too long.
    LeaseEnds {
        node: usize,
        session: SessionId,
    },
    Deliver {
        connection: u64,
        to: Side,
        message: Message,
    },
    /// A side of a broken connection finds out.
    Notice {
        connection: u64,
        side: Side,
    },
    CallArrives {
        node: usize,
        caller: Caller,
        stream: StreamId,
        call: Box<Call>,
    },
    /// The second framework takes its turn.
    Batch,
    /// A call of the second framework arrives.
    BatchCall {
        node: usize,
        lead: u64,
        stream: StreamId,
        call: Box<Call>,
    },
    /// The client thinks of something to do.
    Client,
    Fault(Fault),
    /// A process that was to die at one of its next steps dies now.
    Overdue {
        place: Place,
        incarnation: u64,
    },
    /// A node's disk has space again.
    DiskFree(usize),
    /// A machine whose network was cut is reachable again.
    Reachable(usize),
    /// An engine that was stopped is back.
    EngineUp(usize),
    /// An engine that hung is itself again.
    EngineWell(usize),
    /// All faults end.
    Heal,
}

#[derive(Debug)]
pub(crate) enum NodeEvent {
    Answer {
        proposal: u64,
        origin: Origin,
        outcome: Outcome,
    },
    /// The process asks the other nodes to confirm its lease.
    Renew,
    /// They have confirmed what was asked at that time.
    Renewed {
        sent: Instant,
        session: SessionId,
    },
    /// The elections may have changed.
    Look,
    Stand(Role),
    /// The log cannot grow: a candidacy was refused.
    NoSpace(Role),
    /// The disk is full, or has room again.
    Storage,
    /// A candidacy that could not be withdrawn is withdrawn again.
    Withdraw(Arc<str>),
    /// The driver of a leadership takes what waits.
    Drive {
        role: Role,
        lead: u64,
    },
    Timer {
        lead: u64,
        timer: MasterTimer,
    },
    Alarm {
        lead: u64,
        generation: u64,
    },
    WallClock {
        lead: u64,
    },
    Subscribe {
        lead: u64,
    },
    CallAnswered {
        lead: u64,
        number: u64,
        is_ok: bool,
    },
    CallOverdue {
        lead: u64,
        number: u64,
    },
}

#[derive(Debug)]
pub(crate) enum AgentEvent {
    Drive,
    Connect,
    Timer(AgentTimer),
    Engine(JobId, EngineAnswer),
    /// A job asks the engine again.
    Retry(JobId),
}

#[derive(Debug)]
pub(crate) enum EngineEvent {
    /// A call arrives; the answer goes to that incarnation of the agent.
    Call { incarnation: u64, job: JobId, call: EngineCall },
    /// Nobody waits any more for the answer to a call that was held back.
    GivenUp { number: u64 },
    /// A container's main process ends, because it was told to or by itself.
    Exit { name: String, run: u64, status: i64, by_itself: bool },
}
