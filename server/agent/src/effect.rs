//! What must happen outside, in the order in which it was decided.

use std::time::Duration;

use model::{ContainerId, Instant};
use wire::link::AgentFrame;

use crate::check::Probe;
use crate::command::{ConnectionId, Timer};
use crate::container::{ContainerSpec, ProcessSpec};
use crate::fetch::FetchItem;
use crate::record::Record;
use crate::task::TaskKey;

/// An order to the outside.
///
/// Effects are carried out in order: a journal record is written before any later effect is begun.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write this record.
    Journal(Record),
    /// Send this frame, if the connection still stands.
    Send(ConnectionId, Box<AgentFrame>),
    /// Close the connection and look for the master again, not before `retry_after`.
    CloseLink {
        /// The connection.
        connection: ConnectionId,
        /// Why, for the log.
        reason: String,
        /// What the master asked for.
        retry_after: Option<Duration>,
    },
    /// Make the sandbox, pull the image if it is missing, make and start the container; then report.
    Launch(Box<Launch>),
    /// Make the sandbox and start the command in it; then report.
    LaunchProcess(Box<Launch<ProcessSpec>>),
    /// Give the launch up if the container is not started yet; it is answered with `LaunchFailed`.
    CancelLaunch(ContainerId),
    /// Describe a container that was found running and report it as launched.
    Describe(Watched),
    /// Copy the container's output into its sandbox, wait for its end, and report that.
    Watch(Watched),
    /// Put a question to a running task and report what becomes of it, once, however long its turn is in coming: no other
    /// of its check is put before.
    Probe(Box<Probe>),
    /// Ask a container to end, and kill it after the grace period.
    Stop {
        /// The task it belongs to; a failure is reported for it.
        task: Option<(TaskKey, ContainerId)>,
        /// Its name in the engine.
        name: String,
        /// Time between asking and killing.
        grace: Duration,
    },
    /// Remove an ended container.
    Remove(String),
    /// Remove the container of a task whose launch was called off, whatever state it is in, and report that: until
    /// then the engine may still start it for a process of this agent that is no more.
    Discard {
        /// The task.
        task: TaskKey,
        /// Identity of the run.
        container: ContainerId,
        /// Its name in the engine.
        name: String,
    },
    /// List the containers of this agent until the engine answers, and report them.
    FindContainers,
    /// Ask the engine when this container ended, and report that.
    FindEnd(String),
    /// List the commands of this agent, and report them.
    FindProcesses,
    /// Wake up at `at` with `timer`.
    ArmTimer {
        /// When.
        at: Instant,
        /// What for.
        timer: Timer,
    },
    /// End the agent's process; nothing runs any more.
    Exit(String),
}

/// A container to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch<Spec = ContainerSpec> {
    /// The task.
    pub task: TaskKey,
    /// Identity of the run.
    pub container: ContainerId,
    /// What the sandbox holds before that.
    pub fetch: Vec<FetchItem>,
    /// What to start.
    pub spec: Spec,
}

/// A container that is, or was, running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The task.
    pub task: TaskKey,
    /// Identity of the run.
    pub container: ContainerId,
    /// Its name in the engine.
    pub name: String,
    /// The sandbox on the host.
    pub sandbox: String,
}
