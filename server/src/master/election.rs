//! Standing for election, leading, and standing again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coordination::{Election, Leadership, Session, SessionError};
use master_core::{Master, Recovery, Snapshot, record};
use model::MasterId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::Shared;
use super::leading::Leading;
use super::ports::MasterPorts;
use crate::driver::{self, Ended, Fenced, Journal, Ports as _};

/// Commands that wait for the driver.
const INBOX: usize = 16_384;
/// Pause after a campaign or a recovery that failed.
const PAUSE: Duration = Duration::from_millis(500);

type Publish = watch::Sender<Option<Arc<Snapshot>>>;

/// Stands for election again and again until the process stops.
pub(crate) async fn stand(session: Session, shared: Arc<Shared>, publish: Publish) {
    while !shared.stop.is_cancelled() {
        // A new id for each leadership, so that ids minted in two of them differ.
        let id = MasterId::new(uuid::Uuid::new_v4().to_string());
        let content = match serde_json::to_vec(&shared.config.info(&id)) {
            Ok(content) => Bytes::from(content),
            Err(error) => {
                error!("cannot describe this master: {error}");
                return;
            }
        };
        let campaign = tokio::select! {
            () = shared.stop.cancelled() => return,
            campaign = session.campaign(Election::Mesos, content) => campaign,
        };
        match campaign {
            Ok(leadership) => lead(&session, leadership, &id, &shared, &publish).await,
            Err(error @ (SessionError::Superseded | SessionError::Stopped)) => {
                error!("this master stands no more: {error}");
                return;
            }
            Err(error) => warn!("standing for election failed: {error}"),
        }
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn lead(
    session: &Session,
    leadership: Leadership,
    id: &MasterId,
    shared: &Arc<Shared>,
    publish: &Publish,
) {
    info!(master.id = %id, "elected as the leading master `{id}`, epoch {}", leadership.epoch.0);
    let config = shared.config.core(id, leadership.epoch);
    let loaded = session.load(record::PREFIX);
    let records = loaded.iter().map(|(path, value)| (path, value.as_ref()));
    let (now, wall) = (shared.clock.now(), shared.clock.wall());
    let recovery = match Master::recover(config, now, wall, records) {
        Ok(recovery) => recovery,
        Err(unreadable) => {
            error!("cannot lead: {:#}", anyhow::Error::from(unreadable));
            return;
        }
    };
    let journal = Fenced::new(session.clone(), &leadership);
    tokio::select! {
        () = serve(recovery, journal, shared, publish) => {}
        () = leadership.lost() => warn!("leadership lost"),
    }
    shared.leading.store(None);
    publish.send_replace(None);
}

/// Cancels a leadership's token when its future is dropped, however that comes about.
struct Over(CancellationToken);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Runs a recovered master until the process stops or a write fails.
pub(crate) async fn serve<J: Journal>(
    recovery: Recovery,
    journal: J,
    shared: &Arc<Shared>,
    publish: &Publish,
) {
    let Recovery { master, effects } = recovery;
    // Recovery may have taken a while; what it asks for leaves under a lease like everything else.
    journal.lease().held().await;
    let (handle, inbox) = driver::channel(&master, INBOX, journal.lease());
    let over = Over(shared.stop.child_token());
    let leading = Leading::new(handle, shared.clock, shared.tracker.clone(), over.0.clone());
    let mut ports = MasterPorts::new(Arc::clone(&leading));
    for effect in effects {
        ports.release(effect);
    }
    shared.leading.store(Some(Arc::clone(&leading)));
    let (clock, storage) = (shared.clock, journal.storage());
    let driver = driver::run(master, inbox, ports, journal, move || clock.now(), over.0.clone());
    tokio::select! {
        ended = driver => match ended {
            Ended::Stopped => info!("the master stops"),
            Ended::Unused => {}
            Ended::WriteFailed(error) => error!("the master could not store its state: {error}"),
        },
        () = Arc::clone(&leading).run_timers() => {}
        () = leading.tell_storage(storage) => {}
        () = republish(&leading, publish) => {}
    }
}

/// Passes the states of this leadership on to readers that outlive it; none while it is suspended.
async fn republish(leading: &Leading, publish: &Publish) {
    let mut states = leading.handle.subscribe();
    let lease = leading.handle.lease();
    loop {
        lease.held().await;
        let state = Arc::clone(&states.borrow_and_update());
        publish.send_replace(Some(state));
        tokio::select! {
            () = lease.lapsed() => {
                warn!("the lease has lapsed: the master is suspended");
                publish.send_replace(None);
            }
            changed = states.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}
