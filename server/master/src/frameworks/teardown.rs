//! The end of a framework: by itself, by an operator, or by staying away.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{FrameworkId, Instant, RequestId, TaskState};
use tracing::info;
use wire::link::{ShutdownFramework, master_frame};
use wire::mesos::v1::{self as pb, FrameworkInfo, task_status::Reason};

use crate::command::LinkId;
use crate::effect::{Effect, Refusal, Reply};
use crate::frameworks::{Connection, Framework};
use crate::master::Master;
use crate::record::FrameworkRecord;
use crate::update::{Invented, event_of};

impl Master {
    /// The time of a framework that is not connected is over.
    pub(crate) fn failover_deadline(&mut self, id: &FrameworkId, since: Instant) {
        let is_still_away = self.frameworks.get(id).is_some_and(|framework| {
            matches!(
                framework.connection,
                Connection::Disconnected(at) | Connection::Recovered(at) if at == since
            )
        });
        if is_still_away {
            info!(framework.id = %id, "framework `{id}` did not come back in time");
            self.remove_framework(id);
        }
    }

    /// TEARDOWN as the operator asks for it.
    pub(crate) fn operator_teardown(&mut self, request: RequestId, id: &FrameworkId) {
        if self.frameworks.get(id).is_none() {
            self.refuse(request, Refusal::NoSuchFramework);
            return;
        }
        self.remove_framework(id);
        self.reply(request, Reply::Done);
    }

    /// Ends a framework: its tasks are killed, and it cannot come back under this id.
    pub(crate) fn remove_framework(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.get(id).cloned() else { return };
        info!(framework.id = %id, "removing framework `{}`", framework.info.name);
        self.counters.messages_unregister_framework += 1;
        self.effects.push(Effect::Persist(FrameworkRecord::delete(id)));
        self.allocator.set_framework_active(id, false);
        self.drop_frameworks_offers(id);
        let agents: BTreeSet<_> = framework.tasks.values().map(|task| &task.agent).collect();
        for agent in agents {
            if let Some(link) = self.agents.get(agent).and_then(|agent| agent.link) {
                self.shut_down_framework(link, id);
            }
        }
        for task in framework.tasks.keys() {
            // No UPDATE is sent: nobody is there to take it.
            let message = format!("Framework {id} removed");
            let killed = Invented::new(TaskState::Killed, Reason::FrameworkRemoved, message);
            self.end_task_silently(id, task, killed);
        }
        if let Some(stream) = framework.stream() {
            self.send_event(stream, event_of::error("Framework has been removed"));
            self.effects.push(Effect::CloseStream { stream: stream.clone() });
            self.frameworks.by_stream.remove(stream);
        }
        self.allocator.remove_framework(id);
        self.agents.waiting_kills.retain(|(framework, _), _| framework != id);
        self.complete(id);
    }

    fn complete(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.known.remove(id) else { return };
        let mut framework = (*framework).clone();
        framework.connection = Connection::Disconnected(self.now);
        framework.unregistered_at = Some(self.wall);
        self.frameworks.completed.push_back(Arc::new(framework));
        while self.frameworks.completed.len() > self.config.max_completed_frameworks {
            self.frameworks.completed.pop_front();
        }
    }

    pub(crate) fn shut_down_framework(&mut self, link: LinkId, id: &FrameworkId) {
        let framework_id = pb::FrameworkId { value: id.to_string() };
        let body = master_frame::Body::ShutdownFramework(ShutdownFramework { framework_id });
        self.send_frame(link, body);
    }

    /// Takes in frameworks that an agent has tasks of and that this leadership does not know.
    ///
    /// Their records are missing only when the registry was lost; like the original, the master then
    /// believes the agents.
    pub(crate) fn remember_frameworks(&mut self, infos: &[FrameworkInfo]) {
        for info in infos {
            let Some(id) = info.id.as_ref().map(|id| FrameworkId::from(id.value.as_str())) else {
                continue;
            };
            if self.frameworks.get(&id).is_some() || self.frameworks.is_completed(&id) {
                continue;
            }
            self.recover_framework(id.clone(), info.clone(), self.wall);
            // The agent is in the registry from now on, so its frameworks must be too.
            if let Some(framework) = self.frameworks.get(&id) {
                let record = framework.record(self.config.epoch.0);
                self.effects.push(Effect::Persist(record.put()));
            }
        }
    }

    /// Takes in a framework that has not subscribed to this leadership.
    pub(crate) fn recover_framework(
        &mut self,
        id: FrameworkId,
        info: FrameworkInfo,
        registered_at: model::Timestamp,
    ) {
        let connection = Connection::Recovered(self.now);
        let framework = Framework::new(id.clone(), info, connection, registered_at);
        // The change of the leader is not the framework's fault: it has at least as long as agents have.
        let timeout = framework.failover_timeout().max(self.config.agent_reregister_timeout);
        self.frameworks.known.insert(id.clone(), Arc::new(framework));
        self.await_failover(&id, timeout);
    }
}
