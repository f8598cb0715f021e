//! What the proposing task needs of raft.

use std::future::Future;

use futures_util::future::BoxFuture;
use openraft::errors::ClientWriteError;
use openraft::impls::ProgressResponder;
use openraft::type_config::alias::CommittedLeaderIdOf;
use zookeeper_core::Outcome;

use super::WriteError;
use crate::raft::{Proposal, Raft, TypeConfig};

/// Takes proposals into the replicated log, in the order in which they come.
pub(crate) trait Consensus: Send + Sync + 'static {
    /// One time of leadership, from an election to the next.
    type Leader: Clone + PartialEq + Send + Sync;
    /// Gives what applying a proposal gave.
    type Applied: Future<Output = Result<Option<Outcome>, WriteError>> + Send + 'static;

    /// The time of leadership that this node is in, as far as it knows; `None` while it does not lead.
    fn leader(&self) -> Option<Self::Leader>;

    /// Proposes, unless the node's time of leadership is another one by now; then the outcome is
    /// [`WriteError::NotLeading`].
    fn propose(
        &self,
        proposal: Proposal,
        leader: &Self::Leader,
    ) -> impl Future<Output = Result<Self::Applied, WriteError>> + Send;
}

impl Consensus for Raft {
    type Leader = CommittedLeaderIdOf<TypeConfig>;
    type Applied = BoxFuture<'static, Result<Option<Outcome>, WriteError>>;

    fn leader(&self) -> Option<Self::Leader> {
        self.as_leader().ok().map(|leader| leader.to_committed_leader_id())
    }

    async fn propose(
        &self,
        proposal: Proposal,
        leader: &Self::Leader,
    ) -> Result<Self::Applied, WriteError> {
        let (responder, applied) = ProgressResponder::complete_only();
        let sent = self.write(proposal).with_leader(*leader).responder(responder).await;
        sent.map_err(|_| WriteError::Stopped)?;
        Ok(Box::pin(async move {
            match applied.await {
                Ok(Ok(response)) => Ok(response.data.0),
                Ok(Err(
                    ClientWriteError::ForwardToLeader(_) | ClientWriteError::LogEntryDiscarded(_),
                )) => Err(WriteError::NotLeading),
                Ok(Err(_)) | Err(_) => Err(WriteError::Stopped),
            }
        }))
    }
}
