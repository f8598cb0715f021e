//! Who waits for the reply to which call.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use master_core::Reply;
use model::RequestId;
use tokio::sync::oneshot;

/// Calls under way.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    senders: BTreeMap<RequestId, oneshot::Sender<Reply>>,
}

impl Replies {
    /// Mints a request's id; the reply arrives at the receiver.
    pub(crate) fn expect(&self) -> (RequestId, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let id = RequestId(waiting.next);
        waiting.next += 1;
        waiting.senders.insert(id, sender);
        (id, receiver)
    }

    /// Hands a reply over, if somebody still waits.
    pub(crate) fn deliver(&self, id: RequestId, reply: Reply) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.senders.remove(&id) {
            // The client may have gone away; then nobody needs the reply.
            let _ = sender.send(reply);
        }
    }

    /// Nobody waits for this reply any more, because the call was never sent.
    pub(crate) fn forget(&self, id: RequestId) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).senders.remove(&id);
    }
}
