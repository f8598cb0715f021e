//! The leading Marathon with its ports: replies to clients, the alarm, calls to the master.

use std::time::Duration;

use marathon_core::effect::{Call, Reply};
use marathon_core::{Command, Effect, Marathon, Settings, Snapshot, Start, records};
use model::RequestId;
use zookeeper_core::Fence;

use super::scheduler::Scheduler;
use crate::bug::Bug;
use crate::driver::{Driver, Proposing};
use crate::event::{Event, NodeEvent, Place};
use crate::store::Role;
use crate::world::World;

/// How often the core gets a fresh reading of the wall clock.
const WALL_CLOCK_INTERVAL: Duration = Duration::from_secs(10);

/// One leadership of Marathon.
#[derive(Debug)]
pub(crate) struct MarathonLead {
    pub(crate) lead: u64,
    fence: Fence,
    driver: Driver<Marathon>,
    generation: u64,
    pub(crate) scheduler: Scheduler,
    /// The state that has committed.
    pub(crate) published: Snapshot,
}

impl MarathonLead {
    pub(crate) fn proposer(&mut self) -> (&mut dyn Proposing, &Fence) {
        (&mut self.driver, &self.fence)
    }

    pub(crate) fn kills_under_way(&self) -> usize {
        self.driver.core.kills_under_way()
    }
}

impl World {
    pub(crate) fn lead_marathon(&mut self, node: usize, fence: Fence) {
        self.minted += 1;
        let lead = self.minted;
        let seed = u128::from(self.random.next()) << 64 | u128::from(self.random.next());
        let settings = Settings::default();
        let start = Start { settings, seed, now: self.now, wall: self.wall() };
        let stored = self.load(records::PREFIX);
        let recovered =
            Marathon::recover(start, stored.iter().map(|(path, value)| (path.as_str(), value)));
        let core = match recovered {
            Ok(core) => core,
            Err(error) => return self.fail("records", format!("Marathon cannot recover: {error}")),
        };
        let published = core.snapshot();
        self.nodes[node].marathon = Some(MarathonLead {
            lead,
            fence,
            driver: Driver::new(core),
            generation: 0,
            scheduler: Scheduler::default(),
            published,
        });
        self.check_apps(node);
        self.tell_marathon(node, Command::Tick);
        self.later_node(node, Duration::ZERO, NodeEvent::WallClock { lead });
        self.later_node(node, Duration::ZERO, NodeEvent::Subscribe { lead });
    }

    pub(crate) fn tell_marathon(&mut self, node: usize, command: Command) {
        let Some(marathon) = &mut self.nodes[node].marathon else { return };
        marathon.driver.push(command);
        self.wake_marathon(node);
    }

    fn wake_marathon(&mut self, node: usize) {
        let delay = self.random.micros(1, 400);
        let Some(marathon) = &mut self.nodes[node].marathon else { return };
        if marathon.driver.has_work() && !std::mem::replace(&mut marathon.driver.is_woken, true) {
            let what = NodeEvent::Drive { role: Role::Marathon, lead: marathon.lead };
            self.later_node(node, delay, what);
        }
    }

    pub(crate) fn drive_marathon(&mut self, node: usize, lead: u64) {
        let (now, wall) = (self.now, self.wall());
        let Some(marathon) = self.nodes[node].marathon.as_mut().filter(|m| m.lead == lead) else {
            return;
        };
        marathon.driver.is_woken = false;
        if !marathon.driver.has_work() || !self.holds_lease(node) {
            return;
        }
        let Some(marathon) = self.nodes[node].marathon.as_mut() else { return };
        marathon.driver.apply_waiting(now, wall);
        self.go_on_marathon(node, lead);
    }

    /// Does what has become possible: releases, proposes, applies.
    pub(crate) fn go_on_marathon(&mut self, node: usize, lead: u64) {
        self.release_marathon_batches(node, lead);
        self.propose_batch(node, Role::Marathon, lead);
        self.release_marathon_batches(node, lead);
        self.wake_marathon(node);
    }

    pub(crate) fn marathon_committed(&mut self, node: usize, lead: u64, proposal: u64) {
        if let Some(marathon) = self.nodes[node].marathon.as_mut().filter(|m| m.lead == lead) {
            marathon.driver.committed(proposal);
            self.go_on_marathon(node, lead);
        }
    }

    fn release_marathon_batches(&mut self, node: usize, lead: u64) {
        while self.holds_lease(node) {
            let Some(marathon) = self.nodes[node].marathon.as_mut().filter(|m| m.lead == lead)
            else {
                return;
            };
            let Some((snapshot, effects)) = marathon.driver.release() else { return };
            let before = std::mem::replace(&mut marathon.published, snapshot);
            self.check_marathon(node, &before);
            for effect in effects {
                if !self.burn(Place::Node(node)) || self.lead_of(node, Role::Marathon) != Some(lead)
                {
                    return;
                }
                self.perform_marathon(node, lead, effect);
            }
        }
    }

    fn perform_marathon(&mut self, node: usize, lead: u64, effect: Effect) {
        match effect {
            Effect::Persist(_) => {}
            Effect::Publish(event) => {
                self.trace.note(self.now, || format!("node {node}: event {}", event.event_type()));
            }
            Effect::Reply { to, reply } => self.reply_to_client(node, to, &reply),
            Effect::WakeAt(at) => {
                let Some(marathon) = &mut self.nodes[node].marathon else { return };
                marathon.generation += 1;
                let what = NodeEvent::Alarm { lead, generation: marathon.generation };
                let incarnation = self.nodes[node].incarnation;
                self.schedule(at.max(self.now), Event::Node { node, incarnation, what });
            }
            Effect::Probe(order) => {
                let outcome = self.answer_marathon(&order);
                self.tell_marathon(node, Command::Probed { probe: order.id, outcome });
            }
            Effect::Call(call) => {
                let is_terminal = |world: &Self| match &call {
                    Call::Acknowledge { uuid, .. } => world.check.updates.is_terminal(uuid),
                    _ => false,
                };
                if self.options.bug == Some(Bug::AcknowledgementDropped) && is_terminal(self) {
                    return;
                }
                if self.options.bug == Some(Bug::KillDropped) && matches!(call, Call::Kill { .. }) {
                    return;
                }
                if let Call::Acknowledge { uuid, task, .. } = &call {
                    self.check.terminal.acknowledged(&self.check.updates, task, uuid);
                }
                let Some(marathon) = &mut self.nodes[node].marathon else { return };
                marathon.scheduler.calls.push_back(call);
                self.send_next_call(node);
            }
        }
    }

    pub(crate) fn alarm(&mut self, node: usize, lead: u64, generation: u64) {
        let rings = self.nodes[node]
            .marathon
            .as_ref()
            .is_some_and(|m| m.lead == lead && m.generation == generation);
        if rings {
            self.tell_marathon(node, Command::Tick);
        }
    }

    pub(crate) fn tell_wall_clock(&mut self, node: usize, lead: u64) {
        if self.lead_of(node, Role::Marathon) == Some(lead) {
            let wall = self.wall();
            self.tell_marathon(node, Command::WallClockRead(wall));
            self.later_node(node, WALL_CLOCK_INTERVAL, NodeEvent::WallClock { lead });
        }
    }

    fn reply_to_client(&mut self, node: usize, to: RequestId, reply: &Reply) {
        self.trace.note(self.now, || {
            let text = match reply {
                Reply::Deploying(deploying) => format!("deploying {}", deploying.id),
                Reply::Killing { instances, .. } => format!("killing {}", instances.len()),
                Reply::Done => "done".to_owned(),
                Reply::Refused(refusal) => format!("refused: {refusal}"),
            };
            format!("node {node}: answer to request {}: {text}", to.0)
        });
        self.client_answered(to, reply);
    }
}
