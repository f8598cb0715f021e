//! What a framework may launch on an offer.

use model::{AgentId, InvalidId, Resources, TaskId};
use wire::mesos::v1::{self as pb, TaskInfo, health_check};

use crate::frameworks::Framework;
use model::v1::{InvalidResource, resources_from_v1};

/// Why a task is answered with TASK_ERROR. The words are the original's where it has them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidTask {
    /// The id cannot be a folder.
    #[error("Invalid TaskID: {0}")]
    Id(#[from] InvalidId),
    /// The framework has a task of that id.
    #[error("Task has duplicate ID: {0}")]
    Duplicate(String),
    /// The framework has a task of that id on an agent that was given up.
    #[error("Task reuses the ID of an unreachable task: {0}")]
    Unreachable(String),
    /// The agent is not the offer's.
    #[error("Task uses invalid agent {named} while agent {offered} is expected")]
    Agent {
        /// What the task says.
        named: String,
        /// Whose offer it is.
        offered: AgentId,
    },
    /// Nothing says what to run, or two things do.
    #[error("Task should have at least one (but not both) of CommandInfo or ExecutorInfo present")]
    CommandOrExecutor,
    /// Executors of a framework's own.
    #[error("Custom executors are not supported")]
    Executor,
    /// An amount makes no sense.
    #[error("Task uses invalid resources: {0}")]
    Resources(#[from] InvalidResource),
    /// No resources.
    #[error("Task uses no resources")]
    NoResources,
    /// More than there is.
    #[error("Task uses more resources {wanted} than available {available}")]
    TooMuch {
        /// What it asks for.
        wanted: Resources,
        /// What is left of the offers.
        available: Resources,
    },
    /// Only processors and memory have limits.
    #[error("Task has a limit of '{0}': only 'cpus' and 'mem' can have one")]
    Limit(String),
    /// A limit is below what the task asks for, or no number.
    #[error("Task's limit of {limit} of '{resource}' is not at least its request of {request}")]
    LimitTooLow {
        /// Of what.
        resource: String,
        /// How much it may have.
        limit: f64,
        /// How much it asks for.
        request: f64,
    },
    /// A time is negative.
    #[error("Task's 'kill_policy.grace_period' must be non-negative")]
    GracePeriod,
    /// A time is negative.
    #[error("Task's 'max_completion_time' must be non-negative")]
    CompletionTime,
    /// The health check makes no sense.
    #[error("Task uses invalid health check: {0}")]
    HealthCheck(&'static str),
    /// The container makes no sense.
    #[error("Task's `ContainerInfo` is invalid: {0}")]
    Container(&'static str),
    /// An environment variable has nothing.
    #[error("Task's `CommandInfo` is invalid: Environment variable '{0}' {1}")]
    Environment(String, &'static str),
}

/// Checks a task against the framework, the offers' agent and what is left of the offers.
///
/// Returns what it is going to hold.
///
/// # Errors
/// With the first thing that is wrong.
pub fn task(
    info: &TaskInfo,
    framework: &Framework,
    agent: &AgentId,
    available: &Resources,
) -> Result<Resources, InvalidTask> {
    let id = TaskId::parse(&info.task_id.value)?;
    if framework.tasks.contains_key(&id) {
        return Err(InvalidTask::Duplicate(id.to_string()));
    }
    if framework.unreachable_tasks.contains_key(&id) {
        return Err(InvalidTask::Unreachable(id.to_string()));
    }
    if info.agent_id.value != agent.as_str() {
        let (named, offered) = (info.agent_id.value.clone(), agent.clone());
        return Err(InvalidTask::Agent { named, offered });
    }
    check_what_runs(info)?;
    check_times(info)?;
    if let Some(check) = &info.health_check {
        check_health(check).map_err(InvalidTask::HealthCheck)?;
    }
    if let Some(container) = &info.container {
        check_container(container).map_err(InvalidTask::Container)?;
    }
    let wanted = resources_from_v1(&info.resources)?;
    if wanted.is_empty() {
        return Err(InvalidTask::NoResources);
    }
    check_limits(info, &wanted)?;
    if !available.contains(&wanted) {
        return Err(InvalidTask::TooMuch { wanted, available: available.clone() });
    }
    Ok(wanted)
}

fn check_what_runs(info: &TaskInfo) -> Result<(), InvalidTask> {
    if info.executor.is_some() == info.command.is_some() {
        return Err(InvalidTask::CommandOrExecutor);
    }
    let Some(command) = &info.command else { return Err(InvalidTask::Executor) };
    let variables = command.environment.iter().flat_map(|environment| &environment.variables);
    for variable in variables {
        let problem = match variable.r#type() {
            pb::environment::variable::Type::Secret if variable.secret.is_none() => {
                "of type 'SECRET' must have a secret set"
            }
            pb::environment::variable::Type::Value if variable.value.is_none() => {
                "of type 'VALUE' must have a value set"
            }
            pb::environment::variable::Type::Unknown => "of type 'UNKNOWN' is not allowed",
            pb::environment::variable::Type::Secret | pb::environment::variable::Type::Value => {
                continue;
            }
        };
        return Err(InvalidTask::Environment(variable.name.clone(), problem));
    }
    Ok(())
}

/// An infinite limit is none.
fn check_limits(info: &TaskInfo, wanted: &Resources) -> Result<(), InvalidTask> {
    for (resource, limit) in &info.limits {
        let request = match resource.as_str() {
            "cpus" => wanted.cpus().to_f64(),
            "mem" => wanted.mem().to_f64(),
            _ => return Err(InvalidTask::Limit(resource.clone())),
        };
        // A number that is none compares with nothing.
        let is_enough = limit.value >= request;
        if !is_enough {
            let (resource, limit) = (resource.clone(), limit.value);
            return Err(InvalidTask::LimitTooLow { resource, limit, request });
        }
    }
    Ok(())
}

fn check_times(info: &TaskInfo) -> Result<(), InvalidTask> {
    let grace = info.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref());
    if grace.is_some_and(|grace| grace.nanoseconds < 0) {
        return Err(InvalidTask::GracePeriod);
    }
    if info.max_completion_time.as_ref().is_some_and(|time| time.nanoseconds < 0) {
        return Err(InvalidTask::CompletionTime);
    }
    Ok(())
}

fn check_health(check: &pb::HealthCheck) -> Result<(), &'static str> {
    let is_port = |port: u32| (1..=65_535).contains(&port);
    match check.r#type() {
        health_check::Type::Command => {
            let command = check.command.as_ref();
            let command =
                command.ok_or("Expecting 'command' to be set for COMMAND health check")?;
            if command.value.is_none() {
                return Err("Command health check must contain 'shell command' or 'executable'");
            }
        }
        health_check::Type::Http => {
            let http = check.http.as_ref();
            let http = http.ok_or("Expecting 'http' to be set for HTTP health check")?;
            if !is_port(http.port) {
                return Err("HTTP health check has an invalid port");
            }
            if http.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
                return Err("The path of HTTP health check must start with '/'");
            }
        }
        health_check::Type::Tcp => {
            let tcp = check.tcp.as_ref();
            let tcp = tcp.ok_or("Expecting 'tcp' to be set for TCP health check")?;
            if !is_port(tcp.port) {
                return Err("TCP health check has an invalid port");
            }
        }
        health_check::Type::Unknown => return Err("HealthCheck must specify 'type'"),
    }
    let times = [
        check.delay_seconds,
        check.interval_seconds,
        check.timeout_seconds,
        check.grace_period_seconds,
    ];
    if times.into_iter().flatten().any(|seconds| !(seconds >= 0.0 && seconds.is_finite())) {
        return Err("Expecting times to be non-negative");
    }
    Ok(())
}

fn check_container(container: &pb::ContainerInfo) -> Result<(), &'static str> {
    for volume in &container.volumes {
        let sources = [volume.host_path.is_some(), volume.image.is_some(), volume.source.is_some()];
        if sources.into_iter().filter(|is_there| *is_there).count() != 1 {
            return Err("Only one of them should be set: 'host_path', 'image' and 'source'");
        }
    }
    if container.r#type == i32::from(pb::container_info::Type::Docker) {
        let docker = container.docker.as_ref();
        let docker =
            docker.ok_or("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo")?;
        // Compat: the original names parameters of the engine this way to name the container itself.
        if docker.parameters.iter().any(|parameter| parameter.key == "name") {
            return Err("Parameter in DockerInfo must not be 'name'");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
