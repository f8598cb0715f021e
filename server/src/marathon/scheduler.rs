//! The client of the scheduler API: one subscription to the leading Mesos master (mesos.md §4).
//!
//! Protobuf both ways. Calls go out one after the other, so the master sees them in the core's order. Whatever
//! goes wrong ends the subscription; the next one begins with a reconciliation, which mends what was lost. A master that
//! is too busy for a call is asked again, with the subscription kept.

mod calls;
mod connection;
mod master;

use std::time::Duration;

use bytes::Bytes;
use coordination::Lease;
use marathon_core::scheduler_api::{call_to_v1, offer_from_v1, status_from_v1};
use marathon_core::{Command, Marathon};
use model::{FrameworkId, OfferId};
use tokio::sync::watch;
use tracing::{debug, info, warn};
use wire::mesos::v1;
use wire::mesos::v1::scheduler::event::Type;

use self::calls::Backlog;
pub(super) use self::calls::{Calls, Outgoing, calls};
use self::connection::{Connection, ConnectionError, Subscription};
use super::config::MarathonConfig;
use crate::driver;

/// Pause after a failed subscription, doubling up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between attempts to subscribe.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause between attempts to send a call to a busy master.
const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(1);
/// Heartbeats that may be missed.
const HEARTBEATS: f64 = 5.0;
/// The heartbeat interval until the master has named one.
const HEARTBEAT_SECONDS: f64 = 15.0;
/// What the master says when our framework id has been used up (mesos.md §4.1).
const REMOVED: &str = "Framework has been removed";

/// The scheduler's side of the connection to Mesos.
pub(super) struct Scheduler {
    pub(super) config: MarathonConfig,
    pub(super) core: driver::Handle<Marathon>,
    /// The content of the leading master's election node.
    pub(super) master: watch::Receiver<Option<Bytes>>,
    pub(super) calls: Outgoing,
}

/// Why a subscription ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("the master refused: {0}")]
    Refused(String),
    #[error("another master leads")]
    MasterChanged,
    #[error("the core has ended")]
    NoCore,
}

impl Scheduler {
    /// Keeps a subscription to whichever master leads. Ends with the core.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(address) = self.leading_master().await else { return };
            self.core.lease().held().await;
            let (was_subscribed, ended) = self.subscribe(&address).await;
            if was_subscribed {
                pause = FIRST_PAUSE;
            }
            if matches!(ended, Ended::NoCore)
                || self.core.send(Command::Disconnected).await.is_err()
            {
                return;
            }
            warn!(master = %address, "subscription to the Mesos master `{address}` ended: {ended}");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits for a leading master; its `host:port`.
    async fn leading_master(&mut self) -> Option<String> {
        loop {
            let content = self.master.borrow_and_update().clone();
            if let Some(address) = content.as_deref().and_then(master::address) {
                return Some(address);
            }
            self.master.changed().await.ok()?;
        }
    }

    /// Subscribes and stays subscribed as long as it lasts; says whether the master ever accepted.
    async fn subscribe(&mut self, address: &str) -> (bool, Ended) {
        let framework = self.core.snapshot().framework.clone();
        let call = subscribe_call(&self.config, framework.as_ref());
        let connection = Connection::new(address);
        let subscription = match connection.subscribe(&call).await {
            Ok(subscription) => subscription,
            Err(error) => return (false, error.into()),
        };
        let (accepted, mut accepted_id) = watch::channel(None);
        let stream_id = subscription.stream_id.clone();
        let (core, calls) = (self.core.clone(), &mut self.calls);
        let lease = core.lease().clone();
        let reading = read(subscription, connection.address(), core, accepted, calls.backlog());
        let sending = async {
            let id = accepted_id.wait_for(Option::is_some).await.ok().and_then(|id| id.clone());
            let Some(id) = id else { return std::future::pending().await };
            send(&lease, &connection, &stream_id, &id, calls).await
        };
        let ended = tokio::select! {
            ended = reading => ended,
            ended = sending => ended,
            () = changed(&mut self.master, address) => Ended::MasterChanged,
        };
        (accepted_id.borrow().is_some(), ended)
    }
}

/// Resolves when another master than `address`, or none, leads.
async fn changed(master: &mut watch::Receiver<Option<Bytes>>, address: &str) {
    let is_other = |content: &Option<Bytes>| {
        content.as_deref().and_then(master::address).as_deref() != Some(address)
    };
    if master.wait_for(is_other).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Turns events into commands until the stream ends. The first event must be SUBSCRIBED.
async fn read(
    mut subscription: Subscription,
    address: &str,
    core: driver::Handle<Marathon>,
    accepted: watch::Sender<Option<FrameworkId>>,
    mut backlog: Backlog,
) -> Ended {
    let mut silence = Duration::from_secs_f64(HEARTBEATS * HEARTBEAT_SECONDS);
    loop {
        let event = match subscription.next(silence).await {
            Ok(event) => event,
            Err(error) => return error.into(),
        };
        let subscribed = event.subscribed.as_ref();
        if let Some(seconds) = subscribed.and_then(|s| s.heartbeat_interval_seconds) {
            silence = Duration::try_from_secs_f64(HEARTBEATS * seconds).unwrap_or(silence);
        }
        let command = match command(event, address) {
            Ok(command) => command,
            Err(message) => {
                if message == REMOVED && core.send(Command::FrameworkRemoved).await.is_err() {
                    return Ended::NoCore;
                }
                return Ended::Refused(message);
            }
        };
        let Some(command) = command else { continue };
        let framework = match &command {
            Command::Subscribed { framework, .. } => Some(framework.clone()),
            _ => None,
        };
        if core.send(command).await.is_err() {
            return Ended::NoCore;
        }
        if let Some(framework) = framework {
            info!(framework.id = %framework, master = %address, "subscribed to the Mesos master `{address}`");
            accepted.send_replace(Some(framework));
        }
        // Calls are sent from the first event on.
        backlog.is_short().await;
    }
}

/// The command that an event means, if any; the message of an ERROR.
fn command(event: v1::scheduler::Event, address: &str) -> Result<Option<Command>, String> {
    let kind = event.r#type.and_then(|kind| Type::try_from(kind).ok()).unwrap_or(Type::Unknown);
    Ok(match kind {
        Type::Subscribed => event.subscribed.map(|subscribed| Command::Subscribed {
            framework: FrameworkId::new(subscribed.framework_id.value),
            master: address.to_owned(),
        }),
        Type::Offers => event
            .offers
            .map(|offers| Command::Offers(offers.offers.iter().map(offer_from_v1).collect())),
        Type::Rescind => {
            event.rescind.map(|rescind| Command::Rescinded(OfferId::new(rescind.offer_id.value)))
        }
        Type::Update => event
            .update
            .and_then(|update| status_from_v1(&update.status))
            .map(Command::StatusUpdate),
        Type::Error => {
            return Err(event.error.map(|error| error.message).unwrap_or_default());
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

/// Sends the core's calls in their order until one fails.
async fn send(
    lease: &Lease,
    connection: &Connection,
    stream_id: &str,
    framework: &FrameworkId,
    calls: &mut Outgoing,
) -> Ended {
    while let Some(call) = calls.next().await {
        let message = call_to_v1(&call, framework);
        debug!(?call, "calling the Mesos master");
        if let Err(error) = send_one(lease, connection, stream_id, &message).await {
            return error.into();
        }
    }
    Ended::NoCore
}

/// Sends one call, again and again while the master is too busy to take it.
async fn send_one(
    lease: &Lease,
    connection: &Connection,
    stream_id: &str,
    call: &v1::scheduler::Call,
) -> Result<(), ConnectionError> {
    let mut pause = FIRST_PAUSE;
    loop {
        // What the core released before may be sent only while it holds its lease.
        lease.held().await;
        match connection.call(stream_id, call).await {
            // It was not taken. Whoever reads the events sees when the master is gone for good.
            Err(error) if error.is_busy() => {
                warn!("the Mesos master does not take a call yet: {error}");
            }
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_BUSY_PAUSE);
    }
}

/// The SUBSCRIBE call (marathon.md §9).
fn subscribe_call(config: &MarathonConfig, framework: Option<&FrameworkId>) -> v1::scheduler::Call {
    use v1::framework_info::Capability;
    use v1::framework_info::capability::Type as Kind;
    let id = framework.map(|id| v1::FrameworkId { value: id.to_string() });
    let capabilities = [Kind::PartitionAware, Kind::RegionAware, Kind::MultiRole];
    let capability = |kind: Kind| Capability { r#type: Some(kind.into()) };
    v1::scheduler::Call {
        framework_id: id.clone(),
        r#type: Some(v1::scheduler::call::Type::Subscribe.into()),
        subscribe: Some(v1::scheduler::call::Subscribe {
            framework_info: v1::FrameworkInfo {
                user: config.mesos_user.clone(),
                name: config.framework_name.clone(),
                id,
                failover_timeout: Some(config.failover_timeout.as_secs_f64()),
                checkpoint: Some(true),
                roles: vec!["*".to_owned()],
                hostname: Some(config.hostname.clone()),
                webui_url: Some(config.webui_url()),
                capabilities: capabilities.map(capability).into(),
                ..v1::FrameworkInfo::default()
            },
            ..v1::scheduler::call::Subscribe::default()
        }),
        ..v1::scheduler::Call::default()
    }
}

#[cfg(test)]
mod tests;
