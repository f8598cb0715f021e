//! Whether the log can take more, as the rest of the process asks it.

use tokio::sync::watch;

use crate::session::Session;

/// Says whether there is room for the log. Clones look at the same log.
///
/// While there is none, whoever takes writes from outside refuses them with [`crate::WriteError::DiskFull`]
/// before anything depends on them, and everybody else waits. What is proposed all the same is taken as long
/// as the current segment has a reserve, so that nothing that was under way fails.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    is_full: Option<watch::Receiver<bool>>,
}

impl Storage {
    /// Follows what says whether the disk is full.
    pub fn new(is_full: watch::Receiver<bool>) -> Self {
        Self { is_full: Some(is_full) }
    }

    /// A storage that always has room.
    pub fn endless() -> Self {
        Self { is_full: None }
    }

    /// Whether there is no room for another segment of the log.
    pub fn is_full(&self) -> bool {
        self.is_full.as_ref().is_some_and(|is_full| *is_full.borrow())
    }

    /// Waits until that is different from what it was at the last call; for ever when it never will be.
    pub async fn changed(&mut self) {
        let is_over = match &mut self.is_full {
            Some(is_full) => is_full.changed().await.is_err(),
            None => true,
        };
        if is_over {
            std::future::pending().await
        }
    }

    /// Waits until there is room, and not at all when there is.
    pub async fn room(&self) {
        if let Some(is_full) = &self.is_full {
            // When the log has ended every write fails by itself.
            let _ = is_full.clone().wait_for(|is_full| !is_full).await;
        }
    }
}

impl Session {
    /// Whether the log has room for more.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }
}
