//! Events for frameworks, and task updates that the master makes itself.

use model::{AgentId, TaskId, TaskState, Timestamp};
use wire::mesos::v1::{self as pb, TaskStatus, task_status};

/// What the master says of a task without having been told by its agent.
#[derive(Debug, Clone)]
pub(crate) struct Invented {
    /// The state for frameworks that are partition-aware; the others may be told TASK_LOST.
    pub(crate) state: TaskState,
    pub(crate) reason: task_status::Reason,
    pub(crate) message: String,
    /// Since when the agent cannot be reached, where that is the point.
    pub(crate) unreachable_since: Option<Timestamp>,
}

impl Invented {
    pub(crate) fn new(
        state: TaskState,
        reason: task_status::Reason,
        message: impl Into<String>,
    ) -> Self {
        Self { state, reason, message: message.into(), unreachable_since: None }
    }

    /// The status message. It has no uuid, so it is not to be acknowledged.
    pub(crate) fn status(
        self,
        task: &TaskId,
        agent: Option<&AgentId>,
        is_partition_aware: bool,
        wall: Timestamp,
    ) -> TaskStatus {
        let state =
            if is_partition_aware { self.state } else { self.state.without_partition_awareness() };
        TaskStatus {
            task_id: pb::TaskId { value: task.to_string() },
            state: state.number(),
            message: Some(self.message),
            source: Some(task_status::Source::Master.into()),
            reason: Some(self.reason.into()),
            agent_id: agent.map(|agent| pb::AgentId { value: agent.to_string() }),
            timestamp: Some(wall.as_secs_f64()),
            unreachable_time: self.unreachable_since.map(|since| pb::TimeInfo {
                nanoseconds: since.as_millis().saturating_mul(1_000_000),
            }),
            ..TaskStatus::default()
        }
    }
}

/// Scheduler events, each with the member that its type promises.
pub(crate) mod event_of {
    use model::OfferId;
    use wire::mesos::v1::scheduler::{Event, event};
    use wire::mesos::v1::{self as pb};

    fn of(r#type: event::Type) -> Event {
        Event { r#type: Some(r#type.into()), ..Event::default() }
    }

    pub(crate) fn subscribed(subscribed: event::Subscribed) -> Event {
        Event { subscribed: Some(subscribed), ..of(event::Type::Subscribed) }
    }

    pub(crate) fn offers(offers: Vec<pb::Offer>) -> Event {
        Event { offers: Some(event::Offers { offers }), ..of(event::Type::Offers) }
    }

    pub(crate) fn rescind(offer: &OfferId) -> Event {
        let offer_id = pb::OfferId { value: offer.to_string() };
        Event { rescind: Some(event::Rescind { offer_id }), ..of(event::Type::Rescind) }
    }

    pub(crate) fn update(status: pb::TaskStatus) -> Event {
        Event { update: Some(event::Update { status }), ..of(event::Type::Update) }
    }

    pub(crate) fn operation(status: pb::OperationStatus) -> Event {
        Event {
            update_operation_status: Some(event::UpdateOperationStatus { status }),
            ..of(event::Type::UpdateOperationStatus)
        }
    }

    pub(crate) fn failure(failure: event::Failure) -> Event {
        Event { failure: Some(failure), ..of(event::Type::Failure) }
    }

    pub(crate) fn error(message: impl Into<String>) -> Event {
        let message = message.into();
        Event { error: Some(event::Error { message }), ..of(event::Type::Error) }
    }
}
