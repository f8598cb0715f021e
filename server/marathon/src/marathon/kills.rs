//! Kills: sent once the goal is stored, repeated until the task has ended (marathon.md §8.6).

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AgentId, AppId, InstanceId, Instant, TaskId};

use super::Marathon;
use crate::command::{AfterKill, AppChange, ChangeApps, KillTasks, TaskSelection};
use crate::effect::{Call, Refusal, Reply};
use crate::instance::{Condition, Instance, Task};
use crate::timers::Timer;

/// Tasks to be killed that have not ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Kills {
    ordered: BTreeMap<TaskId, Kill>,
    in_flight: usize,
}

#[derive(Debug, Clone)]
struct Kill {
    agent: AgentId,
    sent: Option<Instant>,
}

impl Marathon {
    /// Orders the end of `task`.
    pub(super) fn kill(&mut self, instance: &InstanceId, task: &Task) {
        debug_assert!(task.id.as_str().starts_with(instance.as_str()), "a task of its instance");
        let kill = Kill { agent: task.agent.clone(), sent: None };
        if self.kills.ordered.contains_key(&task.id) {
            return;
        }
        self.kills.ordered.insert(task.id.clone(), kill);
        self.send_kills();
    }

    /// The task has ended, or is nobody's any more.
    pub(super) fn forget_kill(&mut self, task: &TaskId) {
        let Some(kill) = self.kills.ordered.remove(task) else { return };
        if kill.sent.is_some() {
            self.kills.in_flight -= 1;
            self.send_kills();
        }
    }

    /// Sends what may be sent, and again what went unanswered for too long.
    pub(super) fn send_kills(&mut self) {
        if !self.subscription.is_connected {
            return;
        }
        let (now, retry) = (self.now, self.settings.kill_retry);
        let mut calls = Vec::new();
        for (task, kill) in &mut self.kills.ordered {
            match kill.sent {
                Some(sent) if sent + retry > now => continue,
                Some(_) => {}
                None if self.kills.in_flight >= self.settings.max_kills_in_flight => continue,
                None => self.kills.in_flight += 1,
            }
            kill.sent = Some(now);
            calls.push(Call::Kill { task: task.clone(), agent: Some(kill.agent.clone()) });
        }
        if !calls.is_empty() {
            self.timers.arm(now + retry, Timer::Kills);
        }
        calls.into_iter().for_each(|call| self.call(call));
    }

    /// A new connection: what was sent on the old one may be lost.
    pub(super) fn resend_kills(&mut self) {
        self.kills.ordered.values_mut().for_each(|kill| kill.sent = None);
        self.kills.in_flight = 0;
        self.send_kills();
    }

    /// A client's request to kill tasks.
    pub(super) fn kill_tasks(&mut self, kill: KillTasks) {
        let selected = match self.select(&kill.tasks) {
            Ok(selected) => selected,
            Err(refusal) => return self.refuse(kill.request, refusal),
        };
        match kill.after {
            AfterKill::Relaunch => {
                for instance in &selected {
                    self.kill_or_forget(instance);
                }
                self.reply(kill.request, Reply::Killing { instances: selected, deployment: None });
            }
            AfterKill::Wipe => {
                for instance in &selected {
                    self.decommission(&instance.id);
                }
                self.reply(kill.request, Reply::Killing { instances: selected, deployment: None });
            }
            AfterKill::Scale => self.kill_and_scale(&kill, selected),
        }
    }

    fn select(&self, tasks: &TaskSelection) -> Result<Vec<Arc<Instance>>, Refusal> {
        let with_task = |instance: &&Arc<Instance>| instance.task.is_some();
        Ok(match tasks {
            TaskSelection::OfApp { app, host } => {
                self.require_app(app)?;
                let on_host = |instance: &&Arc<Instance>| {
                    host.as_deref().is_none_or(|host| instance.host() == Some(host))
                };
                self.state.instances_of(app).filter(with_task).filter(on_host).cloned().collect()
            }
            TaskSelection::One { app, task } => {
                self.require_app(app)?;
                let found = self.state.instance_of_task(task).filter(|found| found.app == *app);
                vec![Arc::clone(found.ok_or_else(|| Refusal::TaskUnknown(task.clone()))?)]
            }
            TaskSelection::Named(tasks) => {
                tasks.iter().filter_map(|task| self.state.instance_of_task(task)).cloned().collect()
            }
        })
    }

    pub(super) fn require_app(&self, app: &AppId) -> Result<(), Refusal> {
        self.state.apps.get(app).map(|_| ()).ok_or_else(|| Refusal::AppUnknown(app.clone()))
    }

    /// Ends the task and keeps the instance's goal; what cannot be killed is replaced.
    fn kill_or_forget(&mut self, instance: &Instance) {
        match (&instance.task, instance.condition) {
            (_, Condition::Unreachable | Condition::UnreachableInactive) => {
                self.decommission(&instance.id);
            }
            (Some(task), condition) if condition.is_active() => self.kill(&instance.id, task),
            (_, _) => {} // It has ended and waits for launch already.
        }
    }

    /// Kills tasks and lowers the number of instances by as many, in one deployment.
    fn kill_and_scale(&mut self, kill: &KillTasks, selected: Vec<Arc<Instance>>) {
        let mut fewer: BTreeMap<AppId, u32> = BTreeMap::new();
        for instance in
            selected.iter().filter(|i| i.is_wanted() && i.condition != Condition::Killing)
        {
            *fewer.entry(instance.app.clone()).or_default() += 1;
        }
        let changes = fewer.iter().filter_map(|(app, fewer)| {
            let wanted = self.state.apps.get(app)?.definition.spec.instances();
            let instances = wanted.saturating_sub(*fewer);
            Some(AppChange::Scale { app: app.clone(), instances })
        });
        let change = ChangeApps {
            request: kill.request,
            changes: changes.collect(),
            force: kill.force,
            caller: None,
        };
        match self.start_change(change) {
            Err(refusal) => self.refuse(kill.request, refusal),
            Ok(deploying) => {
                // Named by the client: they go before the reconciler chooses others.
                for instance in &selected {
                    self.decommission(&instance.id);
                }
                let deployment = Some(deploying);
                self.reply(kill.request, Reply::Killing { instances: selected, deployment });
            }
        }
    }
}
