//! Election: stands for it, runs the core while it lasts, stands again.
//!
//! Loaded is what was stored when the election was won. When leadership is lost, or a write fails, the core
//! is dropped with everything speculative in it. While the lease has lapsed the core is kept and says nothing.

use std::time::Duration;

use bytes::Bytes;
use coordination::{Election, Leadership, Session, SessionError};
use marathon_core::{Command, Marathon, Start, records};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::alarm;
use super::config::MarathonConfig;
use super::core::Ports;
use super::event_stream::Events;
use super::handle::Replies;
use super::prober;
use super::scheduler::{self, Scheduler};
use crate::clock::Clock;
use crate::driver::{self, Fenced};

/// Commands that wait for the core; whoever brings one more waits.
const INBOX: usize = 4_096;
/// Pause before standing again after a failed campaign.
const PAUSE: Duration = Duration::from_millis(250);
/// Pause before standing again when the records could not be read.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// What a candidate for leadership needs.
pub(super) struct Candidate {
    pub(super) session: Session,
    pub(super) config: MarathonConfig,
    pub(super) clock: Clock,
    pub(super) core: watch::Sender<Option<driver::Handle<Marathon>>>,
    pub(super) replies: Replies,
    pub(super) events: Events,
    pub(super) stop: CancellationToken,
}

impl Candidate {
    /// Stands for election and leads, again and again, until told to stop.
    pub(super) async fn run(self) {
        let content = Bytes::from(self.config.address());
        while !self.stop.is_cancelled() {
            let campaign = self.session.campaign(Election::Marathon, content.clone());
            let leadership = tokio::select! {
                () = self.stop.cancelled() => return,
                leadership = campaign => leadership,
            };
            let pause = match leadership {
                Ok(leadership) => Box::pin(self.lead(leadership)).await,
                Err(error @ (SessionError::Superseded | SessionError::Stopped)) => {
                    error!("marathon stands no more: {error}");
                    return;
                }
                Err(error) => {
                    warn!(%error, "marathon cannot stand for election: {error}");
                    PAUSE
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Leads until leadership is lost; says how long to wait before standing again.
    async fn lead(&self, leadership: Leadership) -> Duration {
        let start = Start {
            settings: self.config.core.clone(),
            seed: rand::random(),
            now: self.clock.now(),
            wall: self.clock.wall(),
        };
        let stored = self.session.load(records::PREFIX);
        let core = match Marathon::recover(start, stored.iter()) {
            Ok(core) => core,
            Err(error) => {
                error!(%error, "marathon cannot lead: {error}");
                self.resign(leadership).await;
                return LONG_PAUSE;
            }
        };
        info!(epoch = leadership.epoch.0, "marathon leads");
        // It is large, and this future is inside of others.
        Box::pin(self.run_core(core, &leadership)).await;
        self.core.send_replace(None);
        self.replies.drop_all();
        self.events.end_all();
        info!("marathon leads no more");
        self.resign(leadership).await;
        PAUSE
    }

    /// Waits until others may lead, but not longer than the process lives.
    async fn resign(&self, leadership: Leadership) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = leadership.resign() => {}
        }
    }

    async fn run_core(&self, core: Marathon, leadership: &Leadership) {
        let (handle, inbox) = driver::channel(&core, INBOX, leadership.lease());
        let (calls, outgoing) = scheduler::calls();
        let (probes, questions) = mpsc::unbounded_channel();
        let (alarm, due) = watch::channel(None);
        let ports = Ports {
            replies: self.replies.clone(),
            events: self.events.clone(),
            calls,
            probes,
            alarm,
        };
        let scheduler = Scheduler {
            config: self.config.clone(),
            core: handle.clone(),
            master: self.session.leader(Election::Mesos),
            calls: outgoing,
        };
        let journal = Fenced::new(self.session.clone(), leadership);
        let clock = self.clock;
        let driver =
            driver::run(core, inbox, ports, journal, move || clock.now(), self.stop.clone());
        // Sets going what the records left undone.
        if handle.send(Command::Tick).await.is_err() {
            return;
        }
        self.core.send_replace(Some(handle.clone()));
        tokio::select! {
            ended = driver => info!(?ended, "the driver of marathon ended"),
            () = leadership.lost() => {}
            () = scheduler.run() => {}
            () = prober::run(questions, self.config.core.max_concurrent_probes, handle.clone()) => {}
            () = alarm::ring(due, clock, handle.clone()) => {}
            () = alarm::tell_wall_clock(clock, handle) => {}
        }
    }
}
