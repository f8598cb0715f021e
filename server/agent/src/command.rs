//! What happens to the agent: news from the link, from the engine, from the clock.

use model::{ContainerId, Timestamp};
use wire::link::MasterFrame;

use crate::check::{CheckKind, Outcome};
use crate::container::{Exit, FoundContainer, Inspection};
use crate::task::TaskKey;

/// One connection to a master; a later one has a higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Something that happened, or that the outside reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A connection to a master stands; the older one is closed and nothing of it will be read any more.
    LinkOpened(ConnectionId),
    /// The connection broke.
    LinkClosed(ConnectionId),
    /// A frame came in.
    FrameArrived(ConnectionId, Box<MasterFrame>),
    /// The task's image is being pulled, and this is how far that has come.
    ImageProgress(TaskKey, ContainerId, String),
    /// The task's image is there; its container is about to be made.
    ImageReady(TaskKey, ContainerId),
    /// The task's container runs.
    ContainerLaunched(TaskKey, ContainerId, Inspection),
    /// The task's container could not be started, or its launch was called off.
    LaunchFailed(TaskKey, ContainerId, LaunchFailure),
    /// The task's container has ended.
    ContainerEnded(TaskKey, ContainerId, Exit),
    /// The engine does not hold the container of a task whose launch was called off, and cannot start it any more.
    ContainerDiscarded(TaskKey, ContainerId),
    /// It is not removed so far: its engine does not answer.
    DiscardDelayed(TaskKey, ContainerId),
    /// The engine did not stop the task's container.
    StopFailed(TaskKey, ContainerId, String),
    /// What became of the question of a check.
    Probed {
        /// The task.
        task: TaskKey,
        /// The check.
        kind: CheckKind,
        /// The question.
        number: u64,
        /// What became of it.
        outcome: Outcome,
    },
    /// These are the containers that the engine holds for this agent.
    ContainersFound(Vec<FoundContainer>),
    /// These are the commands of this agent that there are.
    ProcessesFound(Vec<FoundContainer>),
    /// The engine was asked when this container ended; it may not know.
    EndFound(String, Option<Timestamp>),
    /// The disk of the work directory is full, or has space again.
    DiskChanged {
        /// Whether there is no room for the sandbox and the records of one more task.
        is_full: bool,
    },
    /// A timer went off.
    TimerFired(Timer),
}

impl Command {
    /// What it is, without what it carries: definitions and inspections may hold secrets.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LinkOpened(_) => "LinkOpened",
            Self::LinkClosed(_) => "LinkClosed",
            Self::FrameArrived(..) => "FrameArrived",
            Self::ImageProgress(..) => "ImageProgress",
            Self::ImageReady(..) => "ImageReady",
            Self::ContainerLaunched(..) => "ContainerLaunched",
            Self::LaunchFailed(..) => "LaunchFailed",
            Self::ContainerEnded(..) => "ContainerEnded",
            Self::ContainerDiscarded(..) => "ContainerDiscarded",
            Self::DiscardDelayed(..) => "DiscardDelayed",
            Self::StopFailed(..) => "StopFailed",
            Self::Probed { .. } => "Probed",
            Self::ContainersFound(_) => "ContainersFound",
            Self::ProcessesFound(_) => "ProcessesFound",
            Self::EndFound(..) => "EndFound",
            Self::DiskChanged { .. } => "DiskChanged",
            Self::TimerFired(_) => "TimerFired",
        }
    }
}

/// Why a launch came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchFailure {
    /// It was called off before the container was started.
    Cancelled,
    /// Somebody refused: the engine, the file system, a server of files, or the agent itself. What may have been made before is removed
    /// before this is told, unless its engine does not answer then.
    Failed(String),
    /// The engine did not answer, and may do what it was asked for all the same.
    NoAnswer(String),
}

/// What a timer is for; one that has become pointless changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// An update may have to be sent again: the task, the update's identity, and the number of its sending.
    ResendUpdate(TaskKey, Vec<u8>, u32),
    /// A master that has accepted the connection should have answered.
    AwaitAdmission(ConnectionId),
    /// The master should have been heard of.
    AwaitPing(ConnectionId),
    /// The engine should have said what became of the containers; the connection waits for that.
    AwaitRecovery(ConnectionId),
    /// The engine's containers are compared with the tasks from time to time.
    LookAgain,
    /// So are the commands.
    LookForProcesses,
    /// A check of a task is due.
    Check(TaskKey, ContainerId, CheckKind),
    /// A task has had all the time that it may take.
    Deadline(TaskKey, ContainerId),
    /// A container that was asked to stop should have ended.
    StopAgain(TaskKey, ContainerId),
    /// An ended container is no longer needed.
    RemoveContainer(String),
}
