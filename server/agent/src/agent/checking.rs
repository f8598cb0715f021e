//! Checks while a task runs: asked in their time, told when there is news, ended with the task or its kill.
//!
//! Nothing of it is journalled but the updates that it makes: a new process begins with what was told last. Every question
//! is answered sooner or later, and the next one of its check is put only then: so there is one of each at most, however
//! long it has to wait for its turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ContainerId, Instant, TaskState};
use wire::mesos::v1;
use wire::mesos::v1::task_status::Reason;

use crate::Agent;
use crate::check::{CheckKind, HealthCount, Outcome, Plan, Probe, Verdict};
use crate::command::Timer;
use crate::effect::Effect;
use crate::task::{News, Phase, Task, TaskKey};

/// The checks of running tasks.
#[derive(Debug, Default)]
pub(super) struct Checks {
    running: BTreeMap<(TaskKey, CheckKind), Check>,
    asked: u64,
}

/// A check of one run.
#[derive(Debug, Clone)]
struct Check {
    container: ContainerId,
    plan: Arc<Plan>,
    began: Instant,
    count: HealthCount,
    /// The question that is out.
    asked: Option<u64>,
    /// When it is to be asked next; not known while a question is out.
    due: Option<Instant>,
}

impl Agent {
    /// Begins the checks of a task that runs.
    pub(super) fn begin_checks(&mut self, now: Instant, key: &TaskKey) -> Vec<Effect> {
        let Some(task) = self.tasks.get(key).filter(|task| task.phase == Phase::Running) else {
            return Vec::new();
        };
        if task.kill.is_some() {
            return Vec::new();
        }
        let health = task.info.health_check.as_ref().map(|check| Plan::of_health(check));
        let status = task.info.check.as_ref().map(|check| Plan::of_check(check));
        let (container, told) = (task.container.clone(), told_health(task));
        let mut effects = Vec::new();
        for (kind, plan) in [(CheckKind::Health, health), (CheckKind::Status, status)] {
            let plan = match plan {
                Some(Ok(plan)) => plan,
                // A task of another version of this program; its like is refused at launch.
                Some(Err(error)) => {
                    tracing::warn!(task.id = %key.task, "task `{key}` runs without its check: {error}");
                    continue;
                }
                None => continue,
            };
            let timer = Timer::Check(key.clone(), container.clone(), kind);
            let at = now + plan.delay;
            effects.push(Effect::ArmTimer { at, timer });
            let (plan, container) = (Arc::new(plan), container.clone());
            let (count, due) = (HealthCount::resumed(told), Some(at));
            let check = Check { container, plan, began: now, count, asked: None, due };
            self.checks.running.insert((key.clone(), kind), check);
        }
        effects
    }

    /// The time of a check has come.
    pub(super) fn check(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
        kind: CheckKind,
    ) -> Vec<Effect> {
        let at = (key.clone(), kind);
        let Some(check) = self.checks.running.get_mut(&at) else { return Vec::new() };
        // Timers cannot be called back: this one may be of an earlier run of the task.
        if check.container != *container || check.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        let task = self.tasks.get(key).filter(|task| is_checked(task, container));
        let Some(name) = task.map(|task| task.container_name.clone()) else {
            self.checks.running.remove(&at);
            return Vec::new();
        };
        self.checks.asked += 1;
        let number = self.checks.asked;
        let (question, timeout) = (check.plan.question.clone(), check.plan.timeout);
        (check.asked, check.due) = (Some(number), None);
        let (task, container) = (key.clone(), container.clone());
        let probe = Probe { task, container, name, kind, number, question, timeout };
        vec![Effect::Probe(Box::new(probe))]
    }

    /// A question was answered, or could not be put.
    pub(super) fn probed(
        &mut self,
        now: Instant,
        key: &TaskKey,
        kind: CheckKind,
        number: u64,
        outcome: &Outcome,
    ) -> Vec<Effect> {
        let Some(check) = self.checks.running.get_mut(&(key.clone(), kind)) else {
            return Vec::new();
        };
        if check.asked != Some(number) {
            return Vec::new(); // Of an earlier run.
        }
        let due = now + check.plan.interval;
        (check.asked, check.due) = (None, Some(due));
        let plan = Arc::clone(&check.plan);
        let container = check.container.clone();
        if self.tasks.get(key).is_none_or(|task| !is_checked(task, &container)) {
            self.checks.running.remove(&(key.clone(), kind));
            return Vec::new();
        }
        let timer = Timer::Check(key.clone(), container, kind);
        let mut effects = vec![Effect::ArmTimer { at: due, timer }];
        effects.extend(match kind {
            CheckKind::Health => self.health_found(now, key, outcome),
            CheckKind::Status => self.status_found(now, key, &plan, outcome),
        });
        effects
    }

    fn health_found(&mut self, now: Instant, key: &TaskKey, outcome: &Outcome) -> Vec<Effect> {
        let Some(check) = self.checks.running.get_mut(&(key.clone(), CheckKind::Health)) else {
            return Vec::new();
        };
        let passed = now.duration_since(check.began);
        let (verdict, cause) = match outcome.judged() {
            None => return Vec::new(),
            Some(Ok(())) => (check.count.success(), None),
            Some(Err(cause)) => (check.count.failure(&check.plan, passed), Some(cause)),
        };
        let Some(news) = self.running_again(key, Reason::TaskHealthCheckStatusUpdated) else {
            return Vec::new();
        };
        match verdict {
            Verdict::Silence => Vec::new(),
            Verdict::Healthy => self.tell(now, key, News { healthy: Some(true), ..news }),
            Verdict::Unhealthy { kills } => {
                let news = News { healthy: Some(false), message: cause, ..news };
                let mut effects = self.tell(now, key, news);
                if kills {
                    tracing::info!(task.id = %key.task, "task `{key}` is ended: its health check has failed too often");
                    let grace = self.tasks.get(key).map(|task| self.kill_grace(task));
                    effects.extend(self.end_task(now, key, grace.unwrap_or_default()));
                }
                effects
            }
        }
    }

    /// A plain check is told when its result differs from the one before.
    fn status_found(
        &mut self,
        now: Instant,
        key: &TaskKey,
        plan: &Plan,
        outcome: &Outcome,
    ) -> Vec<Effect> {
        let status = outcome.status(&plan.question);
        let told = self.tasks.get(key).and_then(|task| told(task, |status| status.check_status));
        if told.as_ref() == Some(&status) {
            return Vec::new();
        }
        match self.running_again(key, Reason::TaskCheckStatusUpdated) {
            Some(news) => self.tell(now, key, News { check_status: Some(status), ..news }),
            None => Vec::new(),
        }
    }

    /// News that a task still runs, where it did.
    fn running_again(&self, key: &TaskKey, reason: Reason) -> Option<News> {
        let task = self.tasks.get(key)?;
        let addresses = told(task, |status| {
            let networks = &status.container_status.as_ref()?.network_infos;
            let addresses = networks.iter().flat_map(|network| &network.ip_addresses);
            Some(addresses.filter_map(|address| address.ip_address.clone()).collect())
        });
        Some(News {
            reason: Some(reason),
            addresses: addresses.unwrap_or_default(),
            ..News::from_executor(TaskState::Running)
        })
    }

    /// What was last told of a task's checks; updates of a running task repeat it.
    pub(super) fn repeat_checks(&self, key: &TaskKey, news: News) -> News {
        let Some(task) = self.tasks.get(key).filter(|_| news.state == TaskState::Running) else {
            return news;
        };
        News {
            healthy: news.healthy.or_else(|| told_health(task)),
            check_status: news.check_status.or_else(|| told(task, |status| status.check_status)),
            ..news
        }
    }

    /// The task has ended; `Some(false)` when it was ended while its health check failed.
    pub(super) fn end_checks(&mut self, key: &TaskKey) -> Option<bool> {
        for kind in [CheckKind::Health, CheckKind::Status] {
            self.checks.running.remove(&(key.clone(), kind));
        }
        let task = self.tasks.get(key)?;
        (task.kill.is_some() && told_health(task) == Some(false)).then_some(false)
    }
}

/// Whether it is still the run that is checked.
fn is_checked(task: &Task, container: &ContainerId) -> bool {
    task.container == *container && task.phase == Phase::Running && task.kill.is_none()
}

fn told_health(task: &Task) -> Option<bool> {
    told(task, |status| status.healthy)
}

/// What the newest update says that says anything of it.
fn told<T>(task: &Task, of: impl Fn(&v1::TaskStatus) -> Option<T>) -> Option<T> {
    task.statuses.iter().rev().find_map(of)
}
