//! A [`ContainerSpec`] in the engine's own terms.
//!
//! Nothing is decided here. Containers are never removed by the engine when they end (`docker ps -a` shows them `Exited`), and their
//! output is kept by the `json-file` driver without rotation unless the task says otherwise, since the sandbox files are filled from it.

mod host_config;

use agent_core::container::ContainerSpec;
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, NetworkingConfig,
    SystemInfoCgroupDriverEnum,
};

/// Body of the call that makes the container.
pub(super) fn body(spec: &ContainerSpec, cgroup_parent: Option<String>) -> ContainerCreateBody {
    let options = &spec.options;
    let published = spec.ports.iter().map(|port| key(port.container_port, port.protocol.name()));
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        hostname: spec.hostname.clone(),
        domainname: options.domain_name.clone(),
        user: options.user.clone(),
        working_dir: options.working_directory.clone(),
        stop_signal: options.stop_signal.clone(),
        entrypoint: spec.entrypoint.clone(),
        cmd: (!spec.arguments.is_empty()).then(|| spec.arguments.clone()),
        env: Some(spec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(spec.labels.clone().into_iter().collect()),
        exposed_ports: Some(published.chain(options.exposed_ports.iter().cloned()).collect()),
        volumes: some(&options.anonymous_volumes),
        attach_stdin: Some(false),
        tty: Some(false),
        host_config: Some(HostConfig { cgroup_parent, ..host_config::of(spec) }),
        networking_config: networking_config(spec),
        ..ContainerCreateBody::default()
    }
}

/// The list, unless it is empty.
fn some<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

/// Names and addresses in a named network.
fn networking_config(spec: &ContainerSpec) -> Option<NetworkingConfig> {
    let options = &spec.options;
    let has_address = options.ip.is_some() || options.ip6.is_some();
    if options.network_aliases.is_empty() && !has_address {
        return None;
    }
    let address = EndpointIpamConfig {
        ipv4_address: options.ip.clone(),
        ipv6_address: options.ip6.clone(),
        ..EndpointIpamConfig::default()
    };
    let endpoint = EndpointSettings {
        aliases: some(&options.network_aliases),
        ipam_config: has_address.then_some(address),
        ..EndpointSettings::default()
    };
    let endpoints = [(spec.network.mode().to_owned(), endpoint)].into();
    Some(NetworkingConfig { endpoints_config: Some(endpoints) })
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
            cpu_quota: None,
            memory_bytes: 32 << 20,
            memory_reservation_bytes: None,
            privileged: false,
            volumes: Vec::new(),
            options: Default::default(),
            sandbox_owner: None,
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

    /// Few engines can show them: the one needs a kernel with weights, the other a storage driver with quotas.
    #[test]
    fn weight_and_storage_options_are_asked_for() {
        let mut spec = nginx();
        assert_eq!(body(&spec, None).host_config.unwrap().storage_opt, None);
        spec.options.block_io_weight = Some(300);
        spec.options.storage_options = [("size".to_owned(), "1G".to_owned())].into();
        let host_config = body(&spec, None).host_config.unwrap();
        assert_eq!(host_config.blkio_weight, Some(300));
        assert_eq!(host_config.storage_opt.unwrap()["size"], "1G");
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
