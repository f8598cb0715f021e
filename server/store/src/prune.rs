//! Keeps the file small: what is too old goes, then the oldest until the size is right.
//!
//! In small steps, so that no single transaction keeps new records waiting.

use sqlx::{AssertSqlSafe, SqliteConnection};

/// Rows that one step deletes at most.
const STEP: i64 = 256;
/// Free pages that one step gives back to the disk.
const PAGES: &str = "PRAGMA incremental_vacuum(64)";
/// Every table of the history; all have `recorded_ms`, indexed.
const TABLES: [&str; 3] = ["completed_tasks", "app_versions", "deployments"];

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There may be more to delete.
    Again,
    /// Everything is within its bounds.
    Done,
}

/// Deletes some rows that are older than `oldest_ms`, or the oldest ones while the content exceeds `max_bytes`.
pub(crate) async fn step(
    connection: &mut SqliteConnection,
    oldest_ms: i64,
    max_bytes: i64,
) -> Result<Step, sqlx::Error> {
    let mut deleted = 0;
    for table in TABLES {
        deleted += delete(connection, table, oldest_ms).await?;
    }
    if deleted == 0
        && used_bytes(connection).await? > max_bytes
        && let Some(table) = oldest_table(connection).await?
    {
        deleted = delete(connection, table, i64::MAX).await?;
    }
    if deleted > 0 {
        sqlx::query(PAGES).execute(connection).await?;
        return Ok(Step::Again);
    }
    Ok(Step::Done)
}

/// Deletes the oldest rows of `table` among those recorded before `before_ms`.
async fn delete(
    connection: &mut SqliteConnection,
    table: &'static str,
    before_ms: i64,
) -> Result<u64, sqlx::Error> {
    // The table's name is one of ours.
    let sql = AssertSqlSafe(format!(
        "DELETE FROM {table} WHERE rowid IN \
         (SELECT rowid FROM {table} WHERE recorded_ms < $1 ORDER BY recorded_ms LIMIT $2)"
    ));
    let done = sqlx::query(sql).bind(before_ms).bind(STEP).execute(connection).await?;
    Ok(done.rows_affected())
}

/// Bytes of the pages that hold something.
async fn used_bytes(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count() AS p, \
         pragma_freelist_count() AS f, pragma_page_size() AS s",
    )
    .fetch_one(connection)
    .await
}

async fn oldest_table(
    connection: &mut SqliteConnection,
) -> Result<Option<&'static str>, sqlx::Error> {
    let mut oldest: Option<(i64, &'static str)> = None;
    for table in TABLES {
        let sql = AssertSqlSafe(format!("SELECT min(recorded_ms) FROM {table}"));
        let first: Option<i64> = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
        if let Some(first) = first
            && oldest.is_none_or(|(known, _)| first < known)
        {
            oldest = Some((first, table));
        }
    }
    Ok(oldest.map(|(_, table)| table))
}
