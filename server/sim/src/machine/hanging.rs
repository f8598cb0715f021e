//! An engine that hangs: it takes calls and does not answer, until it is itself again.
//!
//! Of each hang the seed decides which kind it is. Either nothing happens meanwhile, and every call is carried out late and in its order,
//! whether somebody still waits for it or not; or calls take effect and only the answers are late. Whoever waits gives up in the end, as
//! the client of a Docker engine does, but nobody who waits for a container to end.

use std::time::Duration;

use crate::event::{AgentEvent, EngineEvent, Event};
use crate::world::World;

use super::engine::Engine;
use super::jobs::{EngineAnswer, EngineCall, JobId};

/// How long an answer is waited for.
///
/// Source: server/containerizer/src/docker.rs (`call_timeout`), where it is longer; so late answers are not rare here.
const PATIENCE: Duration = Duration::from_secs(10);

/// The job of nobody: answers to it are lost.
pub(super) const NOBODY: JobId = 0;

/// What an engine has taken and not done, or done and not answered.
#[derive(Debug, Default)]
pub(crate) struct Hang {
    /// None while the engine is well.
    kind: Option<Kind>,
    calls: Vec<Held<EngineCall>>,
    answers: Vec<Held<EngineAnswer>>,
    taken: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Calls are carried out late.
    Calls,
    /// Only the answers are late.
    Answers,
}

#[derive(Debug)]
struct Held<T> {
    number: u64,
    incarnation: u64,
    job: JobId,
    what: T,
}

impl Engine {
    pub(crate) fn hangs(&self) -> bool {
        self.hang.kind.is_some()
    }
}

impl World {
    /// The engine hangs from now on, for a while.
    pub(crate) fn hang_engine(&mut self, machine: usize, length: Duration) {
        let kind = if self.random.percent(50) { Kind::Calls } else { Kind::Answers };
        let engine = &mut self.machines[machine].engine;
        if engine.hang.kind.is_some() {
            return;
        }
        engine.hang.kind = Some(kind);
        self.trace.note(self.now, || format!("engine {machine}: hangs ({kind:?})"));
        self.schedule(self.now + length, Event::EngineWell(machine));
    }

    /// The engine is itself again: what it has taken is done, and what it has done is told.
    pub(crate) fn engine_is_well(&mut self, machine: usize) {
        let hang = std::mem::take(&mut self.machines[machine].engine.hang);
        if hang.kind.is_none() {
            return;
        }
        self.machines[machine].engine.hang.taken = hang.taken;
        self.trace.note(self.now, || format!("engine {machine}: is well again"));
        for Held { incarnation, job, what, .. } in hang.answers {
            self.answer_job(machine, incarnation, job, what);
        }
        for Held { incarnation, job, what, .. } in hang.calls {
            self.engine_event(machine, EngineEvent::Call { incarnation, job, call: what });
        }
    }

    /// Whether the call is held back; then the engine says nothing of it for now.
    pub(crate) fn holds_call(
        &mut self,
        machine: usize,
        incarnation: u64,
        job: JobId,
        call: &EngineCall,
    ) -> bool {
        if self.machines[machine].engine.hang.kind != Some(Kind::Calls) {
            return false;
        }
        let hang = &mut self.machines[machine].engine.hang;
        hang.taken += 1;
        let number = hang.taken;
        hang.calls.push(Held { number, incarnation, job, what: call.clone() });
        if !matches!(call, EngineCall::Wait(_)) {
            self.give_up_later(machine, number);
        }
        true
    }

    /// Whether the answer is held back.
    pub(crate) fn holds_answer(
        &mut self,
        machine: usize,
        incarnation: u64,
        job: JobId,
        answer: &EngineAnswer,
    ) -> bool {
        if self.machines[machine].engine.hang.kind != Some(Kind::Answers) {
            return false;
        }
        let hang = &mut self.machines[machine].engine.hang;
        hang.taken += 1;
        let number = hang.taken;
        hang.answers.push(Held { number, incarnation, job, what: answer.clone() });
        if !matches!(answer, EngineAnswer::Ended(_)) {
            self.give_up_later(machine, number);
        }
        true
    }

    fn give_up_later(&mut self, machine: usize, number: u64) {
        let boot = self.machines[machine].boot;
        let what = EngineEvent::GivenUp { number };
        self.schedule(self.now + PATIENCE, Event::Engine { machine, boot, what });
    }

    /// Nobody waits for that answer any more; the call is carried out all the same.
    pub(crate) fn give_up(&mut self, machine: usize, number: u64) {
        let hang = &mut self.machines[machine].engine.hang;
        let calls = hang.calls.iter_mut().filter(|held| held.number == number);
        let calls = calls.map(|held| (held.incarnation, &mut held.job));
        let answers = hang.answers.iter_mut().filter(|held| held.number == number);
        let mut held = calls.chain(answers.map(|held| (held.incarnation, &mut held.job)));
        let Some((incarnation, job)) = held.next() else { return };
        let job = std::mem::replace(job, NOBODY);
        let failed = EngineAnswer::Silent("the engine did not answer in time");
        let what = AgentEvent::Engine(job, failed);
        self.schedule(self.now, Event::Agent { machine, incarnation, what });
    }
}

#[cfg(test)]
mod tests {
    use crate::world::{Options, World};

    use super::*;

    /// A world whose first machine has a running agent.
    fn world() -> World {
        let mut world = World::new(5, Options::default());
        while world.machines[0].agent.is_none() {
            world.run_until(world.now + Duration::from_millis(10));
        }
        world
    }

    fn list(world: &mut World, job: JobId) {
        let incarnation = world.machines[0].incarnation;
        let call = EngineCall::List;
        world.engine_event(0, EngineEvent::Call { incarnation, job, call });
    }

    #[test]
    fn a_call_is_held_given_up_and_carried_out_for_nobody() {
        let mut world = world();
        world.machines[0].engine.hang.kind = Some(Kind::Calls);
        list(&mut world, 77);
        let held = &world.machines[0].engine.hang.calls;
        let (number, job) = (held[0].number, held[0].job);
        assert_eq!(job, 77);
        world.give_up(0, number);
        assert_eq!(world.machines[0].engine.hang.calls[0].job, NOBODY);
        world.engine_is_well(0);
        assert!(world.machines[0].engine.hang.calls.is_empty());
        assert_eq!(world.machines[0].engine.hang.kind, None);
    }

    #[test]
    fn answers_come_late_in_the_other_kind() {
        let mut world = world();
        world.machines[0].engine.hang.kind = Some(Kind::Answers);
        list(&mut world, 78);
        assert_eq!(world.machines[0].engine.hang.answers.len(), 1);
        assert!(world.machines[0].engine.hang.calls.is_empty());
    }
}
