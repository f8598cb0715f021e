//! The agent's end of its link: connect, read and write, come back, as in `server/src/agent/link.rs`.

use std::time::Duration;

use agent_core::{Command, ConnectionId};
use wire::link::{AgentFrame, agent_frame};

use crate::bug::Bug;
use crate::election;
use crate::event::{AgentEvent, Event, Message, Place, Side};
use crate::store::Role;
use crate::world::World;

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// What the agent's link task knows.
#[derive(Debug, Default)]
pub(crate) struct LinkClient {
    /// The agent's number of the present connection, and the connection.
    present: Option<(u64, u64)>,
    last: u64,
    failures: u32,
    heard: u64,
}

impl World {
    pub(crate) fn connect_agent(&mut self, machine: usize) {
        let leader = election::leader(&self.store.state, Role::Mesos).map(|leader| leader.node);
        let any = self.random.index(self.nodes.len());
        // Who leads may be known late.
        let node = leader.filter(|_| self.random.percent(50)).unwrap_or(any);
        let Some(agent) = &self.machines[machine].agent else { return };
        if agent.link.present.is_some() {
            return;
        }
        let number = agent.link.last + 1;
        let answers = self.is_responsive(Place::Node(node));
        let is_reachable = self.machines[machine].is_reachable;
        let connection =
            if answers && is_reachable { self.open_link(node, machine, number) } else { None };
        let Some(agent) = &mut self.machines[machine].agent else { return };
        match connection {
            Some(connection) => {
                agent.link.last = number;
                agent.link.present = Some((number, connection));
                agent.link.heard = 0;
                self.tell_agent(machine, Command::LinkOpened(ConnectionId(number)));
            }
            None => {
                agent.link.failures = agent.link.failures.saturating_add(1);
                self.connect_later(machine, None);
            }
        }
    }

    fn connect_later(&mut self, machine: usize, retry_after: Option<Duration>) {
        let failures = self.machines[machine].agent.as_ref().map_or(0, |agent| agent.link.failures);
        let pause = match (retry_after, failures) {
            (Some(pause), _) => pause,
            (None, 0) => Duration::ZERO,
            (None, _) => {
                let full = FIRST_RETRY.saturating_mul(1 << (failures - 1).min(10)).min(LAST_RETRY);
                let full = u64::try_from(full.as_micros()).unwrap_or(u64::MAX);
                self.random.micros(full / 2, full)
            }
        };
        let incarnation = self.machines[machine].incarnation;
        let what = AgentEvent::Connect;
        // The way to the master and back.
        let travel = self.random.micros(100, 2_000);
        self.schedule(self.now + pause + travel, Event::Agent { machine, incarnation, what });
    }

    /// A frame came in, or the connection is over.
    pub(crate) fn link_heard(&mut self, machine: usize, number: u64, message: Message) {
        let Some(agent) = &mut self.machines[machine].agent else { return };
        if agent.link.present.is_none_or(|(present, _)| present != number) {
            return;
        }
        if let Message::Master(mut frame) = message {
            agent.link.heard += 1;
            if self.options.bug == Some(Bug::EpochNotChecked) {
                frame.epoch = 1;
            }
            self.tell_agent(machine, Command::FrameArrived(ConnectionId(number), frame));
            return;
        }
        agent.link.present = None;
        // A refusal is one frame: only a link that carried more has worked.
        let has_worked = agent.link.heard > 1;
        agent.link.failures = if has_worked { 0 } else { agent.link.failures.saturating_add(1) };
        self.tell_agent(machine, Command::LinkClosed(ConnectionId(number)));
        self.connect_later(machine, None);
    }

    pub(crate) fn send_frame(
        &mut self,
        machine: usize,
        to: ConnectionId,
        mut frame: Box<AgentFrame>,
    ) {
        let Some(agent) = &mut self.machines[machine].agent else { return };
        let Some((_, connection)) = agent.link.present.filter(|(number, _)| *number == to.0) else {
            return;
        };
        if self.options.bug == Some(Bug::EpochNotChecked) {
            frame.epoch = self.epoch_behind(connection, &frame);
        }
        if self.options.bug == Some(Bug::IncompleteReregistration)
            && let Some(agent_frame::Body::Reregister(told)) = &mut frame.body
        {
            told.tasks.pop();
        }
        if self.options.bug == Some(Bug::ResourcesNotReported)
            && let Some(agent_frame::Body::Reregister(told)) = &mut frame.body
        {
            told.tasks.iter_mut().for_each(|held| held.task.resources.clear());
        }
        self.trace.note(self.now, || format!("agent {machine}: sends {}", brief(&frame)));
        self.send(connection, Side::Master, Message::Agent(frame));
    }

    /// What the master at the other end wants to read, whatever the agent follows.
    fn epoch_behind(&self, connection: u64, frame: &AgentFrame) -> u64 {
        match frame.body {
            Some(
                agent_frame::Body::Register(_)
                | agent_frame::Body::Reregister(_)
                | agent_frame::Body::ReregisterPart(_),
            )
            | None => 0,
            Some(agent_frame::Body::UpdateStatus(_) | agent_frame::Body::Pong(_)) => {
                let node = self.connections.get(&connection).map(|known| known.node);
                let master = node.and_then(|node| self.nodes[node].master.as_ref());
                master.map_or(0, |master| master.fence.epoch.0)
            }
        }
    }

    pub(crate) fn close_link(
        &mut self,
        machine: usize,
        connection: ConnectionId,
        retry_after: Option<Duration>,
    ) {
        let Some(agent) = &mut self.machines[machine].agent else { return };
        let present = agent.link.present.filter(|(number, _)| *number == connection.0);
        let Some((_, wire)) = present else { return };
        agent.link.present = None;
        agent.link.failures = agent.link.failures.saturating_add(1);
        self.send(wire, Side::Master, Message::Fin);
        self.tell_agent(machine, Command::LinkClosed(connection));
        self.connect_later(machine, retry_after);
    }

    /// The connection of a machine's agent.
    pub(crate) fn link_of(&self, machine: usize) -> Option<u64> {
        let (_, connection) = self.machines[machine].agent.as_ref()?.link.present?;
        Some(connection)
    }
}

fn brief(frame: &AgentFrame) -> String {
    match &frame.body {
        Some(agent_frame::Body::Register(_)) => "a registration".to_owned(),
        Some(agent_frame::Body::Reregister(told)) => {
            let held = |held: &wire::link::HeldTask| {
                format!("{} in state {}", held.task.task_id.value, held.task.state)
            };
            let tasks: Vec<_> = told.tasks.iter().map(held).collect();
            format!("a re-registration of {} with {tasks:?}", told.agent_id.value)
        }
        Some(agent_frame::Body::UpdateStatus(update)) => format!(
            "an update: {} in state {}, {} {:?}",
            update.status.task_id.value,
            update.status.state,
            update.status.message.as_deref().unwrap_or_default(),
            update.status.uuid.as_ref().map(|uuid| uuid[0])
        ),
        Some(agent_frame::Body::ReregisterPart(_)) => "a part of a re-registration".to_owned(),
        Some(agent_frame::Body::Pong(_)) => "a pong".to_owned(),
        None => "nothing".to_owned(),
    }
}
