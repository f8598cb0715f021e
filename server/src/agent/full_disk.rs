//! The journal of a new process, on a disk that may be full.
//!
//! An agent that ended on a full disk must be able to start on it: old sandboxes go first, and where nothing can go, the journal that is
//! there is continued in the space that it holds in reserve.

use agent_core::{Agent, Record};
use tracing::{info, warn};

use super::config::Retention;
use super::journal::{Error, Journal};
use super::sandboxes;
use super::work_dir::WorkDir;
use crate::clock::Clock;

/// The journal to go on with, and the records that it lacks of this process's beginning.
pub(super) async fn begin_journal(
    work_dir: &WorkDir,
    core: &Agent,
    retention: Retention,
    clock: Clock,
) -> Result<(Journal, Vec<Record>), Error> {
    let path = work_dir.journal();
    let full = match Journal::begin(&path, &core.checkpoint()).await {
        Err(error) if error.is_disk_full() => error,
        begun => return Ok((begun?, Vec::new())),
    };
    warn!("old sandboxes are removed, since the disk is full: {full}");
    let removed = sandboxes::make_room(work_dir.path(), retention, clock, &core.snapshot()).await;
    info!("removed {removed} old sandboxes");
    let full = match Journal::begin(&path, &core.checkpoint()).await {
        Err(error) if error.is_disk_full() => error,
        begun => return Ok((begun?, Vec::new())),
    };
    match Journal::resume(&path).await? {
        Some(journal) => {
            warn!("the journal is continued as it is, since the disk is full: {full}");
            Ok((journal, core.boot_record().into_iter().collect()))
        }
        None => Err(full),
    }
}
