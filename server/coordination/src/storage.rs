//! Whether the log can take more, as the rest of the process asks it.

use std::sync::{Arc, Weak};

use tokio::sync::watch;

use crate::log::Orders;
use crate::session::Session;

/// Why no other segment of the log can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The disk has no space, or a quota none.
    #[error("the disk is full: the log cannot grow")]
    DiskFull,
    /// Something else, in the system's words.
    #[error("the log cannot grow: {0}")]
    Failed(Arc<str>),
}

/// What the log has left at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    /// Bytes in the segment that is being written.
    left: u64,
    /// Segments that are ready and not in use.
    spares: u64,
    /// Bytes that were asked for and are neither written nor refused, as far as somebody keeps count of them.
    promised: u64,
    /// Why the next segment cannot be made.
    no_room: Option<NoRoom>,
    /// Nothing is written any more.
    is_closed: bool,
}

/// Keeps the account of a log's room: its threads note what there is, and others wait for it. Clones are one
/// account.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    state: watch::Sender<State>,
    no_room: watch::Sender<Option<NoRoom>>,
    segment: u64,
}

impl Room {
    /// A log in segments of `segment` bytes: so many are left in the current one, and spares are ready.
    pub(crate) fn new(segment: u64, left: u64, spares: u64) -> Self {
        let state = State { left, spares, promised: 0, no_room: None, is_closed: false };
        Self { state: watch::Sender::new(state), no_room: watch::Sender::new(None), segment }
    }

    /// What every segment keeps for elections and for raft itself.
    fn reserve(&self) -> u64 {
        self.segment / 4
    }

    /// Notes what is left in the current segment.
    pub(crate) fn left(&self, bytes: u64) {
        self.state.send_modify(|state| state.left = bytes);
    }

    /// Notes that a spare has become the current segment.
    pub(crate) fn moved_on(&self) {
        let segment = self.segment;
        self.state.send_modify(|state| {
            state.spares = state.spares.saturating_sub(1);
            state.left = segment;
        });
    }

    /// Notes that a segment was made; the reason why that was not possible before, if it was not.
    pub(crate) fn made(&self) -> Option<NoRoom> {
        let mut before = None;
        self.state.send_modify(|state| {
            state.spares += 1;
            before = state.no_room.take();
        });
        if before.is_some() {
            self.no_room.send_replace(None);
        }
        before
    }

    /// Notes that a segment cannot be made; false when that was known.
    pub(crate) fn cannot_make(&self, why: NoRoom) -> bool {
        let is_news = self
            .no_room
            .send_if_modified(|known| known.replace(why.clone()).as_ref() != Some(&why));
        self.state.send_modify(|state| state.no_room = Some(why));
        is_news
    }

    /// Notes that the log has ended: nobody needs to wait for room any more.
    pub(crate) fn closed(&self) {
        self.state.send_modify(|state| state.is_closed = true);
    }

    /// Counts bytes that are asked for, until the guard is dropped.
    pub(crate) fn promise(&self, bytes: u64) -> Promise {
        // More promises are nothing that anybody waits for.
        self.state.send_if_modified(|state| {
            state.promised = state.promised.saturating_add(bytes);
            false
        });
        Promise { room: self.clone(), bytes }
    }

    /// Why there is no room for a write that is no change, which may use half of the reserve.
    pub(crate) fn is_exhausted(&self) -> Option<NoRoom> {
        let state = self.state.borrow();
        let left = state.left.saturating_add(state.spares.saturating_mul(self.segment));
        state.no_room.clone().filter(|_| left < self.reserve() / 2)
    }

    /// Whether changes of so many bytes fit in front of the reserve.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        let state = self.state.borrow();
        state.is_closed || bytes <= self.usable(&state)
    }

    fn usable(&self, state: &State) -> u64 {
        state.left.max(self.in_spares(state.spares)).saturating_sub(self.reserve())
    }

    /// What so many spares hold for certain: at the end of each, a group that does not fit leaves a rest.
    fn in_spares(&self, spares: u64) -> u64 {
        let rests = spares.saturating_sub(1).saturating_mul(self.segment / 8);
        spares.saturating_mul(self.segment).saturating_sub(rests)
    }

    /// The number of spares in which changes of so many bytes fit.
    fn spares_for(&self, bytes: u64) -> u64 {
        let beyond_one = bytes.saturating_add(self.reserve()).saturating_sub(self.segment);
        1 + beyond_one.div_ceil((self.segment - self.segment / 8).max(1))
    }

    /// Waits until changes of so many bytes fit, for which further segments are ordered if need be.
    ///
    /// # Errors
    /// When one of these cannot be made.
    pub(crate) async fn make_for(&self, bytes: u64, orders: &Orders) -> Result<(), NoRoom> {
        if self.has_room(bytes) {
            return Ok(());
        }
        orders.spares(self.spares_for(bytes));
        let decided = |state: &State| {
            state.is_closed || bytes <= self.usable(state) || state.no_room.is_some()
        };
        let mut states = self.state.subscribe();
        let Ok(state) = states.wait_for(decided).await else { return Ok(()) };
        let fits = state.is_closed || bytes <= self.usable(&state);
        if fits { Ok(()) } else { state.no_room.clone().map_or(Ok(()), Err) }
    }

    /// Waits until changes of so many bytes fit beside everything that is promised, however long that takes.
    async fn wait_for(&self, bytes: u64, orders: &Weak<Orders>) {
        let fits = |state: &State| {
            state.is_closed || state.promised.saturating_add(bytes) <= self.usable(state)
        };
        if fits(&self.state.borrow()) {
            return;
        }
        // What is promised comes out of what is there: then only this change is missing. Who waits does not
        // keep the log open.
        if let Some(orders) = orders.upgrade() {
            orders.spares(self.spares_for(bytes));
        }
        let _ = self.state.subscribe().wait_for(fits).await;
    }

    async fn wait_for_segment(&self) {
        let has_room = |state: &State| state.is_closed || state.no_room.is_none();
        let _ = self.state.subscribe().wait_for(has_room).await;
    }
}

/// Bytes that somebody counts on.
#[derive(Debug)]
pub(crate) struct Promise {
    room: Room,
    bytes: u64,
}

impl Promise {
    /// How many.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let bytes = self.bytes;
        self.room.state.send_modify(|state| state.promised = state.promised.saturating_sub(bytes));
    }
}

/// Says whether there is room for the log. Clones look at the same log.
///
/// There is none when no other segment can be made, mostly because the disk is full. From then on whoever takes
/// writes from outside refuses them with [`crate::WriteError::NoRoom`] before anything depends on them. What must be
/// written without anybody's asking (a task that ended, an agent that is gone) goes into the rest of the
/// current segment, down to a reserve, and waits there for room. What is proposed all the same is refused.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    no_room: Option<watch::Receiver<Option<NoRoom>>>,
    /// Nothing when there is no room, unless it is known.
    log: Option<(Room, Weak<Orders>)>,
}

impl Storage {
    /// Follows what says why there is no room. Then nothing is written until there is.
    pub fn new(no_room: watch::Receiver<Option<NoRoom>>) -> Self {
        Self { no_room: Some(no_room), log: None }
    }

    /// The same for a log with this account.
    pub(crate) fn of_log(room: Room, orders: Weak<Orders>) -> Self {
        Self { no_room: Some(room.no_room.subscribe()), log: Some((room, orders)) }
    }

    /// A storage that always has room.
    pub fn endless() -> Self {
        Self { no_room: None, log: None }
    }

    /// Why there is no room for another segment of the log; `None` while there is.
    pub fn no_room(&self) -> Option<NoRoom> {
        self.no_room.as_ref().and_then(|no_room| no_room.borrow().clone())
    }

    /// Whether there is no room for another segment of the log, for whatever reason.
    pub fn is_full(&self) -> bool {
        self.no_room.as_ref().is_some_and(|no_room| no_room.borrow().is_some())
    }

    /// Waits until that is different from what it was at the last call; for ever when it never will be.
    pub async fn changed(&mut self) {
        let is_over = match &mut self.no_room {
            Some(no_room) => no_room.changed().await.is_err(),
            None => true,
        };
        if is_over {
            std::future::pending().await
        }
    }

    /// Waits until there is room for another segment, and not at all when there is.
    pub async fn room(&self) {
        // When the log has ended every write fails by itself.
        match (&self.log, &self.no_room) {
            (Some((room, _)), _) => room.wait_for_segment().await,
            (None, Some(no_room)) => {
                let _ = no_room.clone().wait_for(Option::is_none).await;
            }
            (None, None) => {}
        }
    }

    /// Waits until changes of so many bytes may be proposed that nobody from outside asked for.
    ///
    /// That is as soon as they fit into what is left of the current segment or into one that is ready, beside
    /// all changes that were proposed before, with as many of somebody else who asks at the same moment. So a
    /// proposal after it is not refused for want of room, also when the disk becomes full meanwhile.
    pub async fn room_for(&self, bytes: usize) {
        /// What the frames of small changes take.
        const FRAMES: u64 = 64 << 10;
        let wanted = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(2);
        match &self.log {
            Some((room, orders)) => room.wait_for(wanted.saturating_add(FRAMES), orders).await,
            None => self.room().await,
        }
    }
}

impl Session {
    /// Whether the log has room for more.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::log::Request;

    const SEGMENT: u64 = 4 << 20;
    const RESERVE: u64 = 1 << 20;

    async fn is_ready(waiting: impl Future<Output = ()>) -> bool {
        futures_util::poll!(std::pin::pin!(waiting)).is_ready()
    }

    #[tokio::test]
    async fn on_a_full_disk_small_changes_go_into_what_is_left_and_large_ones_wait() {
        let room = Room::new(SEGMENT, 2 * RESERVE, 0);
        let storage = Storage::of_log(room.clone(), Weak::new());
        assert!(room.cannot_make(NoRoom::DiskFull) && storage.is_full());
        assert!(!room.cannot_make(NoRoom::DiskFull), "it is no news");
        assert!(is_ready(storage.room_for(1_000)).await);
        assert!(!is_ready(storage.room_for(600_000)).await, "two of them may be too many");
        assert!(!is_ready(storage.room()).await);
        room.left(RESERVE + 10_000);
        assert!(!is_ready(storage.room_for(1_000)).await, "it would take of the reserve");
        assert_eq!(room.made(), Some(NoRoom::DiskFull));
        assert!(is_ready(storage.room_for(600_000)).await && is_ready(storage.room()).await);
    }

    #[tokio::test]
    async fn what_was_promised_to_others_is_not_promised_again() {
        let room = Room::new(SEGMENT, SEGMENT, 0);
        let storage = Storage::of_log(room.clone(), Weak::new());
        assert!(is_ready(storage.room_for(1 << 20)).await);
        let other = room.promise(2 << 20);
        // Nobody knows that the disk is full, and it may become so at any moment.
        let mut waiting = std::pin::pin!(storage.room_for(1 << 20));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        drop(other);
        assert!(futures_util::poll!(waiting).is_ready());
    }

    #[tokio::test]
    async fn a_change_that_does_not_fit_orders_the_segments_that_it_needs() {
        let (orders, ordered) = channel();
        let orders = Arc::new(Orders(orders));
        let room = Room::new(SEGMENT, SEGMENT, 0);
        let storage = Storage::of_log(room.clone(), Arc::downgrade(&orders));
        for (bytes, spares) in [(2 << 20, 2), (1_600_000, 2), (5 << 20, 4)] {
            let mut waiting = std::pin::pin!(storage.room_for(bytes));
            assert!(futures_util::poll!(waiting.as_mut()).is_pending());
            let Ok(Request::Spares(count)) = ordered.try_recv() else { panic!("{bytes} bytes") };
            assert_eq!(count, spares, "{bytes} bytes");
        }
        for _ in 0..4 {
            assert_eq!(room.made(), None);
        }
        assert!(is_ready(storage.room_for(5 << 20)).await);
        room.moved_on();
        assert!(!is_ready(storage.room_for(5 << 20)).await);
        // Whoever asks when the log has ended learns the rest from the write.
        room.closed();
        assert!(is_ready(storage.room_for(5 << 20)).await);
    }
}
