//! The one writer and the handle of everybody else.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{info, warn};

use crate::file::{self, FileError, Open};
use crate::insert::insert;
use crate::prune::{self, Step};
use crate::record::Record;

/// Records that one transaction stores.
const BATCH: usize = 256;
/// Steps of pruning between two batches.
const PRUNE_STEPS: usize = 4;
/// Pause after the file could not be opened.
const RETRY: Duration = Duration::from_secs(1);
/// Why records are skipped once the process stops.
const ENDED: &str = "the writer has ended";
/// Begins a transaction that writes, so that it never has to be upgraded.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Where history is kept, and how much of it.
#[derive(Clone)]
pub struct Settings {
    /// The file.
    pub path: PathBuf,
    /// What was recorded longer ago is deleted.
    pub max_age: Duration,
    /// What the content may take on disk; the oldest rows go first.
    pub max_bytes: u64,
    /// Records that wait for the writer; one more is skipped.
    pub queue: usize,
    /// How long a statement waits for a lock that another process holds.
    pub busy_timeout: Duration,
    /// How often the file is looked after while nothing is recorded.
    pub tend_every: Duration,
    /// The wall clock, in milliseconds since 1970.
    pub now_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl Settings {
    /// The defaults for a file at `path`: 30 days, 256 MiB.
    pub fn new(path: impl Into<PathBuf>, now_ms: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        Self {
            path: path.into(),
            max_age: Duration::from_secs(30 * 24 * 60 * 60),
            max_bytes: 256 << 20,
            queue: 4_096,
            busy_timeout: Duration::from_secs(5),
            tend_every: Duration::from_secs(5),
            now_ms,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("path", &self.path)
            .field("max_age", &self.max_age)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

/// How history fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Records that could not be stored since the process started.
    pub skipped: u64,
    /// Why records are being skipped, in a sentence; none while all is well.
    pub problem: Option<String>,
}

/// What writer and handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    readers: watch::Sender<Option<SqlitePool>>,
    /// A reader found the file damaged.
    pub(crate) is_damaged: AtomicBool,
    status: watch::Sender<Status>,
    /// Told whenever the writer has taken records from the queue, and when it has ended.
    taken: Notify,
}

impl Shared {
    /// The connections that read; none while the file is not open.
    pub(crate) fn readers(&self) -> Option<SqlitePool> {
        self.readers.borrow().clone()
    }

    /// Counts records that are lost, and warns once until all is well again.
    fn skip(&self, records: usize, problem: &str) {
        self.status.send_modify(|status| {
            status.skipped += records as u64;
            if status.problem.is_none() {
                warn!("history is not recorded: {problem}");
                status.problem = Some(problem.to_owned());
            }
        });
    }

    fn is_well(&self) {
        self.status.send_if_modified(|status| {
            let had_problem = status.problem.take().is_some();
            if had_problem {
                info!("history is recorded again; {} records were skipped", status.skipped);
            }
            had_problem
        });
    }
}

/// Records and reads history; cheap to clone.
#[derive(Debug, Clone)]
pub struct History {
    queue: mpsc::Sender<Record>,
    pub(crate) shared: Arc<Shared>,
}

impl History {
    /// Hands a record to the writer and returns at once; when too many wait it is skipped and counted.
    pub fn record(&self, record: Record) {
        match self.queue.try_send(record) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.shared.skip(1, "the disk is too slow: too many records wait");
            }
            Err(mpsc::error::TrySendError::Closed(_)) => self.shared.skip(1, ENDED),
        }
    }

    /// Returns once few records wait, so that what is not urgent may be recorded.
    pub async fn has_room(&self) {
        // Nothing is reserved: whoever waits for places takes those that urgent records would get.
        let wanted = self.queue.max_capacity().div_ceil(2);
        loop {
            let taken = self.shared.taken.notified();
            if self.queue.capacity() >= wanted || self.queue.is_closed() {
                return;
            }
            taken.await;
        }
    }

    /// Returns once the file is open for reading, or will not be any more.
    pub async fn opened(&self) {
        // An error says that the writer is gone.
        let _ = self.shared.readers.subscribe().wait_for(Option::is_some).await;
    }

    /// Counts records that were lost before they could be handed over.
    pub fn missed(&self, records: u64) {
        self.shared.status.send_modify(|status| status.skipped += records);
    }

    /// Follows how history fares.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shared.status.subscribe()
    }
}

/// Stores what is recorded; owns the file.
#[derive(Debug)]
pub struct Writer {
    settings: Settings,
    queue: mpsc::Receiver<Record>,
    shared: Arc<Shared>,
    open: Option<Open>,
    next_try: Option<Instant>,
    /// The last batch could not be stored; only one that can be proves that all is well.
    is_refused: bool,
}

/// Makes the handle and the writer of one file. Nothing is opened before [`Writer::run`].
pub fn open(settings: Settings) -> (History, Writer) {
    let (sender, queue) = mpsc::channel(settings.queue.max(1));
    let shared = Arc::new(Shared {
        readers: watch::Sender::new(None),
        is_damaged: AtomicBool::new(false),
        status: watch::Sender::new(Status::default()),
        taken: Notify::new(),
    });
    let history = History { queue: sender, shared: Arc::clone(&shared) };
    (history, Writer { settings, queue, shared, open: None, next_try: None, is_refused: false })
}

impl Writer {
    /// Stores records until `stop` resolves, then what still waits, and closes the file.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut tend = tokio::time::interval(self.settings.tend_every);
        tend.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                taken = self.queue.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        break;
                    }
                    self.shared.taken.notify_waiters();
                    self.store(&mut batch).await;
                }
                _ = tend.tick() => self.tend().await,
            }
        }
        self.queue.close();
        self.shared.taken.notify_waiters();
        while self.queue.recv_many(&mut batch, BATCH).await > 0 {
            self.store(&mut batch).await;
        }
        self.close().await;
    }

    /// Stores a batch in one transaction, or skips it.
    async fn store(&mut self, batch: &mut Vec<Record>) {
        let mut outcome = self.try_store(batch).await;
        if outcome.as_ref().is_err_and(is_damage) {
            // The file was set aside; the new one takes the batch.
            outcome = self.try_store(batch).await;
        }
        match outcome {
            Ok(()) => {
                self.is_refused = false;
                self.shared.is_well();
                self.prune().await;
            }
            Err(error) => {
                self.is_refused = true;
                self.shared.skip(batch.len(), &error.to_string());
            }
        }
        batch.clear();
    }

    async fn try_store(&mut self, batch: &[Record]) -> Result<(), FileError> {
        let open = self.opened().await?;
        let written = write(&mut open.writer, batch).await;
        self.check(written).await
    }

    /// Drops the connection that met an error, and sets the file aside when that is at fault.
    async fn check<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, FileError> {
        let error = match outcome {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        self.close().await;
        if file::is_damage(&error) {
            let now = (self.settings.now_ms)();
            file::set_aside(&self.settings.path, now, &error.to_string()).await?;
        }
        Err(error.into())
    }

    /// The open file. One that was deleted or found damaged meanwhile is begun anew.
    async fn opened(&mut self) -> Result<&mut Open, FileError> {
        let (path, now) = (self.settings.path.clone(), (self.settings.now_ms)());
        if let Some(open) = &self.open {
            let is_damaged = self.shared.is_damaged.swap(false, Ordering::Relaxed);
            if is_damaged {
                self.close().await;
                file::set_aside(&path, now, "a reader found it damaged").await?;
            } else if !open.stands_at(&path).await {
                warn!("the history's file {} was deleted; a new one is begun", path.display());
                self.close().await;
            }
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let open = file::open(&path, self.settings.busy_timeout, now).await?;
                self.shared.readers.send_replace(Some(open.readers.clone()));
                open
            }
        };
        Ok(self.open.insert(open))
    }

    /// Opens the file if it is not, and prunes: what must happen when nothing is recorded.
    async fn tend(&mut self) {
        if self.open.is_none() && self.next_try.is_some_and(|at| Instant::now() < at) {
            return;
        }
        match self.opened().await {
            Ok(_) => {
                if !self.is_refused {
                    self.shared.is_well();
                }
                self.prune().await;
            }
            Err(error) => {
                self.next_try = Some(Instant::now() + RETRY);
                self.shared.skip(0, &error.to_string());
            }
        }
    }

    /// A few steps of pruning; the rest follows after the next batch.
    async fn prune(&mut self) {
        let Some(open) = &mut self.open else { return };
        let max_age = i64::try_from(self.settings.max_age.as_millis()).unwrap_or(i64::MAX);
        let oldest_ms = (self.settings.now_ms)().saturating_sub(max_age);
        let max_bytes = i64::try_from(self.settings.max_bytes).unwrap_or(i64::MAX);
        for _ in 0..PRUNE_STEPS {
            let step = prune::step(&mut open.writer, oldest_ms, max_bytes).await;
            match step {
                Ok(Step::Again) => {}
                Ok(Step::Done) => return,
                Err(error) => {
                    warn!(%error, "the history could not be pruned: {error}");
                    // An error closes the file; the next batch opens it again.
                    let _ = self.check::<()>(Err(error)).await;
                    return;
                }
            }
        }
    }

    async fn close(&mut self) {
        self.shared.readers.send_replace(None);
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }
}

/// Stores a batch in one transaction. After an error the connection must be closed, which rolls back.
async fn write(connection: &mut SqliteConnection, batch: &[Record]) -> Result<(), sqlx::Error> {
    sqlx::query(BEGIN).execute(&mut *connection).await?;
    for record in batch {
        insert(&mut *connection, record).await?;
    }
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

fn is_damage(error: &FileError) -> bool {
    matches!(error, FileError::Sql(error) if file::is_damage(error))
}
