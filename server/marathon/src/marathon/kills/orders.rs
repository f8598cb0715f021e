//! Which tasks are to be killed, which kills are under way, and which are due again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{AgentId, Instant, TaskId};

/// Tasks to be killed that have not ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders {
    kills: BTreeMap<TaskId, Kill>,
    /// Not sent yet, first ordered first.
    waiting: BTreeMap<u64, TaskId>,
    /// Sent and unanswered, longest ago first.
    under_way: BTreeSet<(Instant, TaskId)>,
    ordered: u64,
}

#[derive(Debug, Clone)]
struct Kill {
    agent: Option<AgentId>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Waiting(u64),
    UnderWay(Instant),
}

impl Orders {
    /// Adds a kill; one that is ordered already stays as it is.
    pub(crate) fn add(&mut self, task: TaskId, agent: Option<AgentId>) {
        if self.kills.contains_key(&task) {
            return;
        }
        let stage = self.wait(task.clone());
        self.kills.insert(task, Kill { agent, stage });
    }

    /// Takes a kill out, whatever its stage; says whether that made room for another one.
    pub(crate) fn remove(&mut self, task: &TaskId) -> bool {
        match self.kills.remove(task).map(|kill| kill.stage) {
            Some(Stage::UnderWay(since)) => self.under_way.remove(&(since, task.clone())),
            Some(Stage::Waiting(number)) => {
                self.waiting.remove(&number);
                false
            }
            None => false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.kills.len()
    }

    pub(crate) fn contains(&self, task: &TaskId) -> bool {
        self.kills.contains_key(task)
    }

    /// What to send at `now`: again what has been unanswered for `retry`, and more while fewer than `most` are
    /// under way.
    pub(crate) fn take_due(
        &mut self,
        now: Instant,
        retry: Duration,
        most: usize,
    ) -> Vec<(TaskId, Option<AgentId>)> {
        let mut due = Vec::new();
        while self.under_way.first().is_some_and(|(since, _)| *since + retry <= now) {
            due.extend(self.under_way.pop_first().map(|(_, task)| task));
        }
        while self.under_way.len() + due.len() < most
            && let Some((_, task)) = self.waiting.pop_first()
        {
            due.push(task);
        }
        let mut sent = Vec::with_capacity(due.len());
        for task in due {
            let Some(kill) = self.kills.get_mut(&task) else { continue };
            kill.stage = Stage::UnderWay(now);
            self.under_way.insert((now, task.clone()));
            sent.push((task, kill.agent.clone()));
        }
        sent
    }

    /// When the next kill is due again.
    pub(crate) fn next_retry(&self, retry: Duration) -> Option<Instant> {
        self.under_way.first().map(|(since, _)| *since + retry)
    }

    /// What was sent may be lost: everything waits again.
    pub(crate) fn start_over(&mut self) {
        for (_, task) in std::mem::take(&mut self.under_way) {
            let stage = self.wait(task.clone());
            if let Some(kill) = self.kills.get_mut(&task) {
                kill.stage = stage;
            }
        }
    }

    fn wait(&mut self, task: TaskId) -> Stage {
        self.ordered += 1;
        self.waiting.insert(self.ordered, task);
        Stage::Waiting(self.ordered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Duration = Duration::from_secs(30);

    fn task(name: &str) -> TaskId {
        TaskId::new(name)
    }

    fn due(orders: &mut Orders, second: u64) -> Vec<String> {
        let due = orders.take_due(Instant::from_secs(second), RETRY, 2);
        due.into_iter().map(|(task, _)| task.to_string()).collect()
    }

    #[test]
    fn first_ordered_is_first_sent_and_each_end_makes_room_for_one() {
        let mut orders = Orders::default();
        for name in ["c", "b", "a", "b"] {
            orders.add(task(name), None);
        }
        assert_eq!(due(&mut orders, 1), ["c", "b"]);
        assert!(due(&mut orders, 2).is_empty());
        assert!(!orders.remove(&task("nobody")));
        assert!(orders.remove(&task("c")) && !orders.contains(&task("c")));
        assert_eq!(due(&mut orders, 3), ["a"]);
    }

    #[test]
    fn unanswered_kills_are_due_again_without_making_room() {
        let mut orders = Orders::default();
        for name in ["a", "b", "c"] {
            orders.add(task(name), Some(AgentId::new("S")));
        }
        assert_eq!(due(&mut orders, 1), ["a", "b"]);
        assert_eq!(orders.next_retry(RETRY), Some(Instant::from_secs(31)));
        assert!(due(&mut orders, 30).is_empty());
        assert_eq!(due(&mut orders, 31), ["a", "b"]);
        assert_eq!(orders.next_retry(RETRY), Some(Instant::from_secs(61)));
        assert!(!orders.remove(&task("c")), "it was waiting");
    }

    #[test]
    fn starting_over_sends_everything_again() {
        let mut orders = Orders::default();
        orders.add(task("a"), None);
        assert_eq!(due(&mut orders, 1), ["a"]);
        orders.start_over();
        assert_eq!(orders.next_retry(RETRY), None);
        orders.add(task("b"), None);
        orders.add(task("c"), None);
        assert_eq!(due(&mut orders, 2), ["a", "b"]);
    }
}
