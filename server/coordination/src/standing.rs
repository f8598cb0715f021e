//! What this process may do at this moment: its session, and the lease that the session needs.
//!
//! The keeper writes it, everything that acts reads it. Readers compare the deadline with the clock
//! themselves: a process that slept finds its lease over before anything has told it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use model::Instant;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zookeeper_core::{Fence, SessionId};

use crate::lease::Holder;
use crate::raft::Published;

/// Reads the boot-time clock.
pub(crate) type BootClock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The session of this process, as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) session: SessionId,
    /// Another process of the same node has opened its session: this one stands no more.
    pub(crate) is_superseded: bool,
}

/// Shared by all who act for this process.
pub(crate) struct Standing {
    clock: BootClock,
    published: Arc<Published>,
    /// Nanoseconds on the boot-time clock.
    until: AtomicU64,
    /// Whether the lease was held when the keeper looked last; for those who wait.
    noticed: watch::Sender<bool>,
    identity: watch::Sender<Identity>,
    /// The session is being closed for good: no other takes its place.
    is_closing: AtomicBool,
    /// Cancelled when the keeper has ended: there will be no lease any more.
    ended: CancellationToken,
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing")
            .field("identity", &*self.identity.borrow())
            .finish_non_exhaustive()
    }
}

impl Standing {
    /// A standing without a lease.
    pub(crate) fn new(session: SessionId, clock: BootClock, published: Arc<Published>) -> Self {
        Self {
            clock,
            published,
            until: AtomicU64::new(0),
            noticed: watch::Sender::new(false),
            identity: watch::Sender::new(Identity { session, is_superseded: false }),
            is_closing: AtomicBool::new(false),
            ended: CancellationToken::new(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    pub(crate) fn session(&self) -> SessionId {
        self.identity.borrow().session
    }

    pub(crate) fn identity(&self) -> watch::Receiver<Identity> {
        self.identity.subscribe()
    }

    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Whether the process may act for its session now.
    pub(crate) fn is_held(&self) -> bool {
        self.now().as_nanos() < self.until.load(Ordering::Acquire)
    }

    /// Makes a new deadline known; says whether the lease had lapsed before.
    pub(crate) fn hold(&self, lease: &Holder) -> bool {
        let had_lapsed = !self.is_held();
        self.until.store(lease.until().as_nanos(), Ordering::Release);
        if had_lapsed && self.is_held() {
            // Whoever waits looks again, also when nobody has noticed the lapse.
            self.noticed.send_replace(true);
        }
        had_lapsed
    }

    /// Tells those who wait that the lease has lapsed, once per lapse; says whether it was news.
    pub(crate) fn notice_lapse(&self) -> bool {
        !self.is_held() && self.noticed.send_if_modified(|held| std::mem::replace(held, false))
    }

    /// The process has another session from now on.
    pub(crate) fn reopened(&self, session: SessionId) {
        self.identity.send_replace(Identity { session, is_superseded: false });
    }

    /// The process stops: when its session is closed no other takes its place.
    pub(crate) fn closing(&self) {
        self.is_closing.store(true, Ordering::Release);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// The process has no session and gets none any more.
    pub(crate) fn superseded(&self) {
        self.identity.send_modify(|identity| identity.is_superseded = true);
    }
}

/// Says at every moment whether the leader of one election may act; cheap to clone.
///
/// Without the lease a leader is *suspended*: it sends nothing and answers nothing from its state, and keeps
/// its state. When the lease is back it goes on where it was; when its leadership is over it never is.
#[derive(Debug, Clone)]
pub struct Lease(Option<Arc<Leased>>);

#[derive(Debug)]
struct Leased {
    standing: Arc<Standing>,
    fence: Fence,
}

impl Lease {
    pub(crate) fn new(standing: Arc<Standing>, fence: Fence) -> Self {
        Self(Some(Arc::new(Leased { standing, fence })))
    }

    /// A lease that is always held, for what stands in no election.
    pub const fn always() -> Self {
        Self(None)
    }

    /// Whether the leader may act at this moment.
    pub fn is_held(&self) -> bool {
        let Some(Leased { standing, fence }) = self.0.as_deref() else { return true };
        standing.is_held() && standing.published.state().check_fence(fence).is_ok()
    }

    /// Resolves as soon as the leader may act; at once when it may, never when its leadership is over.
    pub async fn held(&self) {
        let Some(Leased { standing, .. }) = self.0.as_deref() else { return };
        let mut noticed = standing.noticed.subscribe();
        while !self.is_held() {
            if noticed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Resolves once the lease has lapsed, at the latest half a second after it did.
    ///
    /// The end of a leadership is for [`crate::Leadership::lost`] to tell.
    pub async fn lapsed(&self) {
        let Some(Leased { standing, .. }) = self.0.as_deref() else {
            return std::future::pending().await;
        };
        let mut noticed = standing.noticed.subscribe();
        while self.is_held() {
            if noticed.changed().await.is_err() {
                return;
            }
        }
    }
}
