//! What a task's resources and limits mean for the engine.
//!
//! `cpus` is a weight, and a bound only where the agent or the task says so; `mem` is a bound. Disk is not bounded, and GPUs are not given.
//!
//! Source: mesos.md §5.7; apache/mesos: src/docker/docker.cpp (`Docker::RunOptions::create`).

use model::Scalar;
use wire::mesos::v1::TaskInfo;

/// The least memory of a container in MiB.
const MIN_MEMORY_MIB: i64 = 32;
/// The least processor time in a period, in microseconds.
const MIN_QUOTA: i64 = 1_000;

/// The numbers that the engine gets.
pub(super) struct Limits {
    pub(super) cpu_shares: i64,
    pub(super) cpu_quota: Option<i64>,
    pub(super) memory_bytes: i64,
    pub(super) memory_reservation_bytes: Option<i64>,
}

/// The limits of a task; an infinite one is none.
pub(super) fn of(task: &TaskInfo, bounds_cpu: bool) -> Limits {
    let limit =
        |name: &str| task.limits.get(name).map(|scalar| Scalar::from_f64(scalar.value).ok());
    let cpus = scalar(task, "cpus");
    let memory =
        |amount: Scalar| (amount.thousandths() * 1_048_576 / 1_000).max(MIN_MEMORY_MIB << 20);
    let mem = memory(scalar(task, "mem"));
    let quota = |cpus: Scalar| (cpus.thousandths() * 100).max(MIN_QUOTA);
    let (memory_bytes, memory_reservation_bytes) = match limit("mem") {
        None => (mem, None),
        Some(limit) => (limit.map_or(0, memory), Some(mem)),
    };
    Limits {
        cpu_shares: (cpus.thousandths() * 1_024 / 1_000).max(2),
        cpu_quota: match limit("cpus") {
            None => bounds_cpu.then(|| quota(cpus)),
            Some(limit) => limit.map(quota),
        },
        memory_bytes,
        memory_reservation_bytes,
    }
}

/// The amount of a scalar resource, over all its entries; amounts that are no numbers count as nothing.
fn scalar(task: &TaskInfo, name: &str) -> Scalar {
    task.resources
        .iter()
        .filter(|resource| resource.name == name)
        .filter_map(|resource| Scalar::from_f64(resource.scalar.as_ref()?.value).ok())
        .fold(Scalar::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(sum))
}
