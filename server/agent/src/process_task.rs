//! A `TaskInfo` without an image turned into a command, or refused with the reason; and what the command's end means.
//!
//! As with Docker tasks no field that could change how the task runs is ignored: it is carried out or named in the refusal.
//!
//! Source: mesos.md §5.2 (environment), §5.3 (command executor), §5.8 (Mesos containerizer).

mod volumes;

use std::time::Duration;

use model::{Scalar, TaskState};
use wire::mesos::v1::container_info::Type as ContainerType;
use wire::mesos::v1::environment::variable::Type as VariableType;
use wire::mesos::v1::r_limit_info::{RLimit, r_limit};
use wire::mesos::v1::task_status::Reason;
use wire::mesos::v1::{
    CommandInfo, ContainerInfo, FrameworkInfo, Resource, TaskInfo, TaskResourceLimitation, value,
};

use crate::container::{ProcessExit, ProcessLimit, ProcessSpec};
use crate::docker_task::Refusal;
use crate::settings::Settings;
use crate::task::{News, TaskKey, grace};

/// What the original adds to a command's resources for the executor beside it.
///
/// Compat: a command that fits there fits here; our executor is outside of the bound.
/// Source: apache/mesos: src/slave/constants.hpp (`DEFAULT_EXECUTOR_CPUS`, `DEFAULT_EXECUTOR_MEM`).
const ALLOWANCE_CPUS_THOUSANDTHS: i64 = 100;
const ALLOWANCE_MEM_THOUSANDTHS: i64 = 32_000;

/// Source: apache/mesos: src/slave/containerizer/mesos/isolators/cgroups/constants.hpp.
const MIN_MEMORY: u64 = 32 << 20;
const MIN_CPU_SHARES: u64 = 2;
const MIN_CPU_QUOTA: u64 = 1_000;

/// Source: apache/mesos: 3rdparty/stout/include/stout/os/posix/… (`host_default_path`).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What surrounds the task: the names chosen for it, and the agent.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Name of the container.
    pub name: &'a str,
    /// The task.
    pub key: &'a TaskKey,
    /// Id of the agent.
    pub agent: &'a str,
    /// The sandbox.
    pub sandbox: &'a str,
    /// What the agent was told about itself.
    pub settings: &'a Settings,
    /// The task's framework, where it is known.
    pub framework: Option<&'a FrameworkInfo>,
}

/// Whether the task is a plain command: it brings no executor, and no container or one of type MESOS without an image.
#[must_use]
pub fn is_one(task: &TaskInfo) -> bool {
    let is_plain = |container: &ContainerInfo| {
        let mesos = container.mesos.as_ref();
        container.r#type == ContainerType::Mesos as i32
            && mesos.is_none_or(|mesos| mesos.image.is_none())
    };
    task.executor.is_none() && task.container.as_ref().is_none_or(is_plain)
}

/// Makes the command's specification.
///
/// # Errors
/// When the task asks for something that is not supported, or makes no sense.
pub fn process_spec(task: &TaskInfo, around: Surroundings<'_>) -> Result<ProcessSpec, Refusal> {
    refuse_unsupported(task)?;
    let Some(command) = &task.command else {
        return unsupported("the task has neither a command nor a container");
    };
    let (program, arguments) = program(command)?;
    let environment = environment(task, command, around)?;
    let limits = task.container.as_ref().and_then(|container| container.rlimit_info.as_ref());
    let limits = limits.into_iter().flat_map(|info| &info.rlimits).map(limit);
    let memory = mebibytes(thousandths(task, "mem", ALLOWANCE_MEM_THOUSANDTHS));
    let memory_bytes = match bound(task, "mem", ALLOWANCE_MEM_THOUSANDTHS)? {
        None => Some(memory),
        Some(Bound::Most(most)) => Some(mebibytes(most)),
        Some(Bound::None) => None,
    };
    let spec = ProcessSpec {
        name: around.name.to_owned(),
        program,
        arguments,
        environment,
        user: user(command, around),
        sandbox: around.sandbox.to_owned(),
        cpu_shares: (cpus(task) * 1_024 / 1_000).max(MIN_CPU_SHARES),
        cpu_quota: cpu_quota(task, around.settings.bounds_cpu)?,
        memory_bytes,
        memory_reservation_bytes: Some(memory).filter(|request| Some(*request) != memory_bytes),
        max_processes: around.settings.max_processes,
        volumes: volumes::bound(task.container.as_ref())?,
        limits: limits.collect::<Result<_, _>>()?,
    };
    refuse_nul(&spec)?;
    Ok(spec)
}

fn unsupported<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(text.into()))
}

fn refuse_unsupported(task: &TaskInfo) -> Result<(), Refusal> {
    let nothing = ContainerInfo::default();
    let container = task.container.as_ref().unwrap_or(&nothing);
    let asked = [
        ("container.hostname", container.hostname.as_ref().is_some_and(|name| !name.is_empty())),
        ("container.docker", container.docker.is_some()),
        (
            "container.network_infos",
            container.network_infos.iter().any(|info| *info != Default::default()),
        ),
        ("container.linux_info", container.linux_info.is_some()),
        ("container.tty_info", container.tty_info.is_some()),
    ];
    match asked.into_iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => unsupported(format!("`{field}` of a command is not supported yet")),
        None => Ok(()),
    }
}

/// Neither an argument nor a variable can contain the byte that ends it.
fn refuse_nul(spec: &ProcessSpec) -> Result<(), Refusal> {
    let variables = spec.environment.iter().flat_map(|(name, value)| [name, value]);
    let mut all = spec.arguments.iter().chain([&spec.program]).chain(&spec.user).chain(variables);
    match all.find(|text| text.contains('\0')) {
        Some(text) => unsupported(format!("`{}` contains a NUL", text.escape_debug())),
        None => Ok(()),
    }
}

fn program(command: &CommandInfo) -> Result<(String, Vec<String>), Refusal> {
    let value = command.value.clone().filter(|value| !value.is_empty());
    if command.shell.unwrap_or(true) {
        let Some(line) = value else {
            return unsupported("Shell specified but no command value provided");
        };
        return Ok(("/bin/sh".to_owned(), vec!["sh".to_owned(), "-c".to_owned(), line]));
    }
    let Some(program) = value else {
        return unsupported("the command names no program (`value`)");
    };
    // The first argument is the name that the program is given; without any it is its own.
    let arguments = match command.arguments.as_slice() {
        [] => vec![program.clone()],
        given => given.to_vec(),
    };
    Ok((program, arguments))
}

fn user(command: &CommandInfo, around: Surroundings<'_>) -> Option<String> {
    let of_framework = || around.framework.map(|framework| framework.user.clone());
    let user = command.user.clone().filter(|user| !user.is_empty()).or_else(of_framework);
    user.filter(|user| around.settings.switches_user && !user.is_empty())
}

/// Later ones win, as in the original: the agent's, the executor's, the command's own, those of the containerizer.
fn environment(
    task: &TaskInfo,
    command: &CommandInfo,
    around: Surroundings<'_>,
) -> Result<Vec<(String, String)>, Refusal> {
    let settings = around.settings;
    let endpoint = format!("{}:{}", settings.ip, settings.description.address.port);
    let is_checkpointed = around.framework.is_some_and(|it| it.checkpoint.unwrap_or(false));
    let own_grace = task.kill_policy.as_ref().and_then(grace);
    let executor_grace = own_grace.map_or(settings.kill_grace, |own| own + Duration::from_secs(2));
    let mut all: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: &str| {
        all.retain(|(known, _)| known != name);
        all.push((name.to_owned(), value.to_owned()));
    };
    set("PATH", PATH);
    set("LIBPROCESS_IP", &settings.ip);
    for (name, value) in &settings.executor_environment {
        set(name, value);
    }
    set("LIBPROCESS_PORT", "0");
    set("MESOS_FRAMEWORK_ID", around.key.framework.as_str());
    // Compat: the executor of a command has the task's id.
    set("MESOS_EXECUTOR_ID", around.key.task.as_str());
    set("MESOS_DIRECTORY", around.sandbox);
    set("MESOS_SLAVE_ID", around.agent);
    set("MESOS_SLAVE_PID", &format!("slave(1)@{endpoint}"));
    set("MESOS_AGENT_ENDPOINT", &endpoint);
    set("MESOS_CHECKPOINT", if is_checkpointed { "1" } else { "0" });
    set("MESOS_HTTP_COMMAND_EXECUTOR", "0");
    set("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", &duration(executor_grace));
    if is_checkpointed {
        set("MESOS_RECOVERY_TIMEOUT", "15mins");
        set("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs");
    }
    let given = command.environment.iter().flat_map(|environment| &environment.variables);
    for variable in given {
        if variable.r#type.is_some_and(|kind| kind == VariableType::Secret as i32)
            || variable.secret.is_some()
        {
            let text = "secret environment variable";
            return unsupported(format!("{text} `{}` is not supported yet", variable.name));
        }
        if variable.name.is_empty() || variable.name.contains('=') {
            let text = "is no name of an environment variable";
            return unsupported(format!("'{}' {text}", variable.name));
        }
        set(&variable.name, variable.value.as_deref().unwrap_or_default());
    }
    set("MESOS_SANDBOX", around.sandbox);
    set("MESOS_ALLOCATION_ROLE", allocation_role(task));
    Ok(all)
}

/// The role that the task's resources were offered to.
fn allocation_role(task: &TaskInfo) -> &str {
    let mut roles =
        task.resources.iter().filter_map(|it| it.allocation_info.as_ref()?.role.as_deref());
    roles.next().unwrap_or("*")
}

/// A time as Mesos writes it, in the largest unit without a fraction.
fn duration(time: Duration) -> String {
    let nanos = time.as_nanos();
    let units = [
        ("weeks", 604_800_000_000_000_u128),
        ("days", 86_400_000_000_000),
        ("hrs", 3_600_000_000_000),
        ("mins", 60_000_000_000),
        ("secs", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
    ];
    let fits = |(_, length): &&(&str, u128)| nanos >= *length && nanos.is_multiple_of(*length);
    match units.iter().find(fits) {
        Some((name, length)) => format!("{}{name}", nanos / length),
        None if nanos == 0 => "0ns".to_owned(),
        None => format!("{nanos}ns"),
    }
}

/// Source: mesos.md §1: `RLMT_NOFILE` and so on.
fn limit(given: &RLimit) -> Result<ProcessLimit, Refusal> {
    let kind = given.r#type.and_then(|number| r_limit::Type::try_from(number).ok());
    let name = kind.and_then(|kind| kind.as_str_name().strip_prefix("RLMT_").map(str::to_owned));
    let Some(name) = name else {
        return unsupported("`container.rlimit_info` has a limit of a kind that is not known");
    };
    if given.soft.is_some() != given.hard.is_some() {
        return unsupported(format!("limit `{name}` needs both a soft and a hard one, or neither"));
    }
    Ok(ProcessLimit { name, soft: given.soft, hard: given.hard })
}

/// A limit that the task sets beside what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// So many thousandths of the unit, with the executor's allowance.
    Most(u64),
    /// There is none.
    None,
}

/// Source: mesos.md §5.7, and apache/mesos: src/slave/slave.cpp (the executor's resources count here too).
fn bound(task: &TaskInfo, name: &str, allowance: i64) -> Result<Option<Bound>, Refusal> {
    let unknown = task.limits.keys().find(|name| !matches!(name.as_str(), "cpus" | "mem"));
    if let Some(unknown) = unknown {
        return unsupported(format!("`limits` of a command has `{unknown}`, which has no limit"));
    }
    let Some(limit) = task.limits.get(name) else { return Ok(None) };
    if limit.value.is_infinite() && limit.value.is_sign_positive() {
        return Ok(Some(Bound::None));
    }
    match Scalar::from_f64(limit.value).map(Scalar::thousandths) {
        Ok(amount) if amount >= thousandths_of(task, name) => {
            let most = amount.saturating_add(allowance);
            Ok(Some(Bound::Most(u64::try_from(most).unwrap_or_default())))
        }
        Ok(_) | Err(_) => {
            let value = limit.value;
            unsupported(format!("limit {value} of `{name}` is less than what the task asks for"))
        }
    }
}

fn cpu_quota(task: &TaskInfo, bounds_cpu: bool) -> Result<Option<u64>, Refusal> {
    let most = match bound(task, "cpus", ALLOWANCE_CPUS_THOUSANDTHS)? {
        None => bounds_cpu.then(|| cpus(task)),
        Some(Bound::Most(most)) => Some(most),
        Some(Bound::None) => None,
    };
    Ok(most.map(|most| (most * 100).max(MIN_CPU_QUOTA)))
}

/// Thousandths of a mebibyte in bytes, and no less than the least that there is.
fn mebibytes(thousandths: u64) -> u64 {
    (thousandths.saturating_mul(1_048_576) / 1_000).max(MIN_MEMORY)
}

fn cpus(task: &TaskInfo) -> u64 {
    thousandths(task, "cpus", ALLOWANCE_CPUS_THOUSANDTHS)
}

/// The amount of a scalar resource and the allowance.
fn thousandths(task: &TaskInfo, name: &str, allowance: i64) -> u64 {
    u64::try_from(thousandths_of(task, name).saturating_add(allowance)).unwrap_or_default()
}

/// The amount of a scalar resource over all its entries; amounts that are no numbers count as nothing.
fn thousandths_of(task: &TaskInfo, name: &str) -> i64 {
    let amounts = task.resources.iter().filter(|resource| resource.name == name);
    let amounts = amounts
        .filter_map(|resource| Scalar::from_f64(resource.scalar.as_ref()?.value).ok())
        .map(Scalar::thousandths);
    amounts.fold(0, i64::saturating_add)
}

/// What the end of a command means for its task.
pub(crate) fn ending(exit: &ProcessExit, is_killed: bool) -> News {
    let state = |otherwise| if is_killed { TaskState::Killed } else { otherwise };
    match exit {
        ProcessExit::Exited(0) => News::from_executor(state(TaskState::Finished))
            .with_message("Command exited with status 0"),
        ProcessExit::Exited(status) => News::from_executor(state(TaskState::Failed))
            .with_message(format!("Command exited with status {status}")),
        ProcessExit::Signaled(signal) => News::from_executor(state(TaskState::Failed))
            .with_message(format!("Command terminated with signal {}", signal_name(*signal))),
        ProcessExit::OutOfMemory { limit, used, statistics } => News {
            limitation: Some(TaskResourceLimitation { resources: vec![memory(*limit)] }),
            ..News::from_agent(
                state(TaskState::Failed),
                Reason::ContainerLimitationMemory,
                format!(
                    "Memory limit exceeded: Requested: {} Maximum Used: {}\n\nMEMORY STATISTICS: \n{statistics}\n",
                    bytes(*limit),
                    bytes(*used)
                ),
            )
        },
        ProcessExit::ShortOfProcesses { end, limit, refused } => {
            let news = ending(end, is_killed);
            let message = news.message.clone().unwrap_or_default();
            // Compat: the original says nothing of it; its cgroup has no limit unless somebody else sets one.
            news.with_message(format!(
                "{message}; {refused} times it was refused another process or thread, of which a task \
                 may have {limit} (--max_processes_per_task)"
            ))
        }
        ProcessExit::Failed(message) => News::from_agent(
            state(TaskState::Failed),
            Reason::ContainerLaunchFailed,
            format!("Failed to launch container: {message}"),
        ),
        ProcessExit::Unknown => News::from_agent(
            state(TaskState::Failed),
            Reason::ExecutorTerminated,
            "The executor ended before the command did",
        ),
    }
}

fn memory(bytes: u64) -> Resource {
    // Less than 2^53 of them, so exact.
    #[expect(clippy::cast_precision_loss, reason = "no machine has that much memory")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    Resource {
        name: "mem".to_owned(),
        r#type: value::Type::Scalar as i32,
        scalar: Some(value::Scalar { value: mebibytes }),
        ..Resource::default()
    }
}

/// An amount as Mesos writes it: in the largest unit without a fraction.
///
/// Source: apache/mesos: 3rdparty/stout/include/stout/bytes.hpp.
fn bytes(amount: u64) -> String {
    let mut amount = amount;
    for unit in ["B", "KB", "MB", "GB"] {
        if amount == 0 || !amount.is_multiple_of(1_024) {
            return format!("{amount}{unit}");
        }
        amount /= 1_024;
    }
    format!("{amount}TB")
}

/// A signal in the words of the C library.
///
/// Source: strsignal(3) of the GNU C library, which the original prints.
fn signal_name(signal: i32) -> String {
    const NAMES: [&str; 31] = [
        "Hangup",
        "Interrupt",
        "Quit",
        "Illegal instruction",
        "Trace/breakpoint trap",
        "Aborted",
        "Bus error",
        "Floating point exception",
        "Killed",
        "User defined signal 1",
        "Segmentation fault",
        "User defined signal 2",
        "Broken pipe",
        "Alarm clock",
        "Terminated",
        "Stack fault",
        "Child exited",
        "Continued",
        "Stopped (signal)",
        "Stopped",
        "Stopped (tty input)",
        "Stopped (tty output)",
        "Urgent I/O condition",
        "CPU time limit exceeded",
        "File size limit exceeded",
        "Virtual timer expired",
        "Profiling timer expired",
        "Window changed",
        "I/O possible",
        "Power failure",
        "Bad system call",
    ];
    let index = usize::try_from(signal - 1).ok();
    match index.and_then(|index| NAMES.get(index)) {
        Some(name) => (*name).to_owned(),
        // Real-time signals begin at 34; the C library keeps the two before for itself.
        None if (34..=64).contains(&signal) => format!("Real-time signal {}", signal - 34),
        None => format!("Unknown signal {signal}"),
    }
}

#[cfg(test)]
mod tests;
