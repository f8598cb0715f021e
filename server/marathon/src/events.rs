//! Events as the event stream carries them, made from the core's values (marathon.md §5).

use model::{AppId, InstanceId, Timestamp};
use wire::marathon::{
    Action, AddHealthCheck, ApiPost, AppTerminated, DeploymentFailed, DeploymentInfo,
    DeploymentPlan, DeploymentStep, DeploymentSuccess, Event, FailedHealthCheck, GroupChangeFailed,
    GroupChangeSuccess, HealthStatusChanged, InstanceChanged, InstanceHealthChanged, IpAddress,
    RemoveHealthCheck, SchedulerConnected, StatusUpdate, UnhealthyInstanceKill,
    UnknownInstanceTerminated,
};

use crate::command::{self, Caller};
use crate::deployment;
use crate::instance::{Condition, Instance, Task};
use crate::matching::ports;
use crate::render;
use crate::run_spec::{HealthCheck, VersionedRunSpec};

/// A plan in the light form of events.
pub fn plan(plan: &deployment::DeploymentPlan) -> DeploymentPlan {
    DeploymentPlan {
        id: plan.id.to_string(),
        steps: plan.steps.iter().map(step).collect(),
        version: plan.version.to_string(),
    }
}

/// A step of a plan.
pub fn step(step: &deployment::DeploymentStep) -> DeploymentStep {
    let action = |action: &deployment::Action| Action {
        action: action.kind.name().to_owned(),
        app: action.app.to_string(),
    };
    DeploymentStep { actions: step.actions.iter().map(action).collect() }
}

/// The addresses that a task's last status told.
pub fn addresses(task: &Task) -> Vec<IpAddress> {
    let address = |address: &std::net::IpAddr| IpAddress {
        ip_address: address.to_string(),
        protocol: if address.is_ipv4() { "IPv4" } else { "IPv6" }.to_owned(),
    };
    task.addresses.iter().map(address).collect()
}

pub(crate) fn step_info(
    of: &deployment::DeploymentPlan,
    current: &deployment::DeploymentStep,
    at: Timestamp,
) -> DeploymentInfo {
    DeploymentInfo { plan: plan(of), current_step: step(current), timestamp: at.to_string() }
}

pub(crate) fn deployment_success(of: &deployment::DeploymentPlan, at: Timestamp) -> Event {
    let (id, timestamp) = (of.id.to_string(), at.to_string());
    Event::DeploymentSuccess(DeploymentSuccess { id, plan: plan(of), timestamp })
}

pub(crate) fn deployment_failed(
    of: &deployment::DeploymentPlan,
    reason: &str,
    at: Timestamp,
) -> Event {
    let (id, timestamp) = (of.id.to_string(), at.to_string());
    let reason = reason.to_owned();
    Event::DeploymentFailed(DeploymentFailed { id, plan: plan(of), timestamp, reason })
}

pub(crate) fn group_change_success(group: &AppId, version: Timestamp, at: Timestamp) -> Event {
    Event::GroupChangeSuccess(GroupChangeSuccess {
        group_id: group.to_string(),
        version: version.to_string(),
        timestamp: at.to_string(),
    })
}

pub(crate) fn group_change_failed(
    group: &AppId,
    version: Timestamp,
    reason: &str,
    at: Timestamp,
) -> Event {
    Event::GroupChangeFailed(GroupChangeFailed {
        group_id: group.to_string(),
        version: version.to_string(),
        reason: reason.to_owned(),
        timestamp: at.to_string(),
    })
}

pub(crate) fn api_post(caller: &Caller, stored: &VersionedRunSpec, at: Timestamp) -> Event {
    Event::ApiPost(Box::new(ApiPost {
        client_ip: caller.ip.clone(),
        uri: caller.uri.clone(),
        app_definition: render::app(stored),
        timestamp: at.to_string(),
    }))
}

pub(crate) fn app_terminated(app: &AppId, at: Timestamp) -> Event {
    Event::AppTerminated(AppTerminated { app_id: app.to_string(), timestamp: at.to_string() })
}

pub(crate) fn instance_changed(instance: &Instance, at: Timestamp) -> Event {
    Event::InstanceChanged(InstanceChanged {
        instance_id: instance.id.to_string(),
        condition: instance.condition.name().to_owned(),
        run_spec_id: instance.app.to_string(),
        agent_id: instance.agent().map(ToString::to_string),
        host: instance.host().map(ToOwned::to_owned),
        run_spec_version: instance.version.to_string(),
        timestamp: at.to_string(),
    })
}

pub(crate) fn unknown_instance_terminated(
    instance: &InstanceId,
    app: &AppId,
    condition: Condition,
    at: Timestamp,
) -> Event {
    Event::UnknownInstanceTerminated(UnknownInstanceTerminated {
        instance_id: instance.to_string(),
        run_spec_id: app.to_string(),
        condition: condition.name().to_owned(),
        timestamp: at.to_string(),
    })
}

pub(crate) fn status_update(
    instance: &Instance,
    task: &Task,
    update: &command::StatusUpdate,
    at: Timestamp,
) -> Event {
    Event::StatusUpdate(StatusUpdate {
        slave_id: update.agent.as_ref().unwrap_or(&task.agent).to_string(),
        task_id: update.task.to_string(),
        task_status: update.state.name().to_owned(),
        message: update.message.clone().unwrap_or_default(),
        app_id: instance.app.to_string(),
        host: task.host.to_string(),
        ip_addresses: addresses(task),
        ports: ports::of_host(&task.ports),
        version: instance.version.to_string(),
        timestamp: at.to_string(),
    })
}

pub(crate) fn scheduler_connected(
    framework: Option<String>,
    master: &str,
    at: Timestamp,
) -> SchedulerConnected {
    SchedulerConnected {
        framework_id: framework,
        master: master.to_owned(),
        timestamp: at.to_string(),
    }
}

pub(crate) fn add_health_check(
    definition: &VersionedRunSpec,
    check: &HealthCheck,
    at: Timestamp,
) -> Event {
    Event::AddHealthCheck(AddHealthCheck {
        app_id: definition.spec.id().to_string(),
        health_check: render::health_check(check),
        timestamp: at.to_string(),
        version: definition.version.to_string(),
    })
}

pub(crate) fn remove_health_check(app: &AppId, at: Timestamp) -> Event {
    Event::RemoveHealthCheck(RemoveHealthCheck {
        app_id: app.to_string(),
        timestamp: at.to_string(),
    })
}

pub(crate) fn failed_health_check(
    instance: &Instance,
    check: &HealthCheck,
    at: Timestamp,
) -> Event {
    Event::FailedHealthCheck(FailedHealthCheck {
        app_id: instance.app.to_string(),
        health_check: render::health_check(check),
        task_id: instance.id.to_string(),
        timestamp: at.to_string(),
    })
}

pub(crate) fn health_status_changed(instance: &Instance, alive: bool, at: Timestamp) -> Event {
    let task = instance.task.as_ref().map(|task| task.id.to_string());
    Event::HealthStatusChanged(HealthStatusChanged {
        app_id: instance.app.to_string(),
        instance_id: instance.id.to_string(),
        task_id: task.unwrap_or_default(),
        version: instance.version.to_string(),
        alive,
        timestamp: at.to_string(),
    })
}

pub(crate) fn instance_health_changed(instance: &Instance, at: Timestamp) -> Event {
    Event::InstanceHealthChanged(InstanceHealthChanged {
        instance_id: instance.id.to_string(),
        run_spec_id: instance.app.to_string(),
        healthy: instance.healthy,
        run_spec_version: instance.version.to_string(),
        timestamp: at.to_string(),
    })
}

pub(crate) fn unhealthy_instance_kill(
    instance: &Instance,
    task: &Task,
    reason: &str,
    at: Timestamp,
) -> Event {
    Event::UnhealthyInstanceKill(UnhealthyInstanceKill {
        app_id: instance.app.to_string(),
        task_id: task.id.to_string(),
        instance_id: instance.id.to_string(),
        version: instance.version.to_string(),
        reason: reason.to_owned(),
        host: task.host.to_string(),
        slave_id: Some(task.agent.to_string()),
        timestamp: at.to_string(),
    })
}
