//! A [`ContainerSpec`] in the engine's own terms.
//!
//! Nothing is decided here. Containers are never removed by the engine when they end (`docker ps -a` shows them `Exited`), and their
//! output is kept by the `json-file` driver without rotation, since the sandbox files are filled from it.

use agent_core::container::ContainerSpec;
use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, PortBinding, PortMap,
    SystemInfoCgroupDriverEnum,
};

/// Body of the call that makes the container.
pub(super) fn body(spec: &ContainerSpec, cgroup_parent: Option<String>) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        hostname: spec.hostname.clone(),
        entrypoint: spec.entrypoint.clone(),
        cmd: (!spec.arguments.is_empty()).then(|| spec.arguments.clone()),
        env: Some(spec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(spec.labels.clone().into_iter().collect()),
        exposed_ports: Some(
            spec.ports.iter().map(|port| key(port.container_port, port.protocol.name())).collect(),
        ),
        attach_stdin: Some(false),
        tty: Some(false),
        host_config: Some(HostConfig { cgroup_parent, ..host_config(spec) }),
        ..ContainerCreateBody::default()
    }
}

/// The cgroup `name`, below one for all of Ekiden, as a cgroup driver writes it; nothing for an engine without cgroups.
pub(super) fn cgroup_parent(
    name: &str,
    driver: Option<SystemInfoCgroupDriverEnum>,
) -> Option<String> {
    match driver? {
        SystemInfoCgroupDriverEnum::CGROUPFS => Some(format!("/ekiden/{name}")),
        // A dash in the name of a slice means one more level.
        SystemInfoCgroupDriverEnum::SYSTEMD => {
            Some(format!("ekiden-{}.slice", name.replace('-', "_")))
        }
        SystemInfoCgroupDriverEnum::NONE | SystemInfoCgroupDriverEnum::EMPTY => None,
    }
}

fn host_config(spec: &ContainerSpec) -> HostConfig {
    HostConfig {
        cpu_shares: Some(spec.cpu_shares),
        memory: Some(spec.memory_bytes),
        network_mode: Some(spec.network.mode().to_owned()),
        port_bindings: Some(port_bindings(spec)),
        privileged: Some(spec.privileged),
        mounts: Some(vec![Mount {
            target: Some(spec.sandbox_mount.clone()),
            source: Some(spec.sandbox.clone()),
            typ: Some(MountType::BIND),
            read_only: Some(false),
            ..Mount::default()
        }]),
        log_config: Some(HostConfigLogConfig { typ: Some("json-file".to_owned()), config: None }),
        ..HostConfig::default()
    }
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

fn key(container_port: u16, protocol: &str) -> String {
    format!("{container_port}/{protocol}")
}

#[cfg(test)]
mod tests {
    use agent_core::container::{Network, Protocol, PublishedPort};

    use super::*;

    fn nginx() -> ContainerSpec {
        ContainerSpec {
            name: "mesos-S5.f1a121be".to_owned(),
            image: "docker.io/nginx".to_owned(),
            force_pull: false,
            entrypoint: None,
            arguments: Vec::new(),
            environment: vec![("HOST".to_owned(), "127.0.0.11".to_owned())],
            labels: [("ekiden.task".to_owned(), "nginx.1".to_owned())].into(),
            network: Network::Bridge,
            ports: vec![PublishedPort {
                host_ip: "127.0.0.11".to_owned(),
                host_port: 31782,
                container_port: 80,
                protocol: Protocol::Tcp,
            }],
            hostname: None,
            cpu_shares: 204,
            memory_bytes: 32 << 20,
            privileged: false,
            sandbox: "/var/lib/mesos/slaves/a:b".to_owned(),
            sandbox_mount: "/mnt/mesos/sandbox".to_owned(),
        }
    }

    #[test]
    fn a_port_is_published_on_the_agents_address() {
        let host_config = body(&nginx(), None).host_config.unwrap();
        let bindings = host_config.port_bindings.unwrap();
        let binding = &bindings["80/tcp"].as_ref().unwrap()[0];
        assert_eq!(binding.host_ip.as_deref(), Some("127.0.0.11"));
        assert_eq!(binding.host_port.as_deref(), Some("31782"));
    }

    #[test]
    fn a_sandbox_path_with_a_colon_is_mounted_whole() {
        let mounts = body(&nginx(), None).host_config.unwrap().mounts.unwrap();
        assert_eq!(mounts[0].source.as_deref(), Some("/var/lib/mesos/slaves/a:b"));
        assert_eq!(mounts[0].target.as_deref(), Some("/mnt/mesos/sandbox"));
    }

    #[test]
    fn a_cgroup_is_named_as_the_engines_driver_wants_it() {
        use SystemInfoCgroupDriverEnum as Driver;
        let parent = |driver| cgroup_parent("agent-1f", Some(driver));
        assert_eq!(parent(Driver::CGROUPFS).as_deref(), Some("/ekiden/agent-1f"));
        assert_eq!(parent(Driver::SYSTEMD).as_deref(), Some("ekiden-agent_1f.slice"));
        assert_eq!(parent(Driver::NONE), None);
        assert_eq!(cgroup_parent("agent-1f", None), None);
    }

    #[test]
    fn without_arguments_the_images_own_command_stays() {
        assert_eq!(body(&nginx(), None).cmd, None);
        assert_eq!(body(&nginx(), None).entrypoint, None);
    }
}
