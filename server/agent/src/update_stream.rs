//! The unacknowledged status updates of one task, oldest first.
//!
//! Only the head is ever under way; the next one follows once the head is acknowledged. An update leaves the stream by its
//! acknowledgement and by nothing else.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use wire::mesos::v1::TaskStatus;

/// Wait before an unacknowledged update is sent again for the first time.
const FIRST_RESEND: Duration = Duration::from_secs(10);

/// Longest wait between two sendings of the same update.
const LAST_RESEND: Duration = Duration::from_secs(600);

/// Updates waiting for their acknowledgement.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpdateStream {
    pending: VecDeque<TaskStatus>,
    /// How often the head was sent on the present link.
    sendings: u32,
}

impl UpdateStream {
    /// Appends an update; says whether it is the head now.
    pub(crate) fn push(&mut self, status: TaskStatus) -> bool {
        self.pending.push_back(status);
        self.pending.len() == 1
    }

    /// The update that is under way, or has to be sent.
    #[must_use]
    pub fn head(&self) -> Option<&TaskStatus> {
        self.pending.front()
    }

    /// All updates, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &TaskStatus> {
        self.pending.iter()
    }

    /// Whether everything has been acknowledged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes the head out when the acknowledgement is for it; any other acknowledgement changes nothing.
    pub(crate) fn acknowledge(&mut self, uuid: &[u8]) -> bool {
        let is_head = self
            .head()
            .and_then(|head| head.uuid.as_ref())
            .is_some_and(|head: &Bytes| head == uuid);
        if is_head {
            self.pending.pop_front();
            self.sendings = 0;
        }
        is_head
    }

    /// Notes that the head is being sent and returns how long to wait for the acknowledgement, with the number of this sending.
    pub(crate) fn sent(&mut self) -> (Duration, u32) {
        let doublings = self.sendings.min(16);
        self.sendings += 1;
        (FIRST_RESEND.saturating_mul(1 << doublings).min(LAST_RESEND), self.sendings)
    }

    /// Drops everything: nobody waits for it any more.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
    }

    /// Starts the waits anew, for a new link.
    pub(crate) fn restart(&mut self) {
        self.sendings = 0;
    }

    /// Whether the head has been sent `sending` times and still waits.
    pub(crate) fn waits(&self, uuid: &[u8], sending: u32) -> bool {
        self.sendings == sending
            && self.head().and_then(|head| head.uuid.as_ref()).is_some_and(|head| head == uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(uuid: u8) -> TaskStatus {
        TaskStatus { uuid: Some(Bytes::copy_from_slice(&[uuid; 16])), ..TaskStatus::default() }
    }

    #[test]
    fn only_the_heads_acknowledgement_counts() {
        let mut stream = UpdateStream::default();
        assert!(stream.push(update(1)));
        assert!(!stream.push(update(2)));
        assert!(!stream.acknowledge(&[2; 16]));
        assert!(stream.acknowledge(&[1; 16]));
        assert!(!stream.acknowledge(&[1; 16]), "acknowledged twice");
        assert_eq!(stream.head(), Some(&update(2)));
    }

    #[test]
    fn waits_double_from_ten_seconds_to_ten_minutes() {
        let mut stream = UpdateStream::default();
        stream.push(update(1));
        let waits: Vec<u64> = (0..9).map(|_| stream.sent().0.as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
        stream.restart();
        assert_eq!(stream.sent(), (FIRST_RESEND, 1));
    }

    #[test]
    fn the_next_update_starts_with_the_first_wait() {
        let mut stream = UpdateStream::default();
        stream.push(update(1));
        stream.push(update(2));
        stream.sent();
        stream.sent();
        stream.acknowledge(&[1; 16]);
        assert_eq!(stream.sent().0, FIRST_RESEND);
    }
}
