//! Arbitrary messages.
//!
//! Fields with a schema default are always set here: reading gives back what was written then, and
//! not only what means the same.

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use wire::mesos::v1::scheduler::{Call, Event, call, event};
use wire::mesos::v1::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9._-]{0,12}", "\\PC{0,6}"]
}

fn blob() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

/// A double of few digits, as times and resources are. (Of seventeen digits the JSON parser may
/// miss the last one.)
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<i32>().prop_map(|milli| f64::from(milli) / 1000.0),
        any::<u32>().prop_map(|micros| 1_700_000_000.0 + f64::from(micros) / 1e6),
        Just(f64::INFINITY),
    ]
}

fn labels() -> impl Strategy<Value = Labels> {
    vec((text(), of(text())).prop_map(|(key, value)| Label { key, value }), 0..3)
        .prop_map(|labels| Labels { labels })
}

fn scalar() -> impl Strategy<Value = value::Scalar> {
    number().prop_map(|value| value::Scalar { value })
}

fn ranges() -> impl Strategy<Value = value::Ranges> {
    vec(any::<(u64, u64)>().prop_map(|(begin, end)| value::Range { begin, end }), 0..3)
        .prop_map(|range| value::Ranges { range })
}

fn reservation() -> impl Strategy<Value = resource::ReservationInfo> {
    (of(0..3), of(text()), of(text()), of(labels())).prop_map(|(kind, role, principal, labels)| {
        resource::ReservationInfo { r#type: kind, role, principal, labels }
    })
}

fn disk() -> impl Strategy<Value = resource::DiskInfo> {
    (text(), text(), 1..3).prop_map(|(id, container_path, mode)| resource::DiskInfo {
        persistence: Some(resource::disk_info::Persistence { id, principal: None }),
        volume: Some(Volume { mode, container_path, ..Volume::default() }),
        source: None,
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    (
        (text(), 0..4, of(scalar()), of(ranges()), of(vec(text(), 0..3))),
        (of(text()), of(text()), vec(reservation(), 0..2), of(disk()), any::<[bool; 2]>()),
    )
        .prop_map(
            |((name, kind, scalar, ranges, items), (role, allocated, stack, disk, marks))| {
                Resource {
                    name,
                    r#type: kind,
                    scalar,
                    ranges,
                    set: items.map(|item| value::Set { item }),
                    role,
                    allocation_info: allocated
                        .map(|role| resource::AllocationInfo { role: Some(role) }),
                    reservations: stack,
                    disk,
                    revocable: marks[0].then(resource::RevocableInfo::default),
                    shared: marks[1].then(resource::SharedInfo::default),
                    ..Resource::default()
                }
            },
        )
}

fn command() -> impl Strategy<Value = CommandInfo> {
    let uri =
        (text(), of(any::<bool>()), any::<bool>()).prop_map(|(value, executable, extract)| {
            command_info::Uri { value, executable, extract: Some(extract), ..Default::default() }
        });
    let variable = (text(), of(text())).prop_map(|(name, value)| environment::Variable {
        name,
        r#type: Some(environment::variable::Type::Value as i32),
        value,
        secret: None,
    });
    (vec(uri, 0..2), of(vec(variable, 0..3)), any::<bool>(), of(text()), vec(text(), 0..3))
        .prop_map(|(uris, variables, shell, value, arguments)| CommandInfo {
            uris,
            environment: variables.map(|variables| Environment { variables }),
            shell: Some(shell),
            value,
            arguments,
            user: None,
        })
}

fn container() -> impl Strategy<Value = ContainerInfo> {
    let mapping = any::<(u16, u16)>().prop_map(|(host, container)| {
        container_info::docker_info::PortMapping {
            host_port: host.into(),
            container_port: container.into(),
            protocol: Some("tcp".into()),
        }
    });
    let parameter = (text(), text()).prop_map(|(key, value)| Parameter { key, value });
    let docker = (text(), 1..5, vec(mapping, 0..3), any::<bool>(), vec(parameter, 0..2)).prop_map(
        |(image, network, port_mappings, privileged, parameters)| container_info::DockerInfo {
            image,
            network: Some(network),
            port_mappings,
            privileged: Some(privileged),
            parameters,
            force_pull_image: None,
            volume_driver: None,
        },
    );
    let volume = (1..3, text(), of(text())).prop_map(|(mode, container_path, host_path)| Volume {
        mode,
        container_path,
        host_path,
        ..Volume::default()
    });
    (1..3, vec(volume, 0..2), of(text()), of(docker), vec(network(), 0..2)).prop_map(
        |(kind, volumes, hostname, docker, network_infos)| ContainerInfo {
            r#type: kind,
            volumes,
            hostname,
            docker,
            network_infos,
            ..ContainerInfo::default()
        },
    )
}

fn network() -> impl Strategy<Value = NetworkInfo> {
    let address = (1..3, of(text())).prop_map(|(protocol, ip_address)| network_info::IpAddress {
        protocol: Some(protocol),
        ip_address,
    });
    (vec(address, 0..3), of(text()), vec(text(), 0..2)).prop_map(|(ip_addresses, name, groups)| {
        NetworkInfo { ip_addresses, name, groups, labels: None, port_mappings: vec![] }
    })
}

fn health_check() -> impl Strategy<Value = HealthCheck> {
    let http =
        (any::<u32>(), of(text()), vec(any::<u32>(), 0..3)).prop_map(|(port, path, statuses)| {
            health_check::HttpCheckInfo {
                protocol: Some(network_info::Protocol::IPv4 as i32),
                scheme: None,
                port,
                path,
                statuses,
            }
        });
    (number(), any::<u32>(), of(0..4), of(command()), of(http)).prop_map(
        |(seconds, failures, kind, command, http)| HealthCheck {
            delay_seconds: Some(seconds),
            interval_seconds: Some(seconds),
            timeout_seconds: Some(seconds),
            consecutive_failures: Some(failures),
            grace_period_seconds: Some(seconds),
            r#type: kind,
            command,
            http,
            tcp: None,
        },
    )
}

fn discovery() -> impl Strategy<Value = DiscoveryInfo> {
    let port = (any::<u32>(), of(text()), of(0..3)).prop_map(|(number, name, visibility)| Port {
        number,
        name,
        protocol: None,
        visibility,
        labels: None,
    });
    (0..3, of(text()), of(vec(port, 0..3)), of(labels())).prop_map(
        |(visibility, name, ports, labels)| DiscoveryInfo {
            visibility,
            name,
            ports: ports.map(|ports| Ports { ports }),
            labels,
            ..DiscoveryInfo::default()
        },
    )
}

/// A task as a scheduler describes it.
pub(crate) fn task_info() -> impl Strategy<Value = TaskInfo> {
    (
        (text(), text(), text(), vec(resource(), 0..4), of(command()), of(container())),
        (of(health_check()), of(any::<i64>()), of(blob()), of(labels()), of(discovery())),
        btree_map(text(), scalar(), 0..3),
    )
        .prop_map(|((name, task, agent, resources, command, container), rest, limits)| {
            let (health_check, grace, data, labels, discovery) = rest;
            TaskInfo {
                name,
                task_id: TaskId { value: task },
                agent_id: AgentId { value: agent },
                resources,
                command,
                container,
                health_check: health_check.map(Box::new),
                kill_policy: grace.map(|nanoseconds| KillPolicy {
                    grace_period: Some(DurationInfo { nanoseconds }),
                }),
                data,
                labels,
                discovery,
                limits,
                ..TaskInfo::default()
            }
        })
}

/// News about a task.
pub(crate) fn task_status() -> impl Strategy<Value = TaskStatus> {
    let container =
        (text(), of(text()), vec(network(), 0..2)).prop_map(|(id, parent, networks)| {
            let parent = parent.map(|value| Box::new(ContainerId { value, parent: None }));
            ContainerStatus {
                container_id: Some(ContainerId { value: id, parent }),
                network_infos: networks,
                cgroup_info: None,
                executor_pid: None,
            }
        });
    (
        (text(), 0..14, of(text()), of(0..3), of(0..35), of(blob())),
        (of(number()), of(blob()), of(any::<bool>()), of(labels()), of(container)),
    )
        .prop_map(|((task, state, message, source, reason, data), rest)| {
            let (timestamp, uuid, healthy, labels, container_status) = rest;
            TaskStatus {
                task_id: TaskId { value: task },
                state,
                message,
                source,
                reason,
                data,
                timestamp,
                uuid,
                healthy,
                labels,
                container_status,
                ..TaskStatus::default()
            }
        })
}

/// Resources that are offered.
pub(crate) fn offer() -> impl Strategy<Value = Offer> {
    let attribute =
        (text(), 0..4, of(scalar()), of(text())).prop_map(|(name, kind, scalar, text)| Attribute {
            name,
            r#type: kind,
            scalar,
            text: text.map(|value| value::Text { value }),
            ..Attribute::default()
        });
    (text(), text(), text(), vec(resource(), 0..4), vec(attribute, 0..3)).prop_map(
        |(id, framework, agent, resources, attributes)| Offer {
            id: OfferId { value: id },
            framework_id: FrameworkId { value: framework },
            agent_id: AgentId { value: agent },
            resources,
            attributes,
            ..Offer::default()
        },
    )
}

/// A framework's description.
pub(crate) fn framework_info() -> impl Strategy<Value = FrameworkInfo> {
    (
        (text(), text(), of(text()), number(), any::<bool>()),
        (of(text()), vec(text(), 0..3), vec(of(0..9), 0..3), of(labels())),
    )
        .prop_map(|((user, name, id, failover, checkpoint), rest)| {
            let (role, roles, capabilities, labels) = rest;
            FrameworkInfo {
                user,
                name,
                id: id.map(|value| FrameworkId { value }),
                failover_timeout: Some(failover),
                checkpoint: Some(checkpoint),
                role,
                roles,
                capabilities: capabilities
                    .into_iter()
                    .map(|kind| framework_info::Capability { r#type: kind })
                    .collect(),
                labels,
                ..FrameworkInfo::default()
            }
        })
}

/// A scheduler's call.
pub(crate) fn call() -> impl Strategy<Value = Call> {
    let launch = vec(task_info(), 0..2).prop_map(|task_infos| offer::Operation {
        r#type: Some(offer::operation::Type::Launch as i32),
        launch: Some(offer::operation::Launch { task_infos }),
        ..Default::default()
    });
    let accept = (vec(text(), 0..3), vec(launch, 0..2), of(number())).prop_map(
        |(offers, operations, refuse)| call::Accept {
            offer_ids: offers.into_iter().map(|value| OfferId { value }).collect(),
            operations,
            filters: refuse.map(|seconds| Filters { refuse_seconds: Some(seconds) }),
        },
    );
    let subscribe =
        (framework_info(), vec(text(), 0..2)).prop_map(|(framework_info, suppressed_roles)| {
            call::Subscribe { framework_info, suppressed_roles, offer_constraints: None }
        });
    (of(text()), of(0..18), of(subscribe), of(accept)).prop_map(
        |(framework, kind, subscribe, accept)| Call {
            framework_id: framework.map(|value| FrameworkId { value }),
            r#type: kind,
            subscribe,
            accept,
            ..Call::default()
        },
    )
}

/// An event of the master.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    (of(0..12), of(vec(offer(), 0..3)), of(task_status())).prop_map(|(kind, offers, status)| {
        Event {
            r#type: kind,
            offers: offers.map(|offers| event::Offers { offers }),
            update: status.map(|status| event::Update { status }),
            ..Event::default()
        }
    })
}
