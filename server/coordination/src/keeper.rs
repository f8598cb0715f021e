//! Keeps this process's lease and session: asks raft for the lease again and again, closes the sessions of
//! nodes that are silent, and opens a new session when this process's own was closed.
//!
//! The raft leader's own lease counts from the moment at which it put the last question that a quorum has
//! acknowledged (design D2). The question is a read index: raft answers once a quorum has confirmed, after
//! the question, that this node still leads. It is timed on our clock and not on raft's, since raft's stands
//! still while the machine sleeps. The only voter is its own quorum.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::Fatal;
use openraft::{ReadPolicy, ServerState};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{error, info, warn};
use zookeeper_core::{Command, Entry, NodeId, SessionId, StateMachine};

use crate::lease::{Confirmed, Deadlines, Holder, QUORUM_LEASE, RENEWED_EVERY};
use crate::node::WallClock;
use crate::raft::{Proposal, Published, Raft};
use crate::standing::Standing;

/// How long a proposal of the keeper may take before it is made again.
const PROPOSED_WITHIN: Duration = Duration::from_secs(5);

/// The keeper's state.
pub(crate) struct Keeper {
    pub(crate) node: NodeId,
    pub(crate) raft: Raft,
    pub(crate) wall_clock: WallClock,
    pub(crate) published: Arc<Published>,
    pub(crate) standing: Arc<Standing>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("node", &self.node).finish_non_exhaustive()
    }
}

/// A number for a session that was never used before.
///
/// Clients read the id as a signed number; zero means no owner there.
pub(crate) fn new_session() -> SessionId {
    SessionId(rand::random::<u64>() >> 1 | 1)
}

impl Keeper {
    /// Keeps the lease until raft has stopped.
    pub(crate) async fn run(self) {
        let _ended = self.standing.ended().clone().drop_guard();
        let mut metrics = self.raft.server_metrics();
        let mut ticks = interval(RENEWED_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lease = Holder::default();
        let mut next_session = None;
        let mut deadlines = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = metrics.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
            }
            self.say_when_lapsed();
            self.renew(&mut lease, &mut next_session).await;
            let voters = {
                let metrics = metrics.borrow_watched();
                let leads = metrics.state == ServerState::Leader;
                leads.then(|| metrics.membership_config.membership().voter_ids().collect())
            };
            self.close_silent(voters, &mut deadlines);
        }
        lease.ended();
        self.standing.hold(&lease);
        self.standing.notice_lapse();
        if let Err(reason) = &self.raft.metrics().borrow_watched().running_state
            && !matches!(reason, Fatal::Stopped)
        {
            error!("raft has stopped: {reason}");
        }
    }

    /// Asks for the lease once, and for a session where this process has none.
    async fn renew(&self, lease: &mut Holder, next_session: &mut Option<SessionId>) {
        let sent = self.standing.now();
        if !self.is_confirmed().await {
            return;
        }
        let state = self.published.state();
        let session = self.standing.session();
        if state.session(session).is_some() {
            lease.confirmed(sent, Confirmed::ByQuorum);
            if self.standing.hold(lease) {
                info!(session.id = %session, "the lease of session {session} is held");
            }
            return;
        }
        lease.ended();
        self.standing.hold(lease);
        self.say_when_lapsed();
        if self.standing.is_closing() {
            return;
        }
        // The number is kept until the session is there: an attempt that timed out may still commit.
        let next = *next_session.get_or_insert_with(new_session);
        if state.session(next).is_some() {
            warn!(session.id = %next, "session {session} was closed; session {next} takes its place");
            *next_session = None;
            self.standing.reopened(next);
            return;
        }
        if self.is_superseded(&state) {
            if !self.standing.identity().borrow().is_superseded {
                error!(
                    "another process of node {} has started; this one leads nothing any more",
                    self.node
                );
                self.standing.superseded();
            }
            return;
        }
        let open = Command::OpenSession { session: next, node: self.node };
        if let Err(problem) = self.propose(open).await {
            warn!("session {session} was closed and no other could be opened: {problem}");
        }
    }

    /// Whether raft confirms that this node leads, and this node has applied all that had committed by then.
    async fn is_confirmed(&self) -> bool {
        let confirmed = async {
            let linearizer = self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await.ok()?;
            linearizer.await_ready(&self.raft).await.ok()
        };
        matches!(timeout(QUORUM_LEASE, confirmed).await, Ok(Some(_)))
    }

    /// Whether a younger process of this node has opened its session.
    fn is_superseded(&self, state: &StateMachine) -> bool {
        state.sessions().any(|(_, session)| session.node == self.node && session.is_platform())
    }

    /// Closes the sessions of other nodes that have been silent for too long, while this node leads raft among
    /// `voters`.
    ///
    /// Renewals do not travel yet, so the silence of another voter says nothing: its session stays.
    fn close_silent(&self, voters: Option<BTreeSet<u64>>, deadlines: &mut Option<Deadlines>) {
        let Some(voters) = voters else {
            *deadlines = None;
            return;
        };
        let (state, own, now) =
            (self.published.state(), self.standing.session(), self.standing.now());
        let others = state
            .sessions()
            .filter(|(id, session)| {
                let is_other = *id != own && session.node != self.node;
                is_other && session.is_platform() && !voters.contains(&session.node.0)
            })
            .map(|(id, _)| id);
        let deadlines = deadlines.get_or_insert_default();
        deadlines.observe(others, now);
        let due: Vec<_> = deadlines.due(now).collect();
        for session in due {
            warn!(session.id = %session, "session {session} is closed: its node is silent");
            deadlines.closing(session, now);
            // On a task of its own: a slow disk must not cost this node its lease.
            let (raft, wall_clock) = (self.raft.clone(), Arc::clone(&self.wall_clock));
            tokio::spawn(async move {
                let close = Command::CloseSession { session };
                if let Err(problem) = propose(&raft, &wall_clock, close).await {
                    warn!("session {session} was not closed: {problem}");
                }
            });
        }
    }

    async fn propose(&self, command: Command) -> Result<(), String> {
        let proposed = propose(&self.raft, &self.wall_clock, command);
        timeout(PROPOSED_WITHIN, proposed)
            .await
            .unwrap_or_else(|_| Err("nothing was committed in time".to_owned()))
    }

    fn say_when_lapsed(&self) {
        if self.standing.notice_lapse() {
            warn!("the lease of this node has ended; its leaders are suspended until it is back");
        }
    }
}

/// Proposes a command that is no write of a session, and waits until it is applied.
pub(crate) async fn propose(
    raft: &Raft,
    wall_clock: &WallClock,
    command: Command,
) -> Result<(), String> {
    let entry = Entry { time: wall_clock(), command };
    let proposal = Proposal::new(&entry).map_err(|error| error.to_string())?;
    raft.client_write(proposal).await.map(|_| ()).map_err(|error| error.to_string())
}
