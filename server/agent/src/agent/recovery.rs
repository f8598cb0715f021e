//! The agent built from its journal, and the journal made short again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use imbl::OrdMap;
use model::{AgentId, ContainerId, Epoch, FrameworkId, Instant, TaskId, Timestamp};
use wire::mesos::v1;

use super::{Agent, Link};
use crate::container::Kind;
use crate::effect::Effect;
use crate::record::{Entry, Proto, Record, UnreadableRecord};
use crate::settings::Settings;
use crate::task::{Phase, Task, TaskKey};
use crate::uuids::Uuids;

/// How far a new process is in finding out what became of the containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recovery {
    /// Kinds of containers that have been listed since the process began.
    pub(super) listed: BTreeSet<Kind>,
    /// From here on a master is not kept waiting any longer; unknown until the first one is there.
    pub(super) overdue: Option<Instant>,
}

impl Agent {
    /// Builds the agent from the records of its journal; without any it has never been admitted.
    ///
    /// `seed` must be random for each process: identities are minted from it.
    ///
    /// # Errors
    /// When a record is whole and makes no sense: the journal is another program's, or of a later version.
    pub fn recover(
        settings: Settings,
        seed: [u64; 2],
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, UnreadableRecord> {
        let mut agent = Self {
            settings: Arc::new(settings),
            uuids: Uuids::new(seed),
            id: None,
            boot: None,
            link: Link::Down,
            recovery: Recovery { listed: BTreeSet::new(), overdue: None },
            epoch: Epoch::default(),
            master: None,
            frameworks: OrdMap::new(),
            tasks: OrdMap::new(),
            completed: BTreeMap::new(),
            over: BTreeSet::new(),
            checks: Default::default(),
            removals: BTreeSet::new(),
            leaving: None,
            is_disk_full: false,
            ended: BTreeMap::new(),
            wall: Timestamp::default(),
        };
        for Record::V1(entry) in records {
            agent.replay(entry)?;
        }
        if let Some(boot) = agent.settings.description.boot_id.clone() {
            agent.replay_booted(boot);
        }
        let live: Vec<TaskKey> = agent
            .tasks
            .iter()
            .filter(|(_, task)| task.phase != Phase::Ended)
            .map(|(key, _)| key.clone())
            .collect();
        for key in live {
            if let Some(task) = agent.task_mut(&key) {
                task.is_recovering = true;
                task.may_exist = true;
            }
        }
        Ok(agent)
    }

    /// What has to be done once after [`Agent::recover`].
    #[must_use]
    pub fn start(&self) -> Vec<Effect> {
        vec![Effect::FindProcesses, Effect::FindContainers]
    }

    /// Whether nothing is left to find out about the containers of the process before this one.
    pub(super) fn is_recovered(&self) -> bool {
        !self.tasks.values().any(|task| task.is_recovering)
    }

    /// The id under which the agent was admitted, if it was.
    #[must_use]
    pub fn id(&self) -> Option<&AgentId> {
        self.id.as_ref()
    }

    /// The record that a journal needs from every process that continues it as it is.
    #[must_use]
    pub fn boot_record(&self) -> Option<Record> {
        self.boot.clone().map(|boot| Record::V1(Entry::Booted { boot }))
    }

    /// Records from which [`Agent::recover`] builds this very state: the whole journal in its shortest form.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<Record> {
        let booted = self.boot_record().map(|Record::V1(booted)| booted);
        let Some(agent) = self.id.clone() else {
            return booted.map(Record::V1).into_iter().collect();
        };
        let mut entries = vec![Entry::Admitted { agent }, Entry::Follows { epoch: self.epoch }];
        entries.extend(self.frameworks.values().map(|info| Entry::framework(info)));
        let of_earlier_boots = self.tasks.values().filter(|task| task.is_of_earlier_boot);
        entries.extend(of_earlier_boots.flat_map(|task| checkpoint_of(task)));
        entries.extend(booted);
        let ended = self.completed.iter().flat_map(|(framework, tasks)| {
            tasks.iter().map(|task| TaskKey { framework: framework.clone(), task: task.clone() })
        });
        let ended = ended.filter_map(|key| self.tasks.get(&key));
        let live = self.tasks.values().filter(|task| !task.is_complete());
        for task in ended.chain(live).filter(|task| !task.is_of_earlier_boot) {
            entries.extend(checkpoint_of(task));
        }
        entries.extend(
            self.over
                .iter()
                .map(|framework| Entry::FrameworkEnded { framework: framework.clone() }),
        );
        entries.into_iter().map(Record::V1).collect()
    }

    pub(super) fn forget_everything(&mut self) {
        self.id = None;
        self.frameworks.clear();
        self.tasks.clear();
        self.completed.clear();
        self.over.clear();
    }

    fn replay(&mut self, entry: Entry) -> Result<(), UnreadableRecord> {
        match entry {
            Entry::Admitted { agent } => self.id = Some(agent),
            Entry::Follows { epoch } => self.epoch = self.epoch.max(epoch),
            Entry::Framework { info } => {
                let info: v1::FrameworkInfo = info.read()?;
                let id = info.id.as_ref().map(|id| FrameworkId::new(id.value.as_str()));
                if let Some(id) = id {
                    // Written after its end it tells that the framework has come back.
                    self.over.remove(&id);
                    self.frameworks.insert(id, Arc::new(info));
                }
            }
            Entry::Taken { framework, launch_id, info, container } => {
                self.replay_taken(framework, launch_id, &info, container)?;
            }
            Entry::Updated { framework, task, status } => {
                let status: v1::TaskStatus = status.read()?;
                self.replay_updated(&TaskKey { framework, task }, status);
            }
            Entry::Acknowledged { framework, task, uuid } => {
                self.replay_acknowledged(framework, task, &uuid)
            }
            Entry::KillOrdered { framework, task, grace_ms } => {
                if let Some(task) = self.task_mut(&TaskKey { framework, task }) {
                    task.kill = Some(Duration::from_millis(grace_ms));
                }
            }
            Entry::OutOfTime { framework, task } => {
                if let Some(task) = self.task_mut(&TaskKey { framework, task }) {
                    task.is_out_of_time = true;
                }
            }
            Entry::FrameworkEnded { framework } => self.forget_updates(&framework),
            Entry::Left => self.forget_everything(),
            Entry::Booted { boot } => self.replay_booted(boot),
        }
        Ok(())
    }

    /// Of a framework that is over nothing waits for an acknowledgement.
    fn replay_updated(&mut self, key: &TaskKey, status: v1::TaskStatus) {
        let is_over = self.over.contains(&key.framework);
        let Some(task) = self.task_mut(key) else { return };
        task.record(&status);
        if !is_over {
            task.updates.push(status);
        } else if task.is_complete() {
            self.complete(key);
        }
    }

    /// A power loss ends every container, and the journal may lack the last that was written before.
    fn replay_booted(&mut self, boot: String) {
        if self.boot.as_ref() == Some(&boot) {
            return;
        }
        self.boot = Some(boot);
        for key in self.tasks.keys().cloned().collect::<Vec<_>>() {
            if let Some(task) = self.task_mut(&key).filter(|task| task.phase != Phase::Ended) {
                task.is_of_earlier_boot = true;
            }
        }
    }

    fn replay_taken(
        &mut self,
        framework: FrameworkId,
        launch_id: String,
        info: &Proto,
        container: ContainerId,
    ) -> Result<(), UnreadableRecord> {
        let info: v1::TaskInfo = info.read()?;
        let Some(agent) = self.id.clone() else {
            return Err(UnreadableRecord(
                "a task was taken before the agent was admitted".to_owned(),
            ));
        };
        let key = TaskKey { framework, task: TaskId::new(info.task_id.value.as_str()) };
        if let Some(ended) = self.completed.get_mut(&key.framework) {
            ended.retain(|task| *task != key.task);
        }
        let task: Task = self.new_task(&agent, key.clone(), launch_id, Arc::new(info), container);
        self.tasks.insert(key, Arc::new(task));
        Ok(())
    }

    fn replay_acknowledged(&mut self, framework: FrameworkId, task: TaskId, uuid: &[u8]) {
        let key = TaskKey { framework, task };
        let is_complete = self.task_mut(&key).is_some_and(|task| {
            task.updates.acknowledge(uuid);
            task.is_complete()
        });
        if is_complete {
            self.complete(&key);
        }
    }
}

/// The records of one task; its acknowledged history goes first, each update followed by its acknowledgement.
fn checkpoint_of(task: &Task) -> Vec<Entry> {
    let key = &task.key;
    let mut entries = vec![Entry::Taken {
        framework: key.framework.clone(),
        launch_id: task.launch_id.clone(),
        info: Proto::of(&*task.info),
        container: task.container.clone(),
    }];
    for status in &task.statuses {
        if task.updates.iter().any(|pending| pending.uuid == status.uuid) {
            continue;
        }
        entries.push(Entry::updated(key, status));
        entries.push(Entry::Acknowledged {
            framework: key.framework.clone(),
            task: key.task.clone(),
            uuid: status.uuid.as_ref().map(|uuid| uuid.to_vec()).unwrap_or_default(),
        });
    }
    entries.extend(task.updates.iter().map(|status| Entry::updated(key, status)));
    if task.is_out_of_time {
        entries.push(Entry::OutOfTime { framework: key.framework.clone(), task: key.task.clone() });
    }
    if let Some(grace) = task.kill {
        entries.push(Entry::KillOrdered {
            framework: key.framework.clone(),
            task: key.task.clone(),
            grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
        });
    }
    entries
}
