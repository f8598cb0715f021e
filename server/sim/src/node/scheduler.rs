//! Marathon's client of the scheduler API, as `server/src/marathon/scheduler.rs` has it.
//!
//! One event stream; calls beside it, one after the other. Whatever goes wrong ends the subscription. Calls that
//! still wait then go out on the next one; a call under way may or may not have been carried out.

use std::collections::VecDeque;
use std::time::Duration;

use marathon_core::Command;
use marathon_core::effect::Call;
use marathon_core::scheduler_api::{call_to_v1, offer_from_v1, status_from_v1};
use master_core::StreamId;
use model::{FrameworkId, OfferId};
use wire::mesos::v1;
use wire::mesos::v1::framework_info::Capability;
use wire::mesos::v1::framework_info::capability::Type as Kind;
use wire::mesos::v1::scheduler::call::Subscribe;
use wire::mesos::v1::scheduler::event::Type;

use crate::event::{Caller, Event, Message, NodeEvent, Place, Side};
use crate::network;
use crate::store::Role;
use crate::world::World;

/// Pause after a failed subscription, doubling up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// What the master says when our framework id has been used up.
const REMOVED: &str = "Framework has been removed";

/// Where the client stands.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    pub(crate) calls: VecDeque<Call>,
    subscription: Option<Subscription>,
    pause: Option<Duration>,
    waits_for_master: bool,
    numbers: u64,
}

#[derive(Debug)]
struct Subscription {
    /// The master's node.
    node: usize,
    connection: u64,
    stream: StreamId,
    framework: Option<FrameworkId>,
    /// The call that is under way.
    calling: Option<u64>,
}

impl World {
    /// Opens a subscription to whichever master leads, or waits for one.
    pub(crate) fn subscribe(&mut self, node: usize, lead: u64) {
        let leader = self.known_leader(node, Role::Mesos);
        let Some(marathon) = self.nodes[node].marathon.as_mut().filter(|m| m.lead == lead) else {
            return;
        };
        if marathon.scheduler.subscription.is_some() {
            return;
        }
        let Some(leader) = leader else {
            marathon.scheduler.waits_for_master = true;
            return;
        };
        marathon.scheduler.waits_for_master = false;
        let framework = marathon.published.framework.clone();
        let master = leader.node;
        let is_open = self.is_responsive(Place::Node(master));
        // A subscription is stored before it is answered.
        let is_open = is_open && !self.nodes[master].disk.is_full;
        let Some(master_lead) = self.lead_of(master, Role::Mesos).filter(|_| is_open) else {
            return self.subscription_failed(node, lead);
        };
        let stream = StreamId::new(format!("stream-{}", self.random.next()));
        let incarnation = self.nodes[node].incarnation;
        let kind = network::Kind::Stream { marathon: node, lead, stream: stream.clone() };
        let connection = self.connect(kind, master, master_lead, incarnation);
        if let Some(master) = &mut self.nodes[master].master {
            master.streams.insert(stream.clone(), connection);
        }
        if let Some(marathon) = &mut self.nodes[node].marathon {
            marathon.scheduler.subscription = Some(Subscription {
                node: master,
                connection,
                stream: stream.clone(),
                framework: None,
                calling: None,
            });
        }
        let subscribe = Box::new(subscribe_call(framework.as_ref()));
        self.tell_master(master, master_core::Command::Subscribe { stream, subscribe });
    }

    fn subscription_failed(&mut self, node: usize, lead: u64) {
        self.tell_marathon(node, Command::Disconnected);
        let Some(marathon) = &mut self.nodes[node].marathon else { return };
        let pause = marathon.scheduler.pause.unwrap_or(FIRST_PAUSE);
        marathon.scheduler.pause = Some((pause * 2).min(LONGEST_PAUSE));
        self.later_node(node, pause, NodeEvent::Subscribe { lead });
    }

    /// Ends the subscription; another one follows when `is_resumed`.
    pub(crate) fn end_subscription(&mut self, node: usize, is_resumed: bool) {
        let Some(marathon) = &mut self.nodes[node].marathon else { return };
        let lead = marathon.lead;
        let Some(subscription) = marathon.scheduler.subscription.take() else { return };
        if subscription.framework.is_some() {
            marathon.scheduler.pause = None;
        }
        self.trace.note(self.now, || format!("node {node}: Marathon's subscription ends"));
        self.send(subscription.connection, Side::Master, Message::Fin);
        if is_resumed {
            self.subscription_failed(node, lead);
        }
    }

    /// Another master than the one subscribed to may lead.
    pub(crate) fn master_may_have_changed(&mut self, node: usize) {
        let leader = self.known_leader(node, Role::Mesos);
        let Some(marathon) = &self.nodes[node].marathon else { return };
        let lead = marathon.lead;
        match &marathon.scheduler.subscription {
            // The address is what is compared, so a master that leads again looks the same.
            Some(subscription) => {
                let is_same = leader.is_some_and(|leader| leader.node == subscription.node);
                if !is_same {
                    self.end_subscription(node, true);
                }
            }
            None if marathon.scheduler.waits_for_master => self.subscribe(node, lead),
            None => {}
        }
    }

    /// The stream brought an event, or ended.
    pub(crate) fn stream_heard(
        &mut self,
        node: usize,
        lead: u64,
        connection: u64,
        message: Message,
    ) {
        let Some(marathon) = self.nodes[node].marathon.as_mut().filter(|m| m.lead == lead) else {
            return;
        };
        let current = marathon.scheduler.subscription.as_mut();
        let Some(subscription) = current.filter(|s| s.connection == connection) else { return };
        let Message::Event(event) = message else { return self.end_subscription(node, true) };
        let command = match command_of(&event) {
            Ok(Some(command)) => command,
            Ok(None) => return,
            Err(message) => {
                if message == REMOVED {
                    self.tell_marathon(node, Command::FrameworkRemoved);
                }
                return self.end_subscription(node, true);
            }
        };
        if let Command::Subscribed { framework, .. } = &command {
            subscription.framework = Some(framework.clone());
        }
        if let Command::StatusUpdate(update) = &command {
            self.trace.note(self.now, || {
                format!(
                    "node {node}: told that {} is {:?} ({:?})",
                    update.task, update.state, update.reason
                )
            });
        }
        self.framework_hears(&command);
        self.tell_marathon(node, command);
        self.send_next_call(node);
    }

    /// Sends the oldest call that waits, when none is under way.
    pub(crate) fn send_next_call(&mut self, node: usize) {
        let incarnation = self.nodes[node].incarnation;
        let Some(marathon) = &mut self.nodes[node].marathon else { return };
        let lead = marathon.lead;
        let scheduler = &mut marathon.scheduler;
        let Some(subscription) = &mut scheduler.subscription else { return };
        let Some(framework) = subscription.framework.clone() else { return };
        if subscription.calling.is_some() {
            return;
        }
        let Some(call) = scheduler.calls.pop_front() else { return };
        scheduler.numbers += 1;
        let number = scheduler.numbers;
        subscription.calling = Some(number);
        let (master, stream) = (subscription.node, subscription.stream.clone());
        let caller = Caller { node, incarnation, lead, number };
        let call = Box::new(call_to_v1(&call, &framework));
        let delay = self.random.micros(30, 3_000);
        if !self.faults.loses_calls || !self.random.percent(10) {
            let what = Event::CallArrives { node: master, caller, stream, call };
            self.schedule(self.now + delay, what);
        }
        self.later_node(node, ANSWER_TIMEOUT, NodeEvent::CallOverdue { lead, number });
    }

    pub(crate) fn call_answered(&mut self, node: usize, lead: u64, number: u64, is_ok: bool) {
        let Some(marathon) = self.nodes[node].marathon.as_mut().filter(|m| m.lead == lead) else {
            return;
        };
        let Some(subscription) = &mut marathon.scheduler.subscription else { return };
        if subscription.calling != Some(number) {
            return; // Of an earlier subscription, or a timer that has become pointless.
        }
        subscription.calling = None;
        if is_ok {
            self.send_next_call(node);
        } else {
            self.end_subscription(node, true);
        }
    }

    /// The connection of Marathon's event stream.
    pub(crate) fn stream_of(&self, node: usize) -> Option<u64> {
        let scheduler = &self.nodes[node].marathon.as_ref()?.scheduler;
        Some(scheduler.subscription.as_ref()?.connection)
    }
}

/// The command that an event means, if any; the message of an ERROR.
fn command_of(event: &v1::scheduler::Event) -> Result<Option<Command>, String> {
    let kind = event.r#type.and_then(|kind| Type::try_from(kind).ok()).unwrap_or(Type::Unknown);
    Ok(match kind {
        Type::Subscribed => event.subscribed.as_ref().map(|subscribed| Command::Subscribed {
            framework: FrameworkId::new(subscribed.framework_id.value.as_str()),
            master: "10.0.0.1:5050".to_owned(),
        }),
        Type::Offers => event
            .offers
            .as_ref()
            .map(|offers| Command::Offers(offers.offers.iter().map(offer_from_v1).collect())),
        Type::Rescind => event
            .rescind
            .as_ref()
            .map(|rescind| Command::Rescinded(OfferId::new(rescind.offer_id.value.as_str()))),
        Type::Update => event
            .update
            .as_ref()
            .and_then(|update| status_from_v1(&update.status))
            .map(Command::StatusUpdate),
        Type::Error => {
            return Err(event.error.as_ref().map(|e| e.message.clone()).unwrap_or_default());
        }
        Type::Heartbeat
        | Type::Failure
        | Type::Message
        | Type::InverseOffers
        | Type::RescindInverseOffer
        | Type::UpdateOperationStatus
        | Type::Unknown => None,
    })
}

fn subscribe_call(framework: Option<&FrameworkId>) -> Subscribe {
    let capability = |kind: Kind| Capability { r#type: Some(kind.into()) };
    Subscribe {
        framework_info: v1::FrameworkInfo {
            user: "root".to_owned(),
            name: "marathon".to_owned(),
            id: framework.map(|id| v1::FrameworkId { value: id.to_string() }),
            failover_timeout: Some(604_800.0),
            checkpoint: Some(true),
            roles: vec!["*".to_owned()],
            capabilities: [Kind::PartitionAware, Kind::RegionAware, Kind::MultiRole]
                .map(capability)
                .into(),
            ..v1::FrameworkInfo::default()
        },
        ..Subscribe::default()
    }
}
