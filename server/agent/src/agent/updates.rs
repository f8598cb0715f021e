//! Status updates: made, journalled, sent one at a time for each task, sent again until acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use model::{FrameworkId, Instant};
use wire::link::{AcknowledgeUpdate, UpdateStatus, agent_frame};
use wire::mesos::v1;

use crate::Agent;
use crate::command::Timer;
use crate::effect::Effect;
use crate::record::Entry;
use crate::task::{News, TaskKey};

/// How many frameworks that are over are remembered.
///
/// Source: apache/mesos: src/slave/constants.hpp (`MAX_COMPLETED_FRAMEWORKS`).
const MAX_COMPLETED_FRAMEWORKS: usize = 50;

impl Agent {
    /// Makes an update of news about a task, and sends it if nothing is under way for the task.
    pub(super) fn tell(&mut self, now: Instant, key: &TaskKey, news: News) -> Vec<Effect> {
        let Some(task) = self.tasks.get(key) else {
            return Vec::new();
        };
        let container = task.container.to_string();
        let news = self.repeat_checks(key, news);
        let news_state = news.state;
        let is_over = self.over.contains(&key.framework);
        let status = self.status(key, Some(container), news);
        let journal = Self::journal(Entry::updated(key, &status));
        if news_state.is_terminal() {
            *self.ended.entry(news_state).or_default() += 1;
        }
        let Some(task) = self.task_mut(key) else {
            return Vec::new();
        };
        task.record(&status);
        tracing::info!(task.id = %key.task, "task `{}` is {news_state}", key.task);
        if is_over {
            let is_complete = task.is_complete();
            if is_complete {
                self.complete(key);
            }
            return vec![journal];
        }
        let mut effects = vec![journal];
        if task.updates.push(status) {
            effects.extend(self.send_head(now, key));
        }
        effects
    }

    /// News about a task that this agent does not hold: told once, since nobody here remembers it.
    pub(super) fn tell_of_stranger(&mut self, key: &TaskKey, news: News) -> Vec<Effect> {
        let latest_state = news.state.number();
        let status = self.status(key, None, news);
        let body = UpdateStatus { framework_id: framework_id(key), status, latest_state };
        self.send(agent_frame::Body::UpdateStatus(body)).into_iter().collect()
    }

    fn status(&mut self, key: &TaskKey, container: Option<String>, news: News) -> v1::TaskStatus {
        let addresses =
            if news.addresses.is_empty() { vec![self.settings.ip.clone()] } else { news.addresses };
        v1::TaskStatus {
            task_id: v1::TaskId { value: key.task.to_string() },
            state: news.state.number(),
            message: news.message,
            source: Some(news.source as i32),
            reason: news.reason.map(|reason| reason as i32),
            data: news.data,
            agent_id: self.id.as_ref().map(|id| v1::AgentId { value: id.to_string() }),
            // Compat: the executor of a Docker task has the task's id (mesos.md §1.4).
            executor_id: Some(v1::ExecutorId { value: key.task.to_string() }),
            timestamp: Some(self.wall.as_secs_f64()),
            uuid: Some(Bytes::copy_from_slice(&self.uuids.next())),
            container_status: container.map(|value| container_status(value, addresses)),
            limitation: news.limitation,
            healthy: news.healthy,
            check_status: news.check_status,
            ..v1::TaskStatus::default()
        }
    }

    pub(super) fn acknowledge_update(
        &mut self,
        now: Instant,
        seen: &AcknowledgeUpdate,
    ) -> Vec<Effect> {
        let key = TaskKey {
            framework: FrameworkId::new(seen.framework_id.value.as_str()),
            task: seen.task_id.value.as_str().into(),
        };
        let Some(task) = self.task_mut(&key) else {
            return Vec::new();
        };
        if !task.updates.acknowledge(&seen.uuid) {
            return Vec::new(); // Of an update that was sent twice, or that another agent sent.
        }
        let is_complete = task.is_complete();
        let mut effects = vec![Self::journal(Entry::Acknowledged {
            framework: key.framework.clone(),
            task: key.task.clone(),
            uuid: seen.uuid.to_vec(),
        })];
        if is_complete {
            self.complete(&key);
        } else {
            effects.extend(self.send_head(now, &key));
        }
        effects
    }

    pub(super) fn resend_update(
        &mut self,
        now: Instant,
        key: &TaskKey,
        uuid: &[u8],
        sending: u32,
    ) -> Vec<Effect> {
        let waits = self.tasks.get(key).is_some_and(|task| task.updates.waits(uuid, sending));
        if waits { self.send_head(now, key) } else { Vec::new() }
    }

    /// Sends the oldest update of a task, if there is one and a master to send it to.
    pub(super) fn send_head(&mut self, now: Instant, key: &TaskKey) -> Vec<Effect> {
        if !self.link.is_admitted() {
            return Vec::new();
        }
        let Some(task) = self.task_mut(key) else {
            return Vec::new();
        };
        let latest_state = task.state.number();
        let Some(head) = task.updates.head().cloned() else {
            return Vec::new();
        };
        let uuid = head.uuid.as_ref().map(|uuid| uuid.to_vec()).unwrap_or_default();
        let (wait, sending) = task.updates.sent();
        let body = UpdateStatus { framework_id: framework_id(key), status: head, latest_state };
        self.send(agent_frame::Body::UpdateStatus(body))
            .into_iter()
            .chain([Effect::ArmTimer {
                at: now + wait,
                timer: Timer::ResendUpdate(key.clone(), uuid, sending),
            }])
            .collect()
    }

    /// On a new link the oldest update of every task is sent at once.
    pub(super) fn send_all_heads(&mut self, now: Instant) -> Vec<Effect> {
        let waiting: Vec<TaskKey> = self
            .tasks
            .iter()
            .filter(|(_, task)| !task.updates.is_empty())
            .map(|(key, _)| key.clone())
            .collect();
        let mut effects = Vec::new();
        for key in waiting {
            if let Some(task) = self.task_mut(&key) {
                task.updates.restart();
            }
            effects.extend(self.send_head(now, &key));
        }
        effects
    }

    /// Moves a task to the ended ones, and forgets the oldest of those beyond the limit.
    pub(super) fn complete(&mut self, key: &TaskKey) {
        let limit = self.settings.max_completed_tasks;
        let ended = self.completed.entry(key.framework.clone()).or_default();
        ended.retain(|task| *task != key.task);
        ended.push_back(key.task.clone());
        let surplus = ended.len().saturating_sub(limit);
        let forgotten: Vec<_> = ended.drain(..surplus).collect();
        for task in forgotten {
            self.tasks.remove(&TaskKey { framework: key.framework.clone(), task });
        }
        if self.over.contains(&key.framework) {
            self.forget_frameworks();
        }
    }

    /// Forgets the frameworks that are over and have nothing running here, but the newest few.
    pub(super) fn forget_frameworks(&mut self) {
        let busy: BTreeSet<FrameworkId> = self
            .tasks
            .values()
            .filter(|task| !task.is_complete())
            .map(|task| task.key.framework.clone())
            .collect();
        let idle: Vec<FrameworkId> = self.over.difference(&busy).cloned().collect();
        // Their ids end in a number that grows.
        for framework in idle.iter().take(idle.len().saturating_sub(MAX_COMPLETED_FRAMEWORKS)) {
            self.over.remove(framework);
            self.frameworks.remove(framework);
            for task in self.completed.remove(framework).unwrap_or_default() {
                self.tasks.remove(&TaskKey { framework: framework.clone(), task });
            }
        }
    }

    pub(super) fn update_framework(&mut self, info: v1::FrameworkInfo) -> Vec<Effect> {
        let Some(id) = info.id.as_ref().map(|id| FrameworkId::new(id.value.as_str())) else {
            return Vec::new();
        };
        match self.frameworks.get(&id) {
            Some(known) if **known != info => {
                self.over.remove(&id);
                let journal = Self::journal(Entry::framework(&info));
                self.frameworks.insert(id, Arc::new(info));
                vec![journal]
            }
            Some(_) | None => Vec::new(),
        }
    }
}

fn framework_id(key: &TaskKey) -> v1::FrameworkId {
    v1::FrameworkId { value: key.framework.to_string() }
}

fn container_status(container: String, addresses: Vec<String>) -> v1::ContainerStatus {
    let ip_addresses = addresses
        .into_iter()
        .map(|address| {
            let protocol = if address.contains(':') {
                v1::network_info::Protocol::IPv6
            } else {
                v1::network_info::Protocol::IPv4
            };
            v1::network_info::IpAddress {
                protocol: Some(protocol as i32),
                ip_address: Some(address),
            }
        })
        .collect();
    v1::ContainerStatus {
        container_id: Some(v1::ContainerId { value: container, parent: None }),
        network_infos: vec![v1::NetworkInfo { ip_addresses, ..v1::NetworkInfo::default() }],
        ..v1::ContainerStatus::default()
    }
}
