//! The link to the master: being admitted, being watched, and refusing masters of the past.

use std::sync::Arc;
use std::time::Duration;

use model::{AgentId, Epoch, Instant};
use wire::link::{
    AgentDescription, AgentFrame, HeldTask, MasterFrame, Pong, Refused, Register, Reregister,
    Terms, agent_frame, master_frame, refused,
};
use wire::mesos::v1;

use crate::Agent;
use crate::command::{ConnectionId, Timer};
use crate::effect::Effect;
use crate::record::Entry;
use crate::task::Task;

/// How long a master may take to answer a registration; it makes a durable record first.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(15);

/// How much longer for each task that it has to read of first.
const ADMISSION_OF_A_TASK: Duration = Duration::from_millis(2);

/// How long a master waits at most for what the engine has to say about the containers of the process before this one.
///
/// Well below the time after which the master takes the agent for lost.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the agent stands with a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// There is no connection.
    Down,
    /// There is a connection; the agent registers as soon as it knows what became of its containers.
    Held(ConnectionId),
    /// The registration is under way.
    Opened(ConnectionId),
    /// The master has admitted the agent.
    Admitted {
        connection: ConnectionId,
        epoch: Epoch,
        number: u64,
        patience: Duration,
        heard: Instant,
    },
}

impl Link {
    pub(crate) fn is_admitted(self) -> bool {
        matches!(self, Link::Admitted { .. })
    }

    fn connection(self) -> Option<ConnectionId> {
        match self {
            Link::Down => None,
            Link::Held(connection)
            | Link::Opened(connection)
            | Link::Admitted { connection, .. } => Some(connection),
        }
    }
}

impl Agent {
    /// A re-registration that came before the engine's word would call tasks running that ended while no agent watched them.
    pub(super) fn link_opened(&mut self, now: Instant, connection: ConnectionId) -> Vec<Effect> {
        let overdue = *self.recovery.overdue.get_or_insert(now + RECOVERY_TIMEOUT);
        if self.id.is_none() || self.is_recovered() || now >= overdue {
            return self.register(now, connection);
        }
        self.link = Link::Held(connection);
        vec![Effect::ArmTimer { at: overdue, timer: Timer::AwaitRecovery(connection) }]
    }

    pub(super) fn register_if_recovered(&mut self, now: Instant) -> Vec<Effect> {
        match self.link {
            Link::Held(connection) if self.is_recovered() => self.register(now, connection),
            Link::Down | Link::Held(_) | Link::Opened(_) | Link::Admitted { .. } => Vec::new(),
        }
    }

    pub(super) fn recovery_overdue(&mut self, now: Instant, timed: ConnectionId) -> Vec<Effect> {
        if self.link != Link::Held(timed) {
            return Vec::new();
        }
        tracing::warn!(
            "the container engine has not said within {} s what became of all containers; the agent registers without",
            RECOVERY_TIMEOUT.as_secs()
        );
        self.register(now, timed)
    }

    fn register(&mut self, now: Instant, connection: ConnectionId) -> Vec<Effect> {
        self.link = Link::Opened(connection);
        let description = self.description();
        let body = match &self.id {
            None => agent_frame::Body::Register(Register {
                agent: description,
                nonce: self.settings.nonce.clone(),
            }),
            Some(id) => agent_frame::Body::Reregister(Reregister {
                agent_id: v1::AgentId { value: id.to_string() },
                agent: description,
                tasks: self
                    .tasks
                    .values()
                    .filter(|task| !task.is_complete())
                    .map(|task| held(task, id))
                    .collect(),
                frameworks: self.frameworks_of_held_tasks(),
            }),
        };
        let tasks = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        let patience = ADMISSION_TIMEOUT + ADMISSION_OF_A_TASK.saturating_mul(tasks);
        let frame = AgentFrame { epoch: self.epoch.0, link: 0, body: Some(body) };
        vec![
            Effect::Send(connection, Box::new(frame)),
            Effect::ArmTimer { at: now + patience, timer: Timer::AwaitAdmission(connection) },
        ]
    }

    pub(super) fn link_closed(&mut self, connection: ConnectionId) -> Vec<Effect> {
        if self.link.connection() == Some(connection) {
            self.link = Link::Down;
        }
        Vec::new()
    }

    pub(super) fn frame_arrived(
        &mut self,
        now: Instant,
        from: ConnectionId,
        frame: MasterFrame,
    ) -> Vec<Effect> {
        match self.link {
            Link::Down => Vec::new(),
            Link::Opened(connection) if connection == from => {
                self.admission_arrived(now, connection, frame)
            }
            Link::Admitted { connection, epoch, number, .. } if connection == from => {
                if (epoch.0, number) != (frame.epoch, frame.link) {
                    let reason = format!(
                        "the master sent a frame of link {}/{} on link {}/{number}",
                        frame.epoch, frame.link, epoch.0
                    );
                    return self.close(connection, reason, None);
                }
                if let Link::Admitted { heard, .. } = &mut self.link {
                    *heard = now;
                }
                self.order_arrived(now, frame.body)
            }
            // A frame before the registration, or one that belongs to a link that is no more.
            Link::Held(_) | Link::Opened(_) | Link::Admitted { .. } => Vec::new(),
        }
    }

    pub(super) fn admission_overdue(&mut self, connection: ConnectionId) -> Vec<Effect> {
        if self.link == Link::Opened(connection) {
            let reason = "the master did not answer the registration in time".to_owned();
            return self.close(connection, reason, None);
        }
        Vec::new()
    }

    pub(super) fn ping_overdue(&mut self, now: Instant, timed: ConnectionId) -> Vec<Effect> {
        let Link::Admitted { connection, patience, heard, .. } = self.link else {
            return Vec::new();
        };
        if connection != timed {
            return Vec::new();
        }
        let silence = now.duration_since(heard);
        if silence >= patience {
            return self.close(
                connection,
                format!("the master was silent for {} s", silence.as_secs()),
                None,
            );
        }
        vec![Effect::ArmTimer { at: heard + patience, timer: Timer::AwaitPing(connection) }]
    }

    /// A frame to the master, if it has admitted the agent; else nothing is lost, since the re-registration tells everything.
    pub(super) fn send(&self, body: agent_frame::Body) -> Option<Effect> {
        match self.link {
            Link::Admitted { connection, epoch, number, .. } => {
                let frame = AgentFrame { epoch: epoch.0, link: number, body: Some(body) };
                Some(Effect::Send(connection, Box::new(frame)))
            }
            Link::Down | Link::Held(_) | Link::Opened(_) => None,
        }
    }

    fn close(
        &mut self,
        connection: ConnectionId,
        reason: String,
        retry_after: Option<Duration>,
    ) -> Vec<Effect> {
        self.link = Link::Down;
        vec![Effect::CloseLink { connection, reason, retry_after }]
    }

    fn description(&self) -> AgentDescription {
        let mut description = self.settings.description.clone();
        description.info.id = self.id.as_ref().map(|id| v1::AgentId { value: id.to_string() });
        description
    }

    fn frameworks_of_held_tasks(&self) -> Vec<v1::FrameworkInfo> {
        self.frameworks
            .iter()
            .filter(|(id, _)| {
                self.tasks.values().any(|task| task.key.framework == **id && !task.is_complete())
            })
            .map(|(_, info)| v1::FrameworkInfo::clone(info))
            .collect()
    }

    fn admission_arrived(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        frame: MasterFrame,
    ) -> Vec<Effect> {
        let epoch = Epoch(frame.epoch);
        if epoch < self.epoch {
            let reason = format!(
                "a master of epoch {} answered, but this agent has followed one of epoch {} (where the \
                 masters' data was emptied on purpose, remove {}/meta/slaves/latest)",
                epoch.0, self.epoch.0, self.settings.work_dir
            );
            return self.close(connection, reason, None);
        }
        match frame.body {
            Some(master_frame::Body::Refused(refused)) => self.refused(now, connection, refused),
            Some(master_frame::Body::Registered(answer)) => {
                let id = AgentId::new(answer.agent_id.value);
                if self.id.is_some() {
                    return self.close(
                        connection,
                        "the master registered an agent that has an id".to_owned(),
                        None,
                    );
                }
                let mut effects = vec![Self::journal(Entry::Admitted { agent: id.clone() })];
                self.id = Some(id);
                self.note_master(answer.master);
                effects.extend(self.admitted(now, connection, epoch, frame.link, answer.terms));
                effects
            }
            Some(master_frame::Body::Reregistered(answer)) => {
                if self.id.as_ref().is_none_or(|id| id.as_str() != answer.agent_id.value) {
                    let reason =
                        format!("the master takes this agent for `{}`", answer.agent_id.value);
                    return self.close(connection, reason, None);
                }
                self.note_master(answer.master);
                self.admitted(now, connection, epoch, frame.link, answer.terms)
            }
            Some(_) | None => self.close(
                connection,
                "the master's first frame was no answer to the registration".to_owned(),
                None,
            ),
        }
    }

    fn note_master(&mut self, master: Option<v1::MasterInfo>) {
        if master.is_some() {
            self.master = master.map(Arc::new);
        }
    }

    fn admitted(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        epoch: Epoch,
        number: u64,
        terms: Terms,
    ) -> Vec<Effect> {
        let patience =
            Duration::from_millis(terms.ping_timeout_ms).saturating_mul(terms.max_pings.max(1));
        self.link = Link::Admitted { connection, epoch, number, patience, heard: now };
        if let Some(id) = &self.id {
            tracing::info!(agent.id = %id, "agent `{id}` is registered with the master of epoch {}", epoch.0);
        }
        let mut effects = Vec::new();
        if epoch > self.epoch {
            self.epoch = epoch;
            effects.push(Self::journal(Entry::Follows { epoch }));
        }
        effects.push(Effect::ArmTimer { at: now + patience, timer: Timer::AwaitPing(connection) });
        effects.extend(self.send_all_heads(now));
        effects
    }

    fn refused(&mut self, now: Instant, connection: ConnectionId, refused: Refused) -> Vec<Effect> {
        let retry_after = refused.retry_after_ms.map(Duration::from_millis);
        let reason = refused.reason.and_then(|number| refused::Reason::try_from(number).ok());
        let mut effects = match reason {
            Some(refused::Reason::AgentGone) => self.leave(now, &refused.message),
            Some(refused::Reason::AgentUnknown) => self.begin_anew(),
            Some(
                refused::Reason::Unknown
                | refused::Reason::NotLeading
                | refused::Reason::Recovering
                | refused::Reason::Busy
                | refused::Reason::Invalid
                | refused::Reason::Unauthorized,
            )
            | None => Vec::new(),
        };
        let text = format!("the master refuses this agent: {}", refused.message);
        effects.extend(self.close(connection, text, retry_after));
        effects
    }

    fn order_arrived(&mut self, now: Instant, body: Option<master_frame::Body>) -> Vec<Effect> {
        match body {
            Some(master_frame::Body::Ping(ping)) => self
                .send(agent_frame::Body::Pong(Pong { sequence: ping.sequence }))
                .into_iter()
                .collect(),
            Some(master_frame::Body::RunTask(order)) => self.run_task(now, *order),
            Some(master_frame::Body::KillTask(order)) => self.kill_task(now, &order),
            Some(master_frame::Body::AcknowledgeUpdate(seen)) => {
                self.acknowledge_update(now, &seen)
            }
            Some(master_frame::Body::UpdateFramework(update)) => {
                self.update_framework(update.framework)
            }
            Some(master_frame::Body::ShutdownFramework(over)) => {
                self.shut_down_framework(now, &over.framework_id.value.into())
            }
            Some(master_frame::Body::Shutdown(order)) => {
                self.leave(now, order.message.as_deref().unwrap_or("the master ended this agent"))
            }
            Some(
                master_frame::Body::Registered(_)
                | master_frame::Body::Reregistered(_)
                | master_frame::Body::Refused(_),
            )
            | None => Vec::new(),
        }
    }
}

fn held(task: &Task, agent: &AgentId) -> HeldTask {
    // Without its `data`, an inspection of many kilobytes: the head follows at once and whole.
    let slim = |status: &v1::TaskStatus| v1::TaskStatus { data: None, ..status.clone() };
    HeldTask {
        task: task.to_v1(agent),
        unacknowledged: task.updates.iter().map(slim).collect(),
        launch_id: Some(task.launch_id.clone()),
    }
}
