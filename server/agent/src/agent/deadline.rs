//! Tasks that may take so long and no longer (`max_completion_time`).
//!
//! The time runs from the task's STARTING update, which is journalled: an agent that is started again does not give it anew.

use std::time::Duration;

use model::{ContainerId, Instant};

use crate::Agent;
use crate::command::Timer;
use crate::effect::Effect;
use crate::record::Entry;
use crate::task::{Phase, TaskKey};

impl Agent {
    /// Waits for the end of a running task's time, where it has one.
    pub(super) fn await_deadline(&self, now: Instant, key: &TaskKey) -> Option<Effect> {
        let task = self.tasks.get(key).filter(|task| task.kill.is_none())?;
        let most = task.max_completion_time()?;
        let taken = task.started_at().map_or(Duration::ZERO, |at| self.passed_since(at));
        let timer = Timer::Deadline(key.clone(), task.container.clone());
        Some(Effect::ArmTimer { at: now + most.saturating_sub(taken), timer })
    }

    /// The task's time is over: it ends at once, unless it has to end already.
    pub(super) fn deadline_passed(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
    ) -> Vec<Effect> {
        match self.run_mut(key, container) {
            Some(task) if task.phase == Phase::Running && task.kill.is_none() => {
                task.is_out_of_time = true;
            }
            Some(_) | None => return Vec::new(),
        }
        tracing::info!(task.id = %key.task, "task `{key}` is ended: it has reached its maximum completion time");
        let (framework, task) = (key.framework.clone(), key.task.clone());
        let mut effects = vec![Self::journal(Entry::OutOfTime { framework, task })];
        // Compat: the original gives it no time to end by itself either.
        effects.extend(self.end_task(now, key, Duration::ZERO));
        effects
    }

    /// The time since `at`, in seconds since 1970; none since what is yet to come.
    pub(super) fn passed_since(&self, at: f64) -> Duration {
        Duration::try_from_secs_f64(self.wall.as_secs_f64() - at).unwrap_or_default()
    }
}
