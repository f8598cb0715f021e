//! Tells browsers what differs between one snapshot of Marathon and the next.

use std::sync::Arc;

use marathon_core::{Marathon, Snapshot};
use tokio::sync::watch;
use wire::console::Topic;

use crate::console::ChangeFeed;
use crate::driver::Handle;

/// Everything that a change of leadership changes.
const ALL: [Topic; 5] = [Topic::App, Topic::Deployment, Topic::Queue, Topic::Task, Topic::Leader];

/// Marks the topics that change, for as long as `core` lives; it holds a core while this process leads.
pub(crate) async fn mark_changes(
    mut core: watch::Receiver<Option<Handle<Marathon>>>,
    feed: ChangeFeed,
) {
    loop {
        let leading = core.borrow_and_update().clone();
        feed.mark(&ALL);
        let is_over = match leading {
            None => core.changed().await.is_err(),
            Some(core_handle) => tokio::select! {
                changed = core.changed() => changed.is_err(),
                () = follow(core_handle.subscribe(), &feed) => core.changed().await.is_err(),
            },
        };
        if is_over {
            return;
        }
    }
}

/// Marks what differs from snapshot to snapshot, until there are no more.
async fn follow(mut snapshots: watch::Receiver<Arc<Snapshot>>, feed: &ChangeFeed) {
    let mut last = Arc::clone(&snapshots.borrow_and_update());
    feed.mark(&ALL);
    while snapshots.changed().await.is_ok() {
        let next = Arc::clone(&snapshots.borrow_and_update());
        feed.mark(&differences(&last, &next));
        last = next;
    }
}

/// The topics in which two snapshots differ. Maps share their nodes, so equal ones are told apart by their roots.
fn differences(last: &Snapshot, next: &Snapshot) -> Vec<Topic> {
    let parts = [
        (Topic::App, !last.apps.ptr_eq(&next.apps) || !last.versions.ptr_eq(&next.versions)),
        (Topic::Deployment, !last.deployments.ptr_eq(&next.deployments)),
        (Topic::Queue, !last.queue.ptr_eq(&next.queue)),
        (Topic::Task, !last.instances.ptr_eq(&next.instances)),
        (Topic::Leader, last.master != next.master || last.framework != next.framework),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(topic, _)| topic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_snapshot_has_no_differences() {
        let snapshot = Snapshot::default();
        assert_eq!(differences(&snapshot, &snapshot.clone()), []);
        let connected = Snapshot { master: Some("m:5050".into()), ..snapshot.clone() };
        assert_eq!(differences(&snapshot, &connected), [Topic::Leader]);
    }
}
