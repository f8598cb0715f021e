//! Reads history by pages, newest first.
//!
//! A page ends with a cursor, the position of its last row: rows that are added meanwhile come before it and
//! shift nothing. Readers cannot write and never hold the writer up (WAL).

use std::sync::atomic::Ordering;

use sqlx::sqlite::SqlitePool;

use crate::file::is_damage;
use crate::record::{DeploymentRecord, Outcome, TaskRecord, VersionRecord};
use crate::writer::History;

/// Rows of a page when the question names no number.
const DEFAULT_LIMIT: u32 = 100;
/// The most rows of a page.
const MAX_LIMIT: u32 = 1_000;

/// Which page is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// Rows of the page; 100 when absent, 1,000 at most.
    pub limit: Option<u32>,
    /// The cursor of the page before; the newest page when absent.
    pub cursor: Option<String>,
}

impl PageQuery {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
    }

    /// The position that the cursor names, as two numbers.
    fn numbers(&self) -> Result<(i64, i64), ReadError> {
        let Some(cursor) = &self.cursor else { return Ok((i64::MAX, i64::MAX)) };
        let bad = || ReadError::Cursor(cursor.clone());
        let (epoch, sequence) = cursor.split_once('-').ok_or_else(bad)?;
        Ok((epoch.parse().map_err(|_| bad())?, sequence.parse().map_err(|_| bad())?))
    }

    /// The position that the cursor names, as a number and a name.
    fn number_and_name(&self) -> Result<(i64, &str), ReadError> {
        let Some(cursor) = &self.cursor else { return Ok((i64::MAX, "")) };
        let bad = || ReadError::Cursor(cursor.clone());
        let (version, name) = cursor.split_once('-').ok_or_else(bad)?;
        Ok((version.parse().map_err(|_| bad())?, name))
    }
}

/// One page, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The cursor of the next page; none after the last one.
    pub next: Option<String>,
}

/// Which tasks are wanted; what is absent is not asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Of this framework.
    pub framework: Option<String>,
    /// With this id.
    pub task: Option<String>,
    /// That ran on this agent.
    pub agent: Option<String>,
    /// That ended in this state.
    pub state: Option<String>,
    /// That ended at this time or later.
    pub since_ms: Option<i64>,
    /// That ended before this time.
    pub until_ms: Option<i64>,
    /// That were seen by a leadership before this one.
    pub before_epoch: Option<i64>,
}

/// Which versions are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionFilter {
    /// Of this app.
    pub app: Option<String>,
    /// Made at this time or later.
    pub since_ms: Option<i64>,
    /// Made before this time.
    pub until_ms: Option<i64>,
}

/// Which deployments are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeploymentFilter {
    /// That change this app.
    pub app: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Ordered at this time or later.
    pub since_ms: Option<i64>,
    /// Ordered before this time.
    pub until_ms: Option<i64>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The cursor is none that a page ended with.
    #[error("`{0}` is no cursor of this list")]
    Cursor(String),
    /// The file is not open.
    #[error("the history cannot be read at the moment")]
    Closed,
    /// SQLite could not read.
    #[error("the history cannot be read")]
    Sql(#[source] sqlx::Error),
}

impl History {
    /// Tasks that ended, by position.
    ///
    /// # Errors
    /// When the cursor makes no sense or the file cannot be read.
    pub async fn tasks(
        &self,
        filter: &TaskFilter,
        page: &PageQuery,
    ) -> Result<Page<TaskRecord>, ReadError> {
        let (epoch, sequence) = page.numbers()?;
        let rows = sqlx::query_as::<_, TaskRecord>(
            "SELECT * FROM completed_tasks WHERE (epoch, sequence) < ($1, $2) \
             AND ($3 IS NULL OR framework_id = $3) AND ($4 IS NULL OR task_id = $4) \
             AND ($5 IS NULL OR agent_id = $5) AND ($6 IS NULL OR state = $6) \
             AND ($7 IS NULL OR ended_ms >= $7) AND ($8 IS NULL OR ended_ms < $8) \
             AND ($9 IS NULL OR epoch < $9) \
             ORDER BY epoch DESC, sequence DESC LIMIT $10",
        )
        .bind(epoch)
        .bind(sequence)
        .bind(&filter.framework)
        .bind(&filter.task)
        .bind(&filter.agent)
        .bind(&filter.state)
        .bind(filter.since_ms)
        .bind(filter.until_ms)
        .bind(filter.before_epoch)
        .bind(page.limit() + 1)
        .fetch_all(&self.readers()?)
        .await;
        self.page(rows, page, |last| format!("{}-{}", last.epoch, last.sequence))
    }

    /// Definitions of apps, by version.
    ///
    /// # Errors
    /// When the cursor makes no sense or the file cannot be read.
    pub async fn versions(
        &self,
        filter: &VersionFilter,
        page: &PageQuery,
    ) -> Result<Page<VersionRecord>, ReadError> {
        let (version, app) = page.number_and_name()?;
        let rows = sqlx::query_as::<_, VersionRecord>(
            "SELECT * FROM app_versions WHERE (version_ms < $1 OR (version_ms = $1 AND app_id > $2)) \
             AND ($3 IS NULL OR app_id = $3) \
             AND ($4 IS NULL OR version_ms >= $4) AND ($5 IS NULL OR version_ms < $5) \
             ORDER BY version_ms DESC, app_id LIMIT $6",
        )
        .bind(version)
        .bind(app)
        .bind(&filter.app)
        .bind(filter.since_ms)
        .bind(filter.until_ms)
        .bind(page.limit() + 1)
        .fetch_all(&self.readers()?)
        .await;
        self.page(rows, page, |last| format!("{}-{}", last.version_ms, last.app_id))
    }

    /// Deployments, by the version that they make.
    ///
    /// # Errors
    /// When the cursor makes no sense or the file cannot be read.
    pub async fn deployments(
        &self,
        filter: &DeploymentFilter,
        page: &PageQuery,
    ) -> Result<Page<DeploymentRecord>, ReadError> {
        let (version, id) = page.number_and_name()?;
        let rows = sqlx::query_as::<_, DeploymentRecord>(
            "SELECT * FROM deployments WHERE (version_ms < $1 OR (version_ms = $1 AND deployment_id > $2)) \
             AND ($3 IS NULL OR EXISTS (SELECT 1 FROM json_each(apps) WHERE value = $3)) \
             AND ($4 IS NULL OR outcome = $4) \
             AND ($5 IS NULL OR version_ms >= $5) AND ($6 IS NULL OR version_ms < $6) \
             ORDER BY version_ms DESC, deployment_id LIMIT $7",
        )
        .bind(version)
        .bind(id)
        .bind(&filter.app)
        .bind(filter.outcome.map(Outcome::name))
        .bind(filter.since_ms)
        .bind(filter.until_ms)
        .bind(page.limit() + 1)
        .fetch_all(&self.readers()?)
        .await;
        self.page(rows, page, |last| format!("{}-{}", last.version_ms, last.deployment_id))
    }

    /// The newest version of any app that is stored.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn newest_version(&self) -> Result<Option<i64>, ReadError> {
        let newest = sqlx::query_scalar("SELECT max(version_ms) FROM app_versions");
        newest.fetch_one(&self.readers()?).await.map_err(|error| self.failed(error))
    }

    fn readers(&self) -> Result<SqlitePool, ReadError> {
        self.shared.readers().ok_or(ReadError::Closed)
    }

    /// Lets the writer know when the file is at fault.
    fn failed(&self, error: sqlx::Error) -> ReadError {
        if is_damage(&error) {
            self.shared.is_damaged.store(true, Ordering::Relaxed);
        }
        ReadError::Sql(error)
    }

    /// Cuts the one row more that was asked for to see whether there is a next page.
    fn page<T>(
        &self,
        rows: Result<Vec<T>, sqlx::Error>,
        query: &PageQuery,
        cursor: impl Fn(&T) -> String,
    ) -> Result<Page<T>, ReadError> {
        let mut rows = rows.map_err(|error| self.failed(error))?;
        let limit = query.limit() as usize;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(cursor);
        Ok(Page { rows, next })
    }
}
