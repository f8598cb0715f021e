//! ACCEPT: tasks are launched on what was offered, the rest goes back.
//!
//! Everything is checked against the offers as a whole first; then each task by itself, in order, against
//! what the tasks before it left. A task that is refused does not stop the ones after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use allocator::Share;
use model::{AgentId, FrameworkId, OfferId, Resources, Role, TaskState};
use tracing::{info, warn};
use wire::link::{RunTask, master_frame};
use wire::mesos::v1::scheduler::call;
use wire::mesos::v1::{
    self as pb, OperationState, TaskInfo, offer::operation, task_status::Reason,
};

use crate::master::Master;
use crate::offers::decline::refusal_of;
use crate::tasks::Task;
use crate::update::{Invented, event_of};
use crate::validation;

/// What the accepted offers amount to.
struct Accepted {
    framework: FrameworkId,
    agent: AgentId,
    role: Role,
    /// What no task has taken yet.
    rest: Resources,
}

impl Accepted {
    fn share(&self) -> Share {
        Share { framework: self.framework.clone(), role: self.role.clone() }
    }
}

impl Master {
    /// The framework uses offers.
    pub(crate) fn accept(&mut self, framework: &FrameworkId, accept: call::Accept) {
        self.counters.messages_launch_tasks += 1;
        let mut accepted = match self.take_accepted(framework, &accept.offer_ids) {
            Ok(accepted) => accepted,
            Err(problem) => {
                warn!(framework.id = %framework, "ACCEPT of `{framework}` refused: {problem}");
                self.refuse_operations(framework, &accept, &problem);
                return;
            }
        };
        for operation in accept.operations {
            self.operate(&mut accepted, operation);
        }
        let refuse = refusal_of(accept.filters.as_ref());
        let (share, rest) = (accepted.share(), &accepted.rest);
        if !rest.is_empty() {
            self.allocator.release(self.now, &share, &accepted.agent, rest, Some(refuse));
        }
    }

    /// Takes the offers out of the books when they all stand and belong together.
    ///
    /// Otherwise those that stand are dropped without a filter.
    fn take_accepted(
        &mut self,
        framework: &FrameworkId,
        ids: &[pb::OfferId],
    ) -> Result<Accepted, String> {
        let ids: Vec<_> = ids.iter().map(|id| OfferId::from(id.value.as_str())).collect();
        let checked = self.check_offers(framework, &ids);
        if checked.is_err() {
            for id in &ids {
                if self.offers.get(id).is_some_and(|offer| offer.framework == *framework) {
                    self.drop_offer(id);
                }
            }
        }
        let mut accepted = checked?;
        for id in &ids {
            if let Some(offer) = self.take_offer(id) {
                accepted.rest =
                    accepted.rest.checked_add(&offer.resources).unwrap_or(accepted.rest);
            }
        }
        Ok(accepted)
    }

    fn check_offers(&self, framework: &FrameworkId, ids: &[OfferId]) -> Result<Accepted, String> {
        let mut seen = BTreeSet::new();
        let mut accepted: Option<Accepted> = None;
        for id in ids {
            if !seen.insert(id) {
                return Err(format!("Duplicate offer {id} in offer list"));
            }
            let offer = self.offers.get(id).filter(|offer| offer.framework == *framework);
            let Some(offer) = offer else { return Err(format!("Offer {id} is no longer valid")) };
            match &accepted {
                Some(accepted) if accepted.agent != offer.agent => {
                    return Err(format!(
                        "Aggregated offers must belong to one single agent. Offer {id} uses agent {} \
                         and agent {}",
                        offer.agent, accepted.agent
                    ));
                }
                Some(accepted) if accepted.role != offer.role => {
                    return Err("Aggregated offers must be allocated to the same role".to_owned());
                }
                Some(_) => {}
                None => {
                    accepted = Some(Accepted {
                        framework: framework.clone(),
                        agent: offer.agent.clone(),
                        role: offer.role.clone(),
                        rest: Resources::new(),
                    });
                }
            }
        }
        accepted.ok_or_else(|| "No offers specified".to_owned())
    }

    /// The whole call is void: every task is answered, and every operation that asked for an answer.
    fn refuse_operations(&mut self, id: &FrameworkId, accept: &call::Accept, problem: &str) {
        for operation in &accept.operations {
            let tasks = launched(operation);
            for task in tasks {
                let message = format!("Task launched with invalid offers: {problem}");
                let dropped = Invented::new(TaskState::Dropped, Reason::InvalidOffers, message);
                self.answer_launch(id, task, dropped);
            }
            if tasks.is_empty() {
                self.refuse_operation(
                    id,
                    operation,
                    &format!("Operation attempted with invalid offers: {problem}"),
                );
            }
        }
    }

    fn refuse_operation(&mut self, id: &FrameworkId, operation: &pb::offer::Operation, why: &str) {
        warn!(framework.id = %id, "an operation of framework `{id}` was refused: {why}");
        let stream = self.frameworks.get(id).and_then(|framework| framework.stream().cloned());
        if let (Some(operation_id), Some(stream)) = (operation.id.clone(), stream) {
            let status = pb::OperationStatus {
                operation_id: Some(operation_id),
                state: OperationState::OperationError.into(),
                message: Some(why.to_owned()),
                ..pb::OperationStatus::default()
            };
            self.send_event(&stream, event_of::operation(status));
        }
    }

    fn operate(&mut self, accepted: &mut Accepted, operation: pb::offer::Operation) {
        let r#type = operation::Type::try_from(operation.r#type.unwrap_or_default());
        match r#type {
            Ok(operation::Type::Launch) => {
                for task in operation.launch.unwrap_or_default().task_infos {
                    self.launch(accepted, task);
                }
            }
            Ok(operation::Type::LaunchGroup) => {
                for task in launched(&operation) {
                    let message = "Task groups are not supported";
                    let error = Invented::new(TaskState::Error, Reason::TaskGroupInvalid, message);
                    self.answer_launch(&accepted.framework, task, error);
                }
            }
            Ok(other) => {
                let why = format!("Operation {} is not supported", other.as_str_name());
                self.refuse_operation(&accepted.framework, &operation, &why);
            }
            Err(_) => self.refuse_operation(&accepted.framework, &operation, "Unknown operation"),
        }
    }

    /// Launches one task, or answers why not.
    fn launch(&mut self, accepted: &mut Accepted, mut info: TaskInfo) {
        let Some(framework) = self.frameworks.get(&accepted.framework).cloned() else { return };
        let resources = match validation::task(&info, &framework, &accepted.agent, &accepted.rest) {
            Ok(resources) => resources,
            Err(problem) => {
                let message = problem.to_string();
                warn!(task.id = %info.task_id.value, "task `{}` refused: {message}", info.task_id.value);
                let error = Invented::new(TaskState::Error, Reason::TaskInvalid, message);
                self.answer_launch(&accepted.framework, &info, error);
                return;
            }
        };
        let Some((link, used)) = self
            .agents
            .get(&accepted.agent)
            .and_then(|agent| Some((agent.link?, agent.used.checked_add(&resources)?)))
        else {
            let message = "Agent disconnected";
            let dropped = Invented::new(TaskState::Dropped, Reason::AgentDisconnected, message);
            self.answer_launch(&accepted.framework, &info, dropped);
            return;
        };
        allocate_to(&mut info.resources, &accepted.role);
        let task = Task::launched(&info, &framework.id, &accepted.agent, &accepted.role, resources);
        accepted.rest = accepted.rest.checked_sub(&task.resources).unwrap_or_default();
        info!(task.id = %task.id, agent.id = %task.agent, "launching task `{}`", task.id);
        let launch_id = format!("{}-L{}", self.config.master.id, self.minted.launches);
        self.minted.launches += 1;
        if let Some(agent) = self.agents.get_mut(&accepted.agent) {
            agent.used = used;
            agent.tasks.insert((framework.id.clone(), task.id.clone()));
        }
        if let Some(framework) = self.frameworks.get_mut(&framework.id) {
            framework.tasks.insert(task.id.clone(), Arc::new(task));
        }
        let framework = (*framework.info).clone();
        self.send_frame(
            link,
            master_frame::Body::RunTask(RunTask { framework, task: info, launch_id }.into()),
        );
    }

    /// Tells the framework what became of a task that was never launched.
    fn answer_launch(&mut self, id: &FrameworkId, info: &TaskInfo, invented: Invented) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let is_partition_aware = framework.capabilities.partition_aware;
        let Some(stream) = framework.stream().cloned() else { return };
        let (task, agent) =
            (info.task_id.value.as_str().into(), info.agent_id.value.as_str().into());
        let status = invented.status(&task, Some(&agent), is_partition_aware, self.wall);
        if let Some(state) = TaskState::from_number(status.state) {
            self.counters.task_ended(state);
        }
        self.send_event(&stream, event_of::update(status));
    }
}

/// The tasks that an operation is to launch.
fn launched(operation: &pb::offer::Operation) -> &[TaskInfo] {
    if let Some(launch) = &operation.launch {
        return &launch.task_infos;
    }
    operation.launch_group.as_ref().map_or(&[], |group| &group.task_group.tasks)
}

/// Says in the task's resources to which role they are allocated, as the offer did.
fn allocate_to(resources: &mut [pb::Resource], role: &Role) {
    for resource in resources {
        resource.allocation_info =
            Some(pb::resource::AllocationInfo { role: Some(role.to_string()) });
    }
}

#[cfg(test)]
mod tests;
