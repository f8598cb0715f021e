//! Kills: sent once the goal is stored, repeated until the task has ended (marathon.md §8.6).

mod orders;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AgentId, AppId, TaskId};

use super::Marathon;
use super::instances::Write;
use crate::command::{AfterKill, AppChange, ChangeApps, KillTasks, TaskSelection};
use crate::effect::{Call, Refusal, Reply};
use crate::instance::{Condition, Goal, Instance, Task};
use crate::timers::Timer;

pub(super) use orders::Orders;

impl Marathon {
    /// Orders the end of `task`.
    pub(super) fn kill(&mut self, task: &Task) {
        self.kill_task(task.id.clone(), Some(task.agent.clone()));
    }

    /// Orders the end of a task, also of one that no instance owns.
    pub(super) fn kill_task(&mut self, task: TaskId, agent: Option<AgentId>) {
        self.kills.add(task, agent);
        self.send_kills();
    }

    /// The task has ended, or is nobody's any more.
    pub(super) fn forget_kill(&mut self, task: &TaskId) {
        if self.kills.remove(task) {
            self.send_kills();
        }
    }

    /// Sends what may be sent, and again what went unanswered for too long.
    pub(super) fn send_kills(&mut self) {
        if !self.subscription.is_connected {
            return;
        }
        let (retry, most) = (self.settings.kill_retry, self.settings.max_kills_in_flight);
        for (task, agent) in self.kills.take_due(self.now, retry, most) {
            self.call(Call::Kill { task, agent });
        }
        if let Some(again) = self.kills.next_retry(retry) {
            self.timers.arm(again, Timer::Kills);
        }
    }

    /// A new connection: what was sent on the old one may be lost.
    pub(super) fn resend_kills(&mut self) {
        self.kills.start_over();
        self.send_kills();
    }

    /// Whether a task of an instance that stays wanted is to be killed.
    ///
    /// Such kills follow from nothing else that is stored, so the instance's record says so.
    pub(super) fn is_being_killed(&self, instance: &Instance) -> bool {
        let is_ordered = instance.task.as_ref().is_some_and(|task| self.kills.contains(&task.id));
        is_ordered && instance.goal == Goal::Running && instance.condition.is_active()
    }

    /// A client's request to kill tasks.
    pub(super) fn kill_tasks(&mut self, kill: KillTasks) {
        let selected = match self.select(&kill.tasks) {
            Ok(selected) => selected,
            Err(refusal) => return self.refuse(kill.request, refusal),
        };
        let most = self.settings.max_kills_per_request;
        if selected.len() > most {
            return self
                .refuse(kill.request, Refusal::TooManyKills { count: selected.len(), most });
        }
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
            (Some(task), condition) if condition.is_active() => {
                self.kill(task);
                // The answer to the client promises it, whoever leads then.
                self.put(instance.clone(), Write::Now);
            }
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
