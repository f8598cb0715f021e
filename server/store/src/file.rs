//! The file: opened and brought to the newest form, or set aside when it cannot be used.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tracing::{info, warn};

/// The steps from an empty file to the present tables.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite");
/// Files that SQLite keeps beside the database; an old one must never meet a new database.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];
/// What is added to the name of a file that is set aside, before the time.
const DAMAGED: &str = ".damaged-";
/// Connections that read at the same time.
const READERS: u32 = 2;
/// How long a reader waits for a connection.
const READER_WAIT: Duration = Duration::from_secs(2);
/// How long an unused reader stays open.
const READER_IDLE: Duration = Duration::from_secs(30);

/// Why the file cannot be used now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// A file could not be renamed, removed or looked at.
    #[error("cannot access {path}")]
    Access {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// SQLite refuses it.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// It could not be brought to the newest form.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

impl FileError {
    /// Whether the content is at fault, and not the disk, the folder or another process.
    fn is_damage(&self) -> bool {
        match self {
            Self::Access { .. } => false,
            Self::Sql(error) => is_damage(error),
            Self::Migrate(
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
            ) => is_damage(error) || is_foreign(error),
            // A form that this program does not know: made by a newer one, or by none of ours.
            Self::Migrate(_) => true,
        }
    }
}

/// The primary code of SQLite's error, when it is one.
fn code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<u32>().ok()
}

/// Whether SQLite finds the file's content broken. A value that this program does not know is none of that: a newer one
/// may have stored it.
pub(crate) fn is_damage(error: &sqlx::Error) -> bool {
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    const SHORT_READ: u32 = 522;
    code(error)
        .is_some_and(|code| code == SHORT_READ || matches!(code & 0xff, CORRUPT | NOT_A_DATABASE))
}

/// Whether a migration found tables that it did not expect.
fn is_foreign(error: &sqlx::Error) -> bool {
    const ERROR: u32 = 1;
    code(error) == Some(ERROR)
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) writer: SqliteConnection,
    pub(crate) readers: SqlitePool,
    /// Which file it is, whatever its name becomes.
    inode: u64,
}

impl Open {
    /// Whether the file still stands under its name.
    pub(crate) async fn stands_at(&self, path: &Path) -> bool {
        inode(path).await.is_ok_and(|inode| inode == self.inode)
    }

    /// Ends all connections.
    pub(crate) async fn close(self) {
        self.readers.close().await;
        if let Err(error) = self.writer.close().await {
            warn!(%error, "the history's file was not closed in order: {error}");
        }
    }
}

async fn inode(path: &Path) -> Result<u64, FileError> {
    let access = |source| FileError::Access { path: path.to_owned(), source };
    Ok(tokio::fs::metadata(path).await.map_err(access)?.ino())
}

/// Opens the file at `path`; a damaged one is set aside, under a name with `now_ms`, and a new one begun.
pub(crate) async fn open(path: &Path, busy: Duration, now_ms: i64) -> Result<Open, FileError> {
    match try_open(path, busy).await {
        Err(error) if error.is_damage() => {
            set_aside(path, now_ms, &error.to_string()).await?;
            try_open(path, busy).await
        }
        opened => opened,
    }
}

async fn try_open(path: &Path, busy: Duration) -> Result<Open, FileError> {
    if !tokio::fs::try_exists(path).await.unwrap_or(false) {
        // Somebody deleted the file and not its log, which must not be applied to the new one.
        for companion in companions(path) {
            remove_if_there(&companion).await?;
        }
    }
    let options =
        SqliteConnectOptions::new().filename(path).busy_timeout(busy).disable_statement_logging();
    let writing = options
        .clone()
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let mut writer = SqliteConnection::connect_with(&writing).await?;
    // Not `run`: its future is not `Send` for every lifetime of the connection, so it cannot be spawned.
    MIGRATIONS.run_direct(None, &mut writer, false).await?;
    let readers = PoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_WAIT)
        .idle_timeout(READER_IDLE)
        .connect_lazy_with(options.read_only(true));
    Ok(Open { inode: inode(path).await?, writer, readers })
}

/// Renames a file that cannot be used, so that a new one can be begun and nothing is destroyed. Of such files the newest
/// is kept.
pub(crate) async fn set_aside(path: &Path, now_ms: i64, reason: &str) -> Result<(), FileError> {
    let aside = suffixed(path, &format!("{DAMAGED}{now_ms}"));
    let access = |source| FileError::Access { path: path.to_owned(), source };
    match tokio::fs::rename(path, &aside).await {
        Ok(()) => warn!(
            path = %path.display(),
            "the history's file {} cannot be used ({reason}); it is now {}, and a new one is begun",
            path.display(),
            aside.display(),
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            info!("the history's file {} is gone; a new one is begun", path.display());
        }
        Err(error) => return Err(access(error)),
    }
    for companion in companions(path) {
        remove_if_there(&companion).await?;
    }
    remove_older(path, &aside).await;
    Ok(())
}

/// Removes what was set aside before, so that a disk that fails again and again is not filled with it.
async fn remove_older(path: &Path, newest: &Path) {
    let (Some(folder), Some(prefix)) = (path.parent(), path.file_name()) else { return };
    let mut prefix = prefix.to_owned();
    prefix.push(DAMAGED);
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let name = entry.file_name();
        let is_ours = name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        if is_ours
            && entry.path() != newest
            && let Err(error) = remove_if_there(&entry.path()).await
        {
            warn!("an older damaged history stays: {error}");
        }
    }
}

fn companions(path: &Path) -> [PathBuf; 2] {
    COMPANIONS.map(|suffix| suffixed(path, suffix))
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

async fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match tokio::fs::remove_file(path).await {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::Access { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
