//! The agent's state and the one way to change it.
//!
//! What must always hold: a task is in the journal before its container is made; an update is in the journal before it is sent; an update
//! stays until it is acknowledged; a container is started at most once; frames go to the newest link only, and only to an admitted one.

mod checking;
mod containers;
mod deadline;
mod kill;
mod launch;
mod link;
mod recovery;
mod updates;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use imbl::OrdMap;
use model::{AgentId, Epoch, FrameworkId, Instant, TaskId, TaskState, Timestamp};
use wire::mesos::v1;

use crate::command::{Command, Timer};
use crate::container::Kind;
use crate::effect::Effect;
use crate::record::{Entry, Record};
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::task::{Task, TaskKey};
use crate::uuids::Uuids;

pub(crate) use self::link::Link;
use self::recovery::Recovery;

/// The agent.
#[derive(Debug)]
pub struct Agent {
    settings: Arc<Settings>,
    uuids: Uuids,
    id: Option<AgentId>,
    /// The boot of the machine that the journal speaks of.
    boot: Option<String>,
    link: Link,
    recovery: Recovery,
    /// The highest epoch of a master that was followed.
    epoch: Epoch,
    /// The master that has admitted the agent on the present link, or on the last one.
    master: Option<Arc<v1::MasterInfo>>,
    frameworks: OrdMap<FrameworkId, Arc<v1::FrameworkInfo>>,
    tasks: OrdMap<TaskKey, Arc<Task>>,
    /// Ended and acknowledged tasks, oldest first.
    completed: BTreeMap<FrameworkId, VecDeque<TaskId>>,
    /// Frameworks that are over: the news of their tasks interests nobody.
    over: BTreeSet<FrameworkId>,
    checks: checking::Checks,
    /// Ended containers whose removal is ordered, for its time.
    removals: BTreeSet<String>,
    /// Why the agent ends once its last container has.
    leaving: Option<String>,
    /// There is no room for one more task on the disk.
    is_disk_full: bool,
    /// How many tasks have ended in each state since the process began.
    ended: BTreeMap<TaskState, u64>,
    /// The wall clock at the present command.
    wall: Timestamp,
}

impl Agent {
    /// Applies one command at `now` and returns what must now happen outside; `wall` is for what clients read.
    ///
    /// Deterministic: equal state, times and command give equal state and effects.
    pub fn apply(&mut self, now: Instant, wall: Timestamp, command: Command) -> Vec<Effect> {
        self.wall = wall;
        let mut effects = self.apply_alone(now, command);
        effects.extend(self.register_if_recovered(now));
        effects
    }

    fn apply_alone(&mut self, now: Instant, command: Command) -> Vec<Effect> {
        match command {
            Command::LinkOpened(connection) => self.link_opened(now, connection),
            Command::LinkClosed(connection) => self.link_closed(connection),
            Command::FrameArrived(connection, frame) => self.frame_arrived(now, connection, *frame),
            Command::ImageProgress(key, container, text) => {
                self.image_progress(now, &key, &container, text)
            }
            Command::ImageReady(key, container) => self.image_ready(now, &key, &container),
            Command::ContainerLaunched(key, container, inspection) => {
                self.container_launched(now, &key, &container, inspection)
            }
            Command::LaunchFailed(key, container, failure) => {
                self.launch_failed(now, &key, &container, failure)
            }
            Command::ContainerEnded(key, container, exit) => {
                self.container_ended(now, &key, &container, &exit)
            }
            Command::ContainerDiscarded(key, container) => {
                self.container_discarded(now, &key, &container)
            }
            Command::DiscardDelayed(key, container) => self.discard_delayed(now, &key, &container),
            Command::StopFailed(key, container, message) => {
                self.stop_failed(now, &key, &container, &message)
            }
            Command::Probed { task, kind, number, outcome } => {
                self.probed(now, &task, kind, number, &outcome)
            }
            Command::ContainersFound(found) => self.containers_found(now, Kind::Docker, found),
            Command::ProcessesFound(found) => self.containers_found(now, Kind::Process, found),
            Command::EndFound(name, ended) => self.end_found(now, name, ended),
            Command::DiskChanged { is_full } => {
                self.is_disk_full = is_full;
                Vec::new()
            }
            Command::TimerFired(timer) => self.timer_fired(now, timer),
        }
    }

    /// What readers may see; costs nothing but a few reference counts.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            settings: Arc::clone(&self.settings),
            id: self.id.clone(),
            is_registered: self.link.is_admitted(),
            master: self.master.clone(),
            frameworks: self.frameworks.clone(),
            tasks: self.tasks.clone(),
            ended: self.ended.clone(),
        }
    }

    fn timer_fired(&mut self, now: Instant, timer: Timer) -> Vec<Effect> {
        match timer {
            Timer::ResendUpdate(key, uuid, sending) => {
                self.resend_update(now, &key, &uuid, sending)
            }
            Timer::AwaitAdmission(connection) => self.admission_overdue(connection),
            Timer::AwaitPing(connection) => self.ping_overdue(now, connection),
            Timer::StopAgain(key, container) => self.stop_again(now, &key, &container),
            Timer::Check(key, container, kind) => self.check(now, &key, &container, kind),
            Timer::Deadline(key, container) => self.deadline_passed(now, &key, &container),
            Timer::AwaitRecovery(connection) => self.recovery_overdue(now, connection),
            Timer::LookAgain => vec![Effect::FindContainers],
            Timer::LookForProcesses => vec![Effect::FindProcesses],
            Timer::RemoveContainer(name) => {
                self.removals.remove(&name);
                vec![Effect::Remove(name)]
            }
        }
    }

    fn journal(entry: Entry) -> Effect {
        Effect::Journal(Record::V1(entry))
    }

    /// The task, if this is still its run.
    fn run_mut(&mut self, key: &TaskKey, container: &model::ContainerId) -> Option<&mut Task> {
        let task = self.tasks.get_mut(key)?;
        (task.container == *container).then(|| Arc::make_mut(task))
    }

    fn task_mut(&mut self, key: &TaskKey) -> Option<&mut Task> {
        self.tasks.get_mut(key).map(Arc::make_mut)
    }
}

#[cfg(test)]
mod tests;
