//! Tasks taken: from the order to run one to its running container.

use std::sync::Arc;

use bytes::Bytes;
use model::{AgentId, ContainerId, FrameworkId, Instant, TaskId, TaskState};
use wire::link::RunTask;
use wire::mesos::v1::task_status::Reason;

use crate::Agent;
use crate::check;
use crate::command::LaunchFailure;
use crate::container::{Inspection, Kind};
use crate::docker_task::{self, Refusal, Surroundings};
use crate::effect::{Effect, Launch, Watched};
use crate::fetch::FetchItem;
use crate::process_task;
use crate::record::{Entry, Proto};
use crate::task::{News, Phase, Task, TaskKey};
use crate::update_stream::UpdateStream;

impl Agent {
    pub(super) fn run_task(&mut self, now: Instant, order: RunTask) -> Vec<Effect> {
        let Some(agent) = self.id.clone() else {
            return Vec::new(); // Only an admitted agent gets orders.
        };
        let framework = order.framework.id.as_ref().map(|id| id.value.as_str()).unwrap_or_default();
        let (framework, task) =
            match (FrameworkId::parse(framework), TaskId::parse(&order.task.task_id.value)) {
                (Ok(framework), Ok(task)) => (framework, task),
                (Err(invalid), _) | (_, Err(invalid)) => {
                    let key = TaskKey {
                        framework: framework.into(),
                        task: order.task.task_id.value.as_str().into(),
                    };
                    let news = News::from_agent(
                        TaskState::Error,
                        Reason::TaskInvalid,
                        format!("Invalid id: {invalid}"),
                    );
                    return self.tell_of_stranger(&key, news);
                }
            };
        let key = TaskKey { framework, task };
        if let Some(known) = self.tasks.get(&key)
            && (!known.is_complete() || known.launch_id == order.launch_id)
        {
            return self.tell_again(now, &key);
        }
        if self.leaving.is_some() {
            let news = News::from_agent(
                TaskState::Dropped,
                Reason::AgentRestarted,
                "The agent is about to end",
            );
            return self.tell_of_stranger(&key, news);
        }
        if self.is_disk_full {
            // Compat: not TASK_DROPPED, after which Marathon launches again without a pause.
            let text = format!(
                "Failed to launch container: the disk of agent {agent} is full (work directory {}), so that it takes no new tasks",
                self.settings.work_dir
            );
            let news = News::from_agent(TaskState::Failed, Reason::ContainerLaunchFailed, text);
            return self.tell_of_stranger(&key, news);
        }
        self.take(now, &agent, key, order)
    }

    fn take(&mut self, now: Instant, agent: &AgentId, key: TaskKey, order: RunTask) -> Vec<Effect> {
        let mut effects = Vec::new();
        // Compat: the master of a later leadership does not know that the framework was over, and takes it back.
        let is_back = self.over.remove(&key.framework);
        let is_known =
            self.frameworks.get(&key.framework).is_some_and(|known| **known == order.framework);
        if is_back || !is_known {
            effects.push(Self::journal(Entry::framework(&order.framework)));
            self.frameworks.insert(key.framework.clone(), Arc::new(order.framework));
        }
        if let Some(ended) = self.completed.get_mut(&key.framework) {
            ended.retain(|task| *task != key.task);
        }
        let container = ContainerId::new(self.uuids.next_text());
        effects.push(Self::journal(Entry::Taken {
            framework: key.framework.clone(),
            launch_id: order.launch_id.clone(),
            info: Proto::of(&order.task),
            container: container.clone(),
        }));
        let task =
            self.new_task(agent, key.clone(), order.launch_id, Arc::new(order.task), container);
        let launch = self.order_launch(&task);
        self.tasks.insert(key.clone(), Arc::new(task));
        match launch {
            Ok(launch) => effects.push(launch),
            Err(refusal) => effects.extend(self.tell(now, &key, refused(&refusal))),
        }
        effects
    }

    pub(super) fn new_task(
        &self,
        agent: &AgentId,
        key: TaskKey,
        launch_id: String,
        info: Arc<wire::mesos::v1::TaskInfo>,
        container: ContainerId,
    ) -> Task {
        let kind = if process_task::is_one(&info) { Kind::Process } else { Kind::Docker };
        let container_name = format!("{}{agent}.{container}", kind.prefix());
        let sandbox = format!(
            "{}/slaves/{agent}/frameworks/{}/executors/{}/runs/{container}",
            self.settings.work_dir, key.framework, key.task
        );
        Task {
            key,
            launch_id,
            info,
            container,
            container_name,
            sandbox,
            phase: Phase::Pulling,
            state: TaskState::Staging,
            statuses: Vec::new(),
            updates: UpdateStream::default(),
            kill: None,
            is_out_of_time: false,
            is_recovering: false,
            is_of_earlier_boot: false,
            may_exist: false,
            launch_failure: None,
        }
    }

    /// The order to start a task's container, from the beginning.
    pub(super) fn order_launch(&self, task: &Task) -> Result<Effect, Refusal> {
        check::validate(&task.info).map_err(Refusal::Unsupported)?;
        if task.kind() == Kind::Process {
            return self.order_process(task);
        }
        if !self.settings.runs_docker {
            let text = "the task has a DOCKER container, and this agent was started without the docker \
                        containerizer (--containerizers)";
            return Err(Refusal::Unsupported(text.to_owned()));
        }
        let labels = [
            ("ekiden.cluster", self.settings.cluster.as_str()),
            ("ekiden.agent-dir", self.settings.directory_id.as_str()),
            ("ekiden.agent", self.id.as_ref().map(AgentId::as_str).unwrap_or_default()),
            ("ekiden.framework", task.key.framework.as_str()),
            ("ekiden.task", task.key.task.as_str()),
        ];
        let around = Surroundings {
            container_name: &task.container_name,
            address: &self.settings.ip,
            sandbox: &task.sandbox,
            sandbox_mount: &self.settings.sandbox_mount,
            labels: &labels,
            bounds_cpu: self.settings.bounds_cpu,
            dns: &self.settings.container_dns,
        };
        let spec = docker_task::container_spec(&task.info, around)?;
        Ok(Effect::Launch(Box::new(Launch {
            task: task.key.clone(),
            container: task.container.clone(),
            fetch: fetched(task)?,
            spec,
        })))
    }

    /// The order to start a task that is a plain command.
    fn order_process(&self, task: &Task) -> Result<Effect, Refusal> {
        if !self.settings.runs_processes {
            let text = "the task is a command without a container, and this agent was started without the mesos \
                        containerizer (--containerizers)";
            return Err(Refusal::Unsupported(text.to_owned()));
        }
        let around = process_task::Surroundings {
            name: &task.container_name,
            key: &task.key,
            agent: self.id.as_ref().map(AgentId::as_str).unwrap_or_default(),
            sandbox: &task.sandbox,
            settings: &self.settings,
            framework: self.frameworks.get(&task.key.framework).map(Arc::as_ref),
        };
        let spec = process_task::process_spec(&task.info, around)?;
        Ok(Effect::LaunchProcess(Box::new(Launch {
            task: task.key.clone(),
            container: task.container.clone(),
            fetch: fetched(task)?,
            spec,
        })))
    }

    /// Answers an order to run a task that is known already with what is known about it.
    fn tell_again(&mut self, now: Instant, key: &TaskKey) -> Vec<Effect> {
        let Some(task) = self.tasks.get(key) else {
            return Vec::new();
        };
        if !task.updates.is_empty() {
            return self.send_head(now, key);
        }
        let (state, is_complete) = (task.state, task.is_complete());
        if state == TaskState::Staging {
            return Vec::new(); // The master knows that much.
        }
        let news = News::from_executor(state).with_message("The agent has this task already");
        if is_complete { self.tell_of_stranger(key, news) } else { self.tell(now, key, news) }
    }

    /// Tells how far a pull has come, unless the news before is still on its way.
    ///
    /// Compat: the original says nothing between its acceptance of a task and the container's start.
    pub(super) fn image_progress(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
        text: String,
    ) -> Vec<Effect> {
        match self.run_mut(key, container) {
            Some(task)
                if task.phase == Phase::Pulling
                    && task.kill.is_none()
                    && !task.is_recovering
                    && task.updates.is_empty() =>
            {
                self.tell(now, key, News::from_executor(TaskState::Staging).with_message(text))
            }
            Some(_) | None => Vec::new(),
        }
    }

    pub(super) fn image_ready(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
    ) -> Vec<Effect> {
        match self.run_mut(key, container) {
            Some(task) if task.phase == Phase::Pulling => {
                task.phase = Phase::Starting;
                // Whether the launch can still be called off or not: the engine may make the container now.
                task.may_exist = true;
                match task.kill {
                    None => self.tell(now, key, News::from_executor(TaskState::Starting)),
                    Some(_) => Vec::new(),
                }
            }
            Some(_) | None => Vec::new(),
        }
    }

    pub(super) fn container_launched(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
        inspection: Inspection,
    ) -> Vec<Effect> {
        let Some(task) = self.run_mut(key, container) else {
            return Vec::new();
        };
        if task.phase == Phase::Ended {
            return Vec::new();
        }
        task.phase = Phase::Running;
        task.is_recovering = false;
        let mut effects = vec![Effect::Watch(watched(task))];
        if task.kill.is_some() {
            effects.extend(self.stop_running(now, key));
        } else {
            let json = Some(inspection.json).filter(|json| !json.is_empty());
            let news = News {
                data: json.map(Bytes::from),
                addresses: inspection.addresses,
                ..News::from_executor(TaskState::Running)
            };
            effects.extend(self.tell(now, key, news));
            effects.extend(self.begin_checks(now, key));
            effects.extend(self.await_deadline(now, key));
        }
        effects
    }

    pub(super) fn launch_failed(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
        failure: LaunchFailure,
    ) -> Vec<Effect> {
        let Some(task) = self.run_mut(key, container) else {
            return Vec::new();
        };
        if task.phase == Phase::Ended {
            return Vec::new();
        }
        let (may_exist, name, is_killed) =
            (task.may_exist, task.container_name.clone(), task.kill.is_some());
        if may_exist && !matches!(failure, LaunchFailure::NoAnswer(_)) {
            // An engine that is late with a start, of this process or of the one before, would start it after its end was told: it goes first.
            task.is_recovering = false;
            task.launch_failure = match failure {
                LaunchFailure::Failed(message) => Some(message),
                LaunchFailure::Cancelled | LaunchFailure::NoAnswer(_) => None,
            };
            let (task, container) = (key.clone(), container.clone());
            return vec![Effect::Discard { task, container, name }];
        }
        let news = match failure {
            LaunchFailure::Cancelled => News::from_agent(
                TaskState::Killed,
                Reason::TaskKilledDuringLaunch,
                "Killed before delivery to the executor",
            ),
            LaunchFailure::Failed(message) | LaunchFailure::NoAnswer(message) => {
                let (state, reason) = if is_killed {
                    (TaskState::Killed, Reason::TaskKilledDuringLaunch)
                } else {
                    (TaskState::Failed, Reason::ContainerLaunchFailed)
                };
                News::from_agent(state, reason, format!("Failed to launch container: {message}"))
            }
        };
        let mut effects = self.tell(now, key, news);
        if may_exist {
            // The engine may be silent for long, and nobody has seen the container. It goes as soon as the engine answers, so that one that
            // is late with its start finds nothing to start. After a restart the update above tells the same.
            effects.push(Effect::Remove(name));
        }
        effects.extend(self.exit_if_empty());
        effects
    }

    /// The container of a launch that came to nothing stays until its engine answers. A failure is told without waiting for that, so that
    /// the task can run elsewhere; that the task was called off is not.
    pub(super) fn discard_delayed(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
    ) -> Vec<Effect> {
        match self.run_mut(key, container).and_then(|task| task.launch_failure.take()) {
            Some(why) => self.launch_failed(now, key, container, LaunchFailure::NoAnswer(why)),
            None => Vec::new(),
        }
    }

    /// Nothing can start the container of a launch that came to nothing any more: now its end may be told.
    pub(super) fn container_discarded(
        &mut self,
        now: Instant,
        key: &TaskKey,
        container: &ContainerId,
    ) -> Vec<Effect> {
        let Some(task) = self.run_mut(key, container) else {
            return Vec::new();
        };
        task.may_exist = false;
        let failure =
            task.launch_failure.take().map_or(LaunchFailure::Cancelled, LaunchFailure::Failed);
        self.launch_failed(now, key, container, failure)
    }
}

/// What the task's sandbox holds before it starts.
fn fetched(task: &Task) -> Result<Vec<FetchItem>, Refusal> {
    let fetched = FetchItem::all_of(task.info.command.as_ref());
    fetched.map_err(|invalid| Refusal::Unsupported(invalid.to_string()))
}

pub(super) fn watched(task: &Task) -> Watched {
    Watched {
        task: task.key.clone(),
        container: task.container.clone(),
        name: task.container_name.clone(),
        sandbox: task.sandbox.clone(),
    }
}

/// The end of a task that cannot run here.
pub(super) fn refused(refusal: &Refusal) -> News {
    match refusal {
        Refusal::Unsupported(_) => {
            News::from_agent(TaskState::Error, Reason::TaskInvalid, refusal.to_string())
        }
        // Compat: wrong options fail the task, they do not make it an error (mesos.md §5.7).
        Refusal::Options(_) => {
            News::from_agent(TaskState::Failed, Reason::ContainerLaunchFailed, refusal.to_string())
        }
    }
}
