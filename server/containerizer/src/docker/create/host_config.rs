//! What a container gets of its host: limits, rights, files, ports.

use std::collections::HashMap;

use agent_core::container::{BoundVolume, ContainerSpec};
use agent_core::engine_options::EngineOptions;
use bollard::models::{
    DeviceMapping, DeviceRequest, HostConfig, HostConfigLogConfig, Mount, MountType, PortBinding,
    PortMap, ResourcesUlimits,
};

use super::{key, some};

/// The driver whose log keeps every byte of the output in its order.
const LOG_DRIVER: &str = "json-file";
/// A size that no log has; the driver knows no word for none.
const NO_LIMIT: &str = "1000000t";

pub(super) fn of(spec: &ContainerSpec) -> HostConfig {
    let options = &spec.options;
    HostConfig {
        network_mode: Some(spec.network.mode().to_owned()),
        port_bindings: Some(port_bindings(spec)),
        privileged: Some(spec.privileged),
        binds: some(&binds(spec)),
        mounts: Some(mounts(spec)),
        log_config: Some(log_config(options)),
        ..limits(spec, rights(options))
    }
}

/// The engine may be told to drop what is old of every container's log; the sandbox would then miss it after a restart of the agent.
fn log_config(options: &EngineOptions) -> HostConfigLogConfig {
    let driver = options.log_driver.as_deref().unwrap_or(LOG_DRIVER);
    let mut log_options = options.log_options.clone();
    if driver == LOG_DRIVER {
        log_options.insert("max-size".to_owned(), NO_LIMIT.to_owned());
    }
    HostConfigLogConfig { typ: Some(driver.to_owned()), config: pairs(&log_options) }
}

/// Fills in the limits.
fn limits(spec: &ContainerSpec, rest: HostConfig) -> HostConfig {
    let options = &spec.options;
    let ulimits: Vec<_> = options
        .ulimits
        .iter()
        .map(|limit| ResourcesUlimits {
            name: Some(limit.name.clone()),
            soft: Some(limit.soft),
            hard: Some(limit.hard),
        })
        .collect();
    HostConfig {
        cpu_shares: Some(spec.cpu_shares),
        cpu_quota: spec.cpu_quota,
        cpu_period: options.cpu_period,
        nano_cpus: options.nano_cpus,
        cpuset_cpus: options.cpuset_cpus.clone(),
        cpuset_mems: options.cpuset_mems.clone(),
        memory: Some(spec.memory_bytes),
        memory_reservation: spec.memory_reservation_bytes,
        memory_swap: options.memory_swap_bytes,
        memory_swappiness: options.memory_swappiness,
        oom_kill_disable: options.survives_out_of_memory,
        oom_score_adj: options.oom_score_adjustment,
        pids_limit: options.pids_limit,
        blkio_weight: options.block_io_weight,
        shm_size: options.shm_bytes,
        ulimits: some(&ulimits),
        device_requests: options.gpus.map(|count| vec![gpus(count)]),
        ..rest
    }
}

/// As `docker run --gpus` asks for them.
fn gpus(count: i64) -> DeviceRequest {
    DeviceRequest {
        count: Some(count),
        capabilities: Some(vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    }
}

/// What the container may do, and how it sees the network's names.
fn rights(options: &EngineOptions) -> HostConfig {
    let devices: Vec<_> = options
        .devices
        .iter()
        .map(|device| DeviceMapping {
            path_on_host: Some(device.host_path.clone()),
            path_in_container: Some(device.container_path.clone()),
            cgroup_permissions: Some(device.permissions.clone()),
        })
        .collect();
    HostConfig {
        cap_add: some(&options.added_capabilities),
        cap_drop: some(&options.dropped_capabilities),
        security_opt: some(&options.security_options),
        group_add: some(&options.groups),
        devices: some(&devices),
        device_cgroup_rules: some(&options.device_rules),
        dns: some(&options.dns),
        dns_search: some(&options.dns_search),
        dns_options: some(&options.dns_options),
        extra_hosts: some(&options.extra_hosts),
        links: some(&options.links),
        volumes_from: some(&options.volumes_from),
        volume_driver: options.volume_driver.clone(),
        sysctls: pairs(&options.sysctls),
        storage_opt: pairs(&options.storage_options),
        tmpfs: pairs(&options.tmpfs),
        ipc_mode: options.ipc.clone(),
        pid_mode: options.pid.clone(),
        uts_mode: options.uts.clone(),
        userns_mode: options.user_namespace.clone(),
        runtime: options.runtime.clone(),
        init: options.has_init,
        readonly_rootfs: options.is_read_only,
        ..HostConfig::default()
    }
}

fn pairs(map: &std::collections::BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!map.is_empty()).then(|| map.clone().into_iter().collect())
}

/// Whether a volume can be written as `source:target:mode`, for which the engine makes what is missing on the host.
fn is_bind(volume: &BoundVolume) -> bool {
    !volume.source.contains(':') && !volume.target.contains(':')
}

/// Compat: a folder of the host that does not exist is made, as by `docker run --volume`.
fn binds(spec: &ContainerSpec) -> Vec<String> {
    let volumes = spec.volumes.iter().filter(|volume| is_bind(volume)).map(|volume| {
        let mode = if volume.is_writable { "rw" } else { "ro" };
        format!("{}:{}:{mode}", volume.source, volume.target)
    });
    volumes.chain(spec.options.binds.iter().cloned()).collect()
}

/// The sandbox, and what a bind cannot say.
fn mounts(spec: &ContainerSpec) -> Vec<Mount> {
    let sandbox = BoundVolume {
        source: spec.sandbox.clone(),
        target: spec.sandbox_mount.clone(),
        is_writable: true,
    };
    let others = spec.volumes.iter().filter(|volume| !is_bind(volume)).cloned();
    let mount = |volume: BoundVolume| Mount {
        typ: Some(if volume.source.starts_with('/') { MountType::BIND } else { MountType::VOLUME }),
        target: Some(volume.target),
        source: Some(volume.source),
        read_only: Some(!volume.is_writable),
        ..Mount::default()
    };
    [sandbox].into_iter().chain(others).map(mount).collect()
}

fn port_bindings(spec: &ContainerSpec) -> PortMap {
    let mut bindings = PortMap::new();
    for port in &spec.ports {
        let binding = PortBinding {
            host_ip: Some(port.host_ip.clone()),
            host_port: Some(port.host_port.to_string()),
        };
        bindings
            .entry(key(port.container_port, port.protocol.name()))
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    bindings
}
