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
    /// Mints a request's id, whose reply is waited for as long as the value lives.
    pub(crate) fn expect(&self) -> Expected<'_> {
        let (sender, reply) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let id = RequestId(waiting.next);
        waiting.next += 1;
        waiting.senders.insert(id, sender);
        Expected { replies: self, id, reply }
    }

    /// Hands a reply over, if somebody still waits.
    pub(crate) fn deliver(&self, id: RequestId, reply: Reply) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.senders.remove(&id) {
            // The client may have gone away; then nobody needs the reply.
            let _ = sender.send(reply);
        }
    }
}

/// A reply that is waited for. Who goes away before it has come leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    replies: &'a Replies,
    /// The id to send with the call.
    pub(crate) id: RequestId,
    reply: oneshot::Receiver<Reply>,
}

impl Expected<'_> {
    /// The reply; `None` when nobody will give one.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        (&mut self.reply).await.ok()
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        let mut waiting = self.replies.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.senders.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reply_reaches_who_waits_and_who_has_gone_is_forgotten() {
        let replies = Replies::default();
        let mut first = replies.expect();
        let second = replies.expect();
        replies.deliver(first.id, Reply::Done);
        assert!(matches!(first.reply().await, Some(Reply::Done)));
        assert_eq!(replies.waiting.lock().unwrap().senders.len(), 1);
        drop(second);
        assert!(replies.waiting.lock().unwrap().senders.is_empty());
    }
}
