//! The state and the way in.

use std::sync::Arc;

use allocator::Allocator;
use imbl::OrdMap;
use model::{Instant, OfferId, RequestId, Timestamp};
use tracing::trace;
use wire::link::{MasterFrame, master_frame};
use wire::mesos::v1::scheduler::Event;

use crate::agents::Agents;
use crate::command::{Command, LinkId, StreamId, Timer};
use crate::config::Config;
use crate::counters::Counters;
use crate::effect::{Effect, Refusal, Reply};
use crate::frameworks::Frameworks;
use crate::offers::Offer;
use crate::snapshot::Snapshot;

/// How many ids of each kind this leadership has minted.
#[derive(Debug, Default)]
pub(crate) struct Minted {
    pub(crate) agents: u64,
    pub(crate) frameworks: u64,
    pub(crate) offers: u64,
    pub(crate) launches: u64,
}

/// One leadership of the Mesos master.
#[derive(Debug)]
pub struct Master {
    pub(crate) config: Arc<Config>,
    /// The time of the command being applied.
    pub(crate) now: Instant,
    /// The same moment on the wall clock, for what people read.
    pub(crate) wall: Timestamp,
    /// What the command being applied has ordered so far.
    pub(crate) effects: Vec<Effect>,
    pub(crate) agents: Agents,
    pub(crate) frameworks: Frameworks,
    pub(crate) offers: OrdMap<OfferId, Arc<Offer>>,
    pub(crate) allocator: Allocator,
    pub(crate) counters: Counters,
    pub(crate) minted: Minted,
    pub(crate) elected_at: Timestamp,
    /// Nothing can be stored at the moment.
    pub(crate) is_storage_full: bool,
    is_allocation_armed: bool,
    filters_end_armed: Option<Instant>,
}

impl Master {
    /// A master that knows nobody, elected at `wall`.
    pub fn new(config: Config, now: Instant, wall: Timestamp) -> Self {
        Self {
            allocator: Allocator::new(config.allocator.clone()),
            config: Arc::new(config),
            now,
            wall,
            effects: Vec::new(),
            agents: Agents::default(),
            frameworks: Frameworks::default(),
            offers: OrdMap::new(),
            counters: Counters::default(),
            minted: Minted::default(),
            elected_at: wall,
            is_storage_full: false,
            is_allocation_armed: false,
            filters_end_armed: None,
        }
    }

    /// Applies one command and returns what must now happen outside.
    ///
    /// `now` orders time-outs and never goes back; `wall` is the same moment for people to read.
    /// Deterministic: equal state, times and command give equal state and effects.
    pub fn apply(&mut self, now: Instant, wall: Timestamp, command: Command) -> Vec<Effect> {
        (self.now, self.wall) = (now, wall);
        trace!(?command, "applying");
        match command {
            Command::AgentFrame { link, frame } => self.agent_frame(link, *frame),
            Command::LinkClosed { link } => self.link_closed(link),
            Command::Subscribe { stream, subscribe } => self.subscribe(stream, *subscribe),
            Command::Call { request, stream, call } => self.call(request, stream.as_ref(), *call),
            Command::StreamClosed { stream } => self.stream_closed(&stream),
            Command::Teardown { request, framework } => self.operator_teardown(request, &framework),
            Command::Storage { is_full } => self.is_storage_full = is_full,
            Command::Timer(timer) => self.timer(timer),
        }
        self.arm_allocation();
        std::mem::take(&mut self.effects)
    }

    fn timer(&mut self, timer: Timer) {
        if self.is_put_off(&timer) {
            return;
        }
        match timer {
            Timer::Allocate => {
                self.is_allocation_armed = false;
                self.allocate();
            }
            Timer::FiltersEnd { at } => {
                if self.filters_end_armed == Some(at) {
                    self.filters_end_armed = None;
                    self.allocate();
                }
            }
            Timer::Ping { agent, link } => self.ping_due(&agent, link),
            Timer::AgentDeadline { agent, link } => self.agent_deadline(&agent, link),
            Timer::ForgetUnreachable => self.forgetting_due(),
            Timer::RecoveryDeadline => self.recovery_deadline(),
            Timer::FailoverDeadline { framework, since } => {
                self.failover_deadline(&framework, since);
            }
        }
    }

    /// Everything that readers may see, as it is now. Costs O(1).
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            config: Arc::clone(&self.config),
            elected_at: self.elected_at,
            agents: self.agents.registered.clone(),
            recovered_agents: self.agents.recovered.clone(),
            unreachable_agents: self.agents.unreachable.clone(),
            frameworks: self.frameworks.known.clone(),
            completed_frameworks: self.frameworks.completed.clone(),
            offers: self.offers.clone(),
            counters: self.counters,
        }
    }

    /// Asks for an allocation cycle once the commands that already wait have been applied.
    fn arm_allocation(&mut self) {
        if self.allocator.is_due() && !self.is_allocation_armed {
            self.is_allocation_armed = true;
            self.effects.push(Effect::ArmTimer { at: self.now, timer: Timer::Allocate });
        }
        if let Some(at) = self.allocator.next_expiry()
            && self.filters_end_armed.is_none_or(|armed| armed > at)
        {
            self.filters_end_armed = Some(at);
            self.effects.push(Effect::ArmTimer { at, timer: Timer::FiltersEnd { at } });
        }
    }

    pub(crate) fn arm(&mut self, at: Instant, timer: Timer) {
        self.effects.push(Effect::ArmTimer { at, timer });
    }

    pub(crate) fn reply(&mut self, to: RequestId, reply: Reply) {
        self.effects.push(Effect::Reply { to, reply });
    }

    pub(crate) fn refuse(&mut self, to: RequestId, refusal: Refusal) {
        self.reply(to, Reply::Refused(refusal));
    }

    pub(crate) fn send_event(&mut self, stream: &StreamId, event: Event) {
        self.effects.push(Effect::SendEvent { stream: stream.clone(), event: Arc::new(event) });
    }

    pub(crate) fn send_frame(&mut self, link: LinkId, body: master_frame::Body) {
        let frame = MasterFrame { epoch: self.config.epoch.0, link: link.0, body: Some(body) };
        self.effects.push(Effect::SendFrame { link, frame: Box::new(frame) });
    }
}
