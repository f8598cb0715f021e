//! Probes: when tasks are asked, whose answers count, and what follows from them (marathon.md §8.8, §6.5).
//!
//! Each check of each running instance has a timer of its own. A question that is out has a number; an answer
//! with another number, or for an earlier run of the instance, changes nothing. Every question is answered sooner or
//! later, and the next one of its check is put only then: however many wait for a turn, there is one of each.
//!
//! Compat: the original asks all instances of an app version at the same moments; here an instance is first asked
//! `min(interval, 5 s)` after it began to run, so that probes are spread and a deployment waits no longer than
//! it has to.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{InstanceId, Instant, TaskId};

use super::Marathon;
use super::instances::Write;
use crate::command::StatusUpdate;
use crate::effect::Effect;
use crate::endpoint;
use crate::events;
use crate::health::{
    Answer, CheckId, Finding, Health, Outcome, ProbeId, ProbeOrder, Question, Readiness,
};
use crate::instance::{Condition, Goal, Instance};
use crate::run_spec::{HealthCheck, Probe, Prober, ReadinessCheck, RunSpec};
use crate::snapshot::TaskFailure;
use crate::timers::Timer;

/// The questions that are out.
#[derive(Debug, Clone, Default)]
pub(super) struct Probes {
    asked: BTreeMap<(InstanceId, CheckId), Asked>,
    checks: BTreeMap<ProbeId, (InstanceId, CheckId)>,
    minted: u64,
}

#[derive(Debug, Clone)]
struct Asked {
    id: ProbeId,
    task: TaskId,
    at: Instant,
}

impl Probes {
    /// Notes a question; an older one of the same check is forgotten.
    fn ask(
        &mut self,
        instance: &InstanceId,
        check: CheckId,
        task: &TaskId,
        at: Instant,
    ) -> ProbeId {
        self.minted += 1;
        let id = ProbeId(self.minted);
        self.forget(instance, check);
        let key = (instance.clone(), check);
        self.checks.insert(id, key.clone());
        self.asked.insert(key, Asked { id, task: task.clone(), at });
        id
    }

    /// Whether the check of this run has a question out.
    fn is_out(&self, instance: &InstanceId, check: CheckId, task: &TaskId) -> bool {
        self.asked.get(&(instance.clone(), check)).is_some_and(|asked| asked.task == *task)
    }

    fn forget(&mut self, instance: &InstanceId, check: CheckId) {
        if let Some(asked) = self.asked.remove(&(instance.clone(), check)) {
            self.checks.remove(&asked.id);
        }
    }

    /// The question that is answered; `None` when it is not out any more.
    fn answered(&mut self, id: ProbeId) -> Option<(InstanceId, CheckId, Asked)> {
        let (instance, check) = self.checks.remove(&id)?;
        let asked = self.asked.remove(&(instance.clone(), check))?;
        Some((instance, check, asked))
    }
}

impl Marathon {
    /// Arms the checks of an instance that begins to run, or is found running.
    pub(super) fn watch_checks(&mut self, instance: &Instance) {
        if instance.condition != Condition::Running || instance.goal != Goal::Running {
            return;
        }
        let Some(definition) = self.state.definition_of(instance).cloned() else { return };
        for (number, check) in (0..).zip(definition.spec.health_checks()) {
            if check.is_by_marathon() {
                let timer = Timer::Probe(instance.id.clone(), CheckId::Health(number));
                self.timers.arm(self.now + check.first_delay(), timer);
            }
        }
        if instance.checks.waits_for_readiness() && self.state.locks.contains_key(&instance.app) {
            self.timers.arm(self.now, Timer::Probe(instance.id.clone(), CheckId::Readiness));
        }
    }

    /// A deployment begins to wait for the readiness of the app's instances.
    pub(super) fn watch_readiness(&mut self, app: &model::AppId) {
        let waiting: Vec<InstanceId> = self
            .state
            .instances_of(app)
            .filter(|i| i.condition == Condition::Running && i.checks.waits_for_readiness())
            .map(|instance| instance.id.clone())
            .collect();
        for instance in waiting {
            self.timers.arm(self.now, Timer::Probe(instance, CheckId::Readiness));
        }
    }

    /// Forgets the questions about an instance that is gone.
    pub(super) fn forget_probes(&mut self, instance: &Instance) {
        let health = (0..).zip(&instance.checks.results).map(|(number, _)| CheckId::Health(number));
        for check in health.chain([CheckId::Readiness]) {
            self.timers.disarm(&Timer::Probe(instance.id.clone(), check));
            self.probes.forget(&instance.id, check);
        }
    }

    /// The time of a check has come.
    pub(super) fn probe(&mut self, id: &InstanceId, check: CheckId) {
        let Some(instance) = self.instance(id).cloned() else { return };
        let is_asked = instance.condition == Condition::Running && instance.goal == Goal::Running;
        let (Some(task), true) = (&instance.task, is_asked && !self.is_being_killed(&instance))
        else {
            return;
        };
        if self.probes.is_out(id, check, &task.id) {
            return; // Its answer sets the time of the next.
        }
        let Some(definition) = self.state.definition_of(&instance).cloned() else { return };
        let Some(asks) = Asks::of(&definition.spec, check) else { return };
        if check == CheckId::Readiness && !self.is_readiness_wanted(&instance) {
            return;
        }
        let number = self.probes.ask(id, check, &task.id, self.now);
        match asks.endpoint(&definition.spec, task) {
            Some((host, port)) => {
                let (question, timeout) = (asks.question(), asks.timeout());
                let order = ProbeOrder { id: number, question, host, port, timeout };
                self.effects.push(Effect::Probe(Box::new(order)));
            }
            None => self.probed(number, Outcome::Failed("Invalid port index".to_owned())),
        }
    }

    fn is_readiness_wanted(&self, instance: &Instance) -> bool {
        instance.checks.waits_for_readiness() && self.state.locks.contains_key(&instance.app)
    }

    /// A task has answered, or has not.
    pub(super) fn probed(&mut self, id: ProbeId, outcome: Outcome) {
        let Some((id, check, asked)) = self.probes.answered(id) else { return };
        let Some(instance) = self.instance(&id).map(|instance| (**instance).clone()) else {
            return;
        };
        // The run that was asked has ended meanwhile.
        if instance.task.as_ref().is_none_or(|task| task.id != asked.task) {
            return;
        }
        let Some(definition) = self.state.definition_of(&instance).cloned() else { return };
        match Asks::of(&definition.spec, check) {
            Some(Asks::Health(of_app)) => {
                let next = (asked.at + of_app.interval).max(self.now);
                self.timers.arm(next, Timer::Probe(id, check));
                let CheckId::Health(number) = check else { return };
                let ignores = matches!(of_app.probe, Probe::Http { ignore_1xx: true, .. });
                self.found(instance, number as usize, of_app, outcome.finding(ignores));
            }
            Some(Asks::Readiness(of_app)) => {
                self.timers.arm(self.now + of_app.interval, Timer::Probe(id, check));
                self.readiness_found(instance, of_app, outcome);
            }
            None => {}
        }
    }

    /// A check by Marathon has a result.
    fn found(
        &mut self,
        mut instance: Instance,
        number: usize,
        check: &HealthCheck,
        finding: Finding,
    ) {
        let Some(judgement) = self.judge(&mut instance, number, check, finding) else { return };
        let wall = self.wall();
        if judgement.has_failed {
            self.publish(events::failed_health_check(&instance, check, wall));
        }
        let health = judgement.health;
        if judgement.gives_up && !self.is_being_killed(&instance) {
            self.give_up(&instance, &health);
        }
        if judgement.was_alive != health.is_alive {
            self.publish(events::health_status_changed(&instance, health.is_alive, wall));
        }
        self.put_health(instance);
    }

    /// Mesos tells what its check of a task has found. It counts by itself and kills by itself.
    pub(super) fn told_health(&mut self, instance: &mut Instance, update: &StatusUpdate) -> bool {
        let Some(is_healthy) = update.healthy else { return false };
        let definition = self.state.definition_of(instance).cloned();
        let checks = definition.as_ref().map_or(&[][..], |known| known.spec.health_checks());
        let of_mesos = |check: &HealthCheck| check.prober() == Prober::Mesos;
        let Some(number) = checks.iter().position(of_mesos) else {
            return instance.healthy.replace(is_healthy) != Some(is_healthy);
        };
        let known = instance.checks.results.get(number).and_then(Option::as_ref);
        // Anything but a report of the check repeats what was reported before.
        let is_report = update.reason.as_deref() == Some("REASON_TASK_HEALTH_CHECK_STATUS_UPDATED");
        if known.is_some_and(|known| known.is_alive == is_healthy) && !is_report {
            return false;
        }
        let cause = update.message.clone().unwrap_or_default();
        let finding = if is_healthy { Finding::Good } else { Finding::Bad(cause) };
        self.judge(instance, number, &checks[number], finding);
        self.tell_health(instance);
        true
    }

    /// Counts a result and keeps it with the instance.
    fn judge(
        &self,
        instance: &mut Instance,
        number: usize,
        check: &HealthCheck,
        finding: Finding,
    ) -> Option<Counted> {
        let is_running = instance.condition == Condition::Running;
        let since = self.state.clock.instant_of(instance.since, self.now);
        let ran = is_running.then(|| self.now.duration_since(since));
        let result = instance.checks.results.get_mut(number)?;
        let known = result.take().unwrap_or_default();
        let judgement = known.judge(check, ran, finding, self.state.clock.read(self.now));
        *result = Some(judgement.health.clone());
        Some(Counted {
            was_alive: known.is_alive,
            health: judgement.health,
            has_failed: judgement.has_failed,
            gives_up: judgement.gives_up,
        })
    }

    fn put_health(&mut self, mut instance: Instance) {
        let write = if self.tell_health(&mut instance) { Write::Behind } else { Write::Never };
        self.put(instance, write);
    }

    /// Tells of what all checks say together, if that has changed.
    fn tell_health(&mut self, instance: &mut Instance) -> bool {
        let healthy = instance.checks.health();
        let is_news = std::mem::replace(&mut instance.healthy, healthy) != healthy;
        if is_news {
            self.publish(events::instance_health_changed(instance, self.wall()));
        }
        is_news
    }

    /// Kills a task whose check has failed too often; its instance is launched anew.
    fn give_up(&mut self, instance: &Instance, health: &Health) {
        let Some(task) = instance.task.clone() else { return };
        let reason = health.last_failure_cause.clone().unwrap_or_else(|| "unknown".to_owned());
        let wall = self.wall();
        tracing::info!(task.id = %task.id, "task `{}` is killed: its health check failed: {reason}", task.id);
        self.publish(events::unhealthy_instance_kill(instance, &task, &reason, wall));
        let failure = TaskFailure {
            task: task.id.clone(),
            state: model::TaskState::Killed,
            message: format!("Task was killed since health check failed. Reason: {reason}"),
            host: task.host.to_string(),
            agent: Some(task.agent.clone()),
            version: instance.version,
            timestamp: wall,
        };
        self.keep_failure(&instance.app, failure);
        self.kill(&task);
        // Whoever leads next goes on with the kill.
        self.put(instance.clone(), Write::Now);
    }

    fn readiness_found(
        &mut self,
        mut instance: Instance,
        check: &ReadinessCheck,
        outcome: Outcome,
    ) {
        let answer = match outcome {
            Outcome::Answered(answer) => answer,
            Outcome::Connected => return,
            // Compat: as the original words it.
            Outcome::Failed(cause) => Answer {
                status: 504,
                reason: "Gateway Timeout".to_owned(),
                content_type: "text/plain".to_owned(),
                body: format!("Marathon could not query the task: {cause}"),
            },
        };
        let is_ready = check.ready_statuses.contains(&answer.status);
        instance.checks.readiness = Some(Readiness {
            name: check.name.clone(),
            is_ready,
            last_answer: check.preserve_last_response.then_some(answer),
        });
        if is_ready {
            self.timers.disarm(&Timer::Probe(instance.id.clone(), CheckId::Readiness));
        }
        self.put(instance, Write::Never);
    }
}

/// A result that was counted.
struct Counted {
    was_alive: bool,
    health: Health,
    has_failed: bool,
    gives_up: bool,
}

/// A check of Marathon's own.
enum Asks<'a> {
    Health(&'a HealthCheck),
    Readiness(&'a ReadinessCheck),
}

impl<'a> Asks<'a> {
    fn of(spec: &'a RunSpec, check: CheckId) -> Option<Self> {
        match check {
            CheckId::Health(number) => {
                let check = spec.health_checks().get(number as usize);
                check.filter(|check| check.is_by_marathon()).map(Self::Health)
            }
            CheckId::Readiness => spec.readiness_check().map(Self::Readiness),
        }
    }

    fn timeout(&self) -> Duration {
        match self {
            Self::Health(check) => check.timeout,
            Self::Readiness(check) => check.timeout,
        }
    }

    fn endpoint(&self, spec: &RunSpec, task: &crate::instance::Task) -> Option<(String, u16)> {
        match self {
            Self::Health(check) => endpoint::of_check(spec, task, check),
            Self::Readiness(check) => endpoint::of_port_name(spec, task, &check.port_name),
        }
    }

    fn question(&self) -> Question {
        let path = |given: Option<&str>| {
            let given = given.unwrap_or("/");
            if given.starts_with('/') { given.to_owned() } else { format!("/{given}") }
        };
        match self {
            Self::Health(check) => match &check.probe {
                Probe::Http { scheme, path: given, .. } => {
                    let path = path(given.as_deref());
                    Question::Http { scheme: *scheme, path, wants_body: false }
                }
                Probe::Tcp { .. } | Probe::Command(_) => Question::Tcp,
            },
            Self::Readiness(check) => Question::Http {
                scheme: check.scheme,
                path: path(Some(&check.path)),
                wants_body: check.preserve_last_response,
            },
        }
    }
}
