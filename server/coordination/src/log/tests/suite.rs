//! openraft's own suite of tests for storages.

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use super::{CLUSTER, FileDisk, LogStore, SEGMENT};
use crate::raft::{Published, StateStore, TypeConfig};

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, StateStore, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateStore), StorageError<TypeConfig>> {
        let folder = tempfile::tempdir().unwrap();
        let log = LogStore::open(FileDisk::default(), folder.path(), CLUSTER, SEGMENT, ()).unwrap();
        Ok((folder, log, StateStore::new(Published::new())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openrafts_suite_passes() {
    Suite::test_all(Builder).await.unwrap();
}
