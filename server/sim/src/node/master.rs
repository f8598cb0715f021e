//! The leading Mesos master with its ports: links, streams, replies, timers.

use std::collections::BTreeMap;

use master_core::{Command, Config, Effect, LinkId, Master, Reply, Snapshot, StreamId, record};
use model::{MasterId, RequestId};
use wire::link::MasterFrame;
use wire::link::master_frame::Body;
use wire::mesos::v1::MasterInfo;
use wire::mesos::v1::scheduler::Call;
use zookeeper_core::Fence;

use crate::driver::{Driver, Proposing};
use crate::event::{Caller, Event, Message, NodeEvent, Place, Side};
use crate::network::Kind;
use crate::store::Role;
use crate::world::World;

/// One leadership of the Mesos master.
#[derive(Debug)]
pub(crate) struct MasterLead {
    pub(crate) lead: u64,
    pub(crate) fence: Fence,
    driver: Driver<Master>,
    pub(crate) links: BTreeMap<LinkId, u64>,
    opened_links: u64,
    pub(crate) streams: BTreeMap<StreamId, u64>,
    replies: BTreeMap<RequestId, Caller>,
    requests: u64,
    /// The state that has committed.
    pub(crate) published: Snapshot,
    /// It has been told that nothing can be stored.
    is_told_full: bool,
}

impl MasterLead {
    pub(crate) fn proposer(&mut self) -> (&mut dyn Proposing, &Fence) {
        (&mut self.driver, &self.fence)
    }
}

impl World {
    pub(crate) fn lead_mesos(&mut self, node: usize, fence: Fence) {
        self.minted += 1;
        let lead = self.minted;
        let id = MasterId::new(format!("M{lead}"));
        self.check.epochs.elected(id.as_str(), fence.epoch);
        let info = MasterInfo { id: id.to_string(), port: 5_050, ..MasterInfo::default() };
        let config = Config::new(info, fence.epoch);
        let records = self.load(record::PREFIX);
        let records = records.iter().map(|(path, value)| (path.as_str(), value.as_ref()));
        let recovery = match Master::recover(config, self.now, self.wall(), records) {
            Ok(recovery) => recovery,
            Err(error) => {
                return self.fail("records", format!("the master cannot recover: {error}"));
            }
        };
        let published = recovery.master.snapshot();
        self.nodes[node].master = Some(MasterLead {
            lead,
            fence,
            driver: Driver::new(recovery.master),
            links: BTreeMap::new(),
            opened_links: 0,
            streams: BTreeMap::new(),
            replies: BTreeMap::new(),
            requests: 0,
            published,
            is_told_full: false,
        });
        self.release_master(node, lead, recovery.effects);
        self.disk_changed(node);
    }

    /// Tells the master whether anything can be stored, when that is news.
    pub(crate) fn tell_storage(&mut self, node: usize) {
        let is_full = self.nodes[node].disk.is_full;
        let Some(master) = &mut self.nodes[node].master else { return };
        if std::mem::replace(&mut master.is_told_full, is_full) != is_full {
            self.tell_master(node, Command::Storage { is_full });
        }
    }

    /// A command for the leading master of a node; the driver takes it at its next turn.
    pub(crate) fn tell_master(&mut self, node: usize, command: Command) {
        let Some(master) = &mut self.nodes[node].master else { return };
        master.driver.push(command);
        self.wake_master(node);
    }

    fn wake_master(&mut self, node: usize) {
        let delay = self.random.micros(1, 400);
        let Some(master) = &mut self.nodes[node].master else { return };
        if master.driver.has_work() && !std::mem::replace(&mut master.driver.is_woken, true) {
            let what = NodeEvent::Drive { role: Role::Mesos, lead: master.lead };
            self.later_node(node, delay, what);
        }
    }

    pub(crate) fn drive_master(&mut self, node: usize, lead: u64) {
        let (now, wall) = (self.now, self.wall());
        let Some(master) = self.nodes[node].master.as_mut().filter(|m| m.lead == lead) else {
            return;
        };
        master.driver.is_woken = false;
        if !master.driver.has_work() || !self.holds_lease(node) {
            return;
        }
        let Some(master) = self.nodes[node].master.as_mut() else { return };
        master.driver.apply_waiting(now, wall);
        let snapshot = master.driver.core.snapshot();
        self.check_books(&snapshot);
        self.go_on_master(node, lead);
    }

    /// Does what has become possible: releases, proposes, applies.
    pub(crate) fn go_on_master(&mut self, node: usize, lead: u64) {
        self.release_master_batches(node, lead);
        self.propose_batch(node, Role::Mesos, lead);
        self.release_master_batches(node, lead);
        self.wake_master(node);
    }

    pub(crate) fn master_committed(&mut self, node: usize, lead: u64, proposal: u64) {
        if let Some(master) = self.nodes[node].master.as_mut().filter(|m| m.lead == lead) {
            master.driver.committed(proposal);
            self.go_on_master(node, lead);
        }
    }

    fn release_master_batches(&mut self, node: usize, lead: u64) {
        while self.holds_lease(node) {
            let Some(master) = self.nodes[node].master.as_mut().filter(|m| m.lead == lead) else {
                return;
            };
            let Some((snapshot, effects)) = master.driver.release() else { return };
            master.published = snapshot;
            self.release_master(node, lead, effects);
        }
    }

    fn release_master(&mut self, node: usize, lead: u64, effects: Vec<Effect>) {
        for effect in effects {
            if !self.burn(Place::Node(node)) || self.lead_of(node, Role::Mesos) != Some(lead) {
                return;
            }
            self.perform_master(node, lead, effect);
        }
    }

    fn perform_master(&mut self, node: usize, lead: u64, effect: Effect) {
        let Some(master) = &mut self.nodes[node].master else { return };
        match effect {
            Effect::Persist(_) => {}
            Effect::Reply { to, reply } => {
                if let Some(caller) = master.replies.remove(&to) {
                    let is_ok = matches!(reply, Reply::Accepted | Reply::Done);
                    self.answer_call(caller, is_ok);
                }
            }
            Effect::SendEvent { stream, event } => match master.streams.get(&stream).copied() {
                Some(connection) => self.send(connection, Side::Remote, Message::Event(event)),
                None => self.tell_master(node, Command::StreamClosed { stream }),
            },
            Effect::CloseStream { stream } => {
                if let Some(connection) = master.streams.remove(&stream) {
                    self.send(connection, Side::Remote, Message::Fin);
                    self.tell_master(node, Command::StreamClosed { stream });
                }
            }
            Effect::SendFrame { link, frame } => match master.links.get(&link).copied() {
                Some(connection) => {
                    self.trace.note(self.now, || {
                        format!("node {node}: to link {}: {}", link.0, brief_frame(&frame))
                    });
                    self.send(connection, Side::Remote, Message::Master(frame));
                }
                None => self.tell_master(node, Command::LinkClosed { link }),
            },
            Effect::CloseLink { link } => {
                if let Some(connection) = master.links.remove(&link) {
                    self.send(connection, Side::Remote, Message::Fin);
                    self.tell_master(node, Command::LinkClosed { link });
                }
            }
            Effect::ArmTimer { at, timer } => {
                let incarnation = self.nodes[node].incarnation;
                let what = NodeEvent::Timer { lead, timer };
                self.schedule(at.max(self.now), Event::Node { node, incarnation, what });
            }
        }
    }

    /// Opens a link to an agent, if a master leads on the node.
    pub(crate) fn open_link(&mut self, node: usize, machine: usize, number: u64) -> Option<u64> {
        let incarnation = self.machines[machine].incarnation;
        let master = self.nodes[node].master.as_mut()?;
        master.opened_links += 1;
        let (link, lead) = (LinkId(master.opened_links), master.lead);
        let kind = Kind::Link { machine, link, connection: number };
        let connection = self.connect(kind, node, lead, incarnation);
        self.nodes[node].master.as_mut()?.links.insert(link, connection);
        Some(connection)
    }

    pub(crate) fn call_arrives(
        &mut self,
        node: usize,
        caller: Caller,
        stream: StreamId,
        call: Call,
    ) {
        if let Err(problem) = master_core::validation::call(&call) {
            return self.fail("calls", format!("Marathon made an invalid call: {problem}"));
        }
        if !self.nodes[node].is_up {
            return; // Nobody answers.
        }
        let Some(master) = &mut self.nodes[node].master else {
            return self.answer_call(caller, false);
        };
        let request = RequestId(master.requests);
        master.requests += 1;
        master.replies.insert(request, caller);
        self.trace
            .note(self.now, || format!("node {node}: call {:?} {}", call.r#type(), brief(&call)));
        let command = Command::Call { request, stream: Some(stream), call: Box::new(call) };
        self.tell_master(node, command);
    }

    fn answer_call(&mut self, caller: Caller, is_ok: bool) {
        let Caller { node, incarnation, lead, number } = caller;
        let what = NodeEvent::CallAnswered { lead, number, is_ok };
        let delay = self.random.micros(30, 2_000);
        self.schedule(self.now + delay, Event::Node { node, incarnation, what });
    }

    /// The leadership is over: every connection of it is closed.
    pub(crate) fn close_all_of_master(&mut self, node: usize) {
        let Some(master) = &self.nodes[node].master else { return };
        let connections: Vec<u64> =
            master.links.values().chain(master.streams.values()).copied().collect();
        for connection in connections {
            self.send(connection, Side::Remote, Message::Fin);
        }
    }
}

fn brief_frame(frame: &MasterFrame) -> String {
    match &frame.body {
        Some(Body::RunTask(order)) => format!("run {}", order.task.task_id.value),
        Some(Body::KillTask(order)) => format!("kill {}", order.task_id.value),
        Some(Body::AcknowledgeUpdate(seen)) => {
            format!("acknowledged {} {:?}", seen.task_id.value, seen.uuid.first())
        }
        Some(Body::Registered(answer)) => format!("registered as {}", answer.agent_id.value),
        Some(Body::Reregistered(answer)) => format!("re-registered as {}", answer.agent_id.value),
        Some(Body::Refused(refused)) => format!("refused: {}", refused.message),
        Some(Body::Ping(ping)) => format!("ping {}", ping.sequence),
        Some(Body::UpdateFramework(_)) => "the framework has changed".to_owned(),
        Some(Body::ShutdownFramework(_)) => "the framework is over".to_owned(),
        Some(Body::Shutdown(_)) => "shut down".to_owned(),
        None => "nothing".to_owned(),
    }
}

/// What a call is about, for the trace.
fn brief(call: &Call) -> String {
    let mut words = Vec::new();
    if let Some(accept) = &call.accept {
        let launches = accept.operations.iter().filter_map(|operation| operation.launch.as_ref());
        let tasks = launches.flat_map(|launch| &launch.task_infos);
        words.extend(tasks.map(|task| task.task_id.value.clone()));
    }
    words.extend(call.kill.iter().map(|kill| kill.task_id.value.clone()));
    words.extend(call.acknowledge.iter().map(|seen| seen.task_id.value.clone()));
    words.extend(call.reconcile.iter().map(|asked| format!("{} tasks", asked.tasks.len())));
    words.join(" ")
}
