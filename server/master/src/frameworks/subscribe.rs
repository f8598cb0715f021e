//! SUBSCRIBE, UPDATE_FRAMEWORK and the loss of the stream.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{FrameworkId, Role};
use tracing::{info, warn};
use wire::link::{UpdateFramework, master_frame};
use wire::mesos::v1::scheduler::{call, event};
use wire::mesos::v1::{self as pb, FrameworkInfo};

use crate::command::{StreamId, Timer};
use crate::effect::{Effect, Refusal, Reply};
use crate::frameworks::{Capabilities, Connection, Framework};
use crate::master::Master;
use crate::update::event_of;
use crate::validation;

impl Master {
    /// A framework comes, or comes back.
    pub(crate) fn subscribe(&mut self, stream: StreamId, subscribe: call::Subscribe) {
        let call::Subscribe { framework_info: mut info, suppressed_roles, offer_constraints } =
            subscribe;
        if offer_constraints.is_some_and(|constraints| !constraints.role_constraints.is_empty()) {
            self.refuse_stream(&stream, "Offer constraints are not supported");
            return;
        }
        if let Err(problem) = validation::framework(&info, &suppressed_roles, &self.config) {
            self.refuse_stream(&stream, problem.to_string());
            return;
        }
        let known_id = info.id.as_ref().filter(|id| !id.value.is_empty());
        let id = known_id.map(|id| FrameworkId::from(id.value.as_str()));
        if id.as_ref().is_some_and(|id| self.frameworks.is_completed(id)) {
            self.refuse_stream(&stream, "Framework has been removed");
            return;
        }
        let is_return = id.is_some();
        let id = id.unwrap_or_else(|| self.mint_framework());
        info.id = Some(pb::FrameworkId { value: id.to_string() });
        let suppressed: BTreeSet<_> = suppressed_roles.into_iter().map(Role::from).collect();
        if let Some(old) = self.frameworks.get(&id) {
            if old.info.principal != info.principal {
                self.refuse_stream(&stream, "Changing framework's principal is not allowed.");
                return;
            }
            self.counters.messages_reregister_framework += 1;
            self.resubscribe(&id, stream.clone(), info);
        } else {
            if is_return {
                self.counters.messages_reregister_framework += 1;
            } else {
                self.counters.messages_register_framework += 1;
            }
            info!(framework.id = %id, "framework `{}` subscribed as `{id}`", info.name);
            let connection = Connection::Subscribed(stream.clone());
            let framework = Framework::new(id.clone(), info, connection, self.wall);
            self.frameworks.known.insert(id.clone(), Arc::new(framework));
        }
        self.welcome(&id, stream, &suppressed);
    }

    fn mint_framework(&mut self) -> FrameworkId {
        let id = format!("{}-{:04}", self.config.master.id, self.minted.frameworks);
        self.minted.frameworks += 1;
        FrameworkId::new(id)
    }

    /// The new connection of a known framework takes over from the one before.
    fn resubscribe(&mut self, id: &FrameworkId, stream: StreamId, info: FrameworkInfo) {
        if let Some(old) = self.frameworks.get(id).and_then(|f| f.stream().cloned()) {
            self.send_event(&old, event_of::error("Framework failed over"));
            self.effects.push(Effect::CloseStream { stream: old.clone() });
            self.frameworks.by_stream.remove(&old);
        }
        self.drop_frameworks_offers(id);
        let wall = self.wall;
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        framework.connection = Connection::Subscribed(stream);
        framework.reregistered_at = Some(wall);
        framework.unregistered_at = None;
        set_info(framework, info);
        info!(framework.id = %id, "framework `{}` subscribed again", framework.info.name);
        self.tell_agents_of(id);
    }

    /// Stores the framework, then tells it that it is subscribed.
    fn welcome(&mut self, id: &FrameworkId, stream: StreamId, suppressed: &BTreeSet<Role>) {
        self.frameworks.by_stream.insert(stream.clone(), id.clone());
        let Some(framework) = self.frameworks.get(id).cloned() else { return };
        self.effects.push(Effect::Persist(framework.record(self.config.epoch.0).put()));
        let subscribed = event::Subscribed {
            framework_id: pb::FrameworkId { value: id.to_string() },
            heartbeat_interval_seconds: Some(self.config.heartbeat_interval.as_secs_f64()),
            master_info: Some(self.config.master.clone()),
        };
        self.send_event(&stream, event_of::subscribed(subscribed));
        self.repeat_updates(id);
        self.set_roles(&framework, suppressed);
        self.allocator.set_framework_active(id, true);
    }

    fn set_roles(&mut self, framework: &Framework, suppressed: &BTreeSet<Role>) {
        let takes_gpus = framework.capabilities.gpu_resources;
        self.allocator.set_framework(
            framework.id.clone(),
            framework.roles(),
            suppressed,
            takes_gpus,
        );
    }

    fn refuse_stream(&mut self, stream: &StreamId, problem: impl Into<String>) {
        let problem = problem.into();
        warn!("refused a framework: {problem}");
        self.send_event(stream, event_of::error(problem));
        self.effects.push(Effect::CloseStream { stream: stream.clone() });
    }

    /// Changes what a subscribed framework says about itself.
    pub(crate) fn update_framework(
        &mut self,
        id: &FrameworkId,
        update: call::UpdateFramework,
    ) -> Reply {
        let info = update.framework_info;
        if let Err(problem) = validation::framework(&info, &update.suppressed_roles, &self.config) {
            return Reply::Refused(Refusal::Invalid(problem.to_string()));
        }
        let Some(old) = self.frameworks.get(id).cloned() else {
            return Reply::Refused(Refusal::FrameworkUnknown);
        };
        let immutable = [
            ("user", old.info.user != info.user),
            ("checkpoint", old.info.checkpoint() != info.checkpoint()),
            ("principal", old.info.principal != info.principal),
        ];
        if let Some((field, _)) = immutable.into_iter().find(|(_, has_changed)| *has_changed) {
            let problem = format!("Updating 'FrameworkInfo.{field}' is unsupported");
            return Reply::Refused(Refusal::Invalid(problem));
        }
        if let Some(framework) = self.frameworks.get_mut(id) {
            set_info(framework, info);
        }
        let framework = self.frameworks.get(id).cloned().unwrap_or(old);
        self.effects.push(Effect::Persist(framework.record(self.config.epoch.0).put()));
        let roles = framework.roles();
        for offer in &framework.offers {
            if self.offers.get(offer).is_some_and(|offer| !roles.contains(&offer.role)) {
                self.rescind(offer);
            }
        }
        let suppressed = update.suppressed_roles.into_iter().map(Role::from).collect();
        self.set_roles(&framework, &suppressed);
        self.tell_agents_of(id);
        Reply::Done
    }

    /// Agents that have tasks of the framework learn what it says about itself now.
    fn tell_agents_of(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.get(id).cloned() else { return };
        let agents: BTreeSet<_> = framework.tasks.values().map(|task| &task.agent).collect();
        for agent in agents {
            if let Some(link) = self.agents.get(agent).and_then(|agent| agent.link) {
                let framework = (*framework.info).clone();
                let body = master_frame::Body::UpdateFramework(UpdateFramework { framework });
                self.send_frame(link, body);
            }
        }
    }

    /// The stream is gone: no more offers, and the time to come back runs.
    pub(crate) fn stream_closed(&mut self, stream: &StreamId) {
        let Some(id) = self.frameworks.by_stream.remove(stream) else { return };
        let (now, wall) = (self.now, self.wall);
        let Some(framework) = self.frameworks.get_mut(&id) else { return };
        if framework.stream() != Some(stream) {
            return;
        }
        framework.connection = Connection::Disconnected(now);
        framework.unregistered_at = Some(wall);
        let timeout = framework.failover_timeout();
        info!(framework.id = %id, "framework `{}` is disconnected", framework.info.name);
        self.allocator.set_framework_active(&id, false);
        self.drop_frameworks_offers(&id);
        self.await_failover(&id, timeout);
    }

    /// Arms the end of a framework that does not come back in time.
    pub(crate) fn await_failover(&mut self, id: &FrameworkId, timeout: Duration) {
        let at = self.now + timeout;
        self.arm(at, Timer::FailoverDeadline { framework: id.clone(), since: self.now });
    }
}

/// Takes what may change over; the user and checkpointing stay.
fn set_info(framework: &mut Framework, mut info: FrameworkInfo) {
    if framework.info.user != info.user || framework.info.checkpoint() != info.checkpoint() {
        warn!(framework.id = %framework.id, "user and checkpoint of a framework cannot change");
    }
    info.user.clone_from(&framework.info.user);
    info.checkpoint = framework.info.checkpoint;
    info.id = Some(pb::FrameworkId { value: framework.id.to_string() });
    framework.capabilities = Capabilities::of(&info);
    framework.info = Arc::new(info);
}
