//! Tasks and settings as the guide has them, for tests.

use std::time::Duration;

use bytes::Bytes;
use wire::link::AgentDescription;
use wire::mesos::v1::container_info::docker_info::{Network, PortMapping};
use wire::mesos::v1::container_info::{DockerInfo, Type};
use wire::mesos::v1::{
    Address, AgentId, AgentInfo, CommandInfo, ContainerInfo, FrameworkId, FrameworkInfo, Resource,
    TaskId, TaskInfo, framework_info, resource, value,
};

use crate::Settings;

pub(crate) fn scalar_resource(name: &str, amount: f64) -> Resource {
    Resource {
        name: name.to_owned(),
        r#type: value::Type::Scalar as i32,
        scalar: Some(value::Scalar { value: amount }),
        allocation_info: Some(resource::AllocationInfo { role: Some("*".to_owned()) }),
        ..Resource::default()
    }
}

pub(crate) fn ports(port: u64) -> Resource {
    Resource {
        name: "ports".to_owned(),
        r#type: value::Type::Ranges as i32,
        ranges: Some(value::Ranges { range: vec![value::Range { begin: port, end: port }] }),
        ..Resource::default()
    }
}

/// The guide's nginx, as Marathon sends it.
pub(crate) fn nginx_task(id: &str, host_port: u32) -> TaskInfo {
    let docker = DockerInfo {
        image: "docker.io/nginx".to_owned(),
        network: Some(Network::Bridge as i32),
        port_mappings: vec![PortMapping {
            host_port,
            container_port: 80,
            protocol: Some("tcp".to_owned()),
        }],
        ..DockerInfo::default()
    };
    TaskInfo {
        name: "nginx".to_owned(),
        task_id: TaskId { value: id.to_owned() },
        agent_id: AgentId { value: "S5".to_owned() },
        resources: vec![
            scalar_resource("cpus", 0.2),
            scalar_resource("mem", 32.0),
            ports(host_port.into()),
        ],
        command: Some(CommandInfo { shell: Some(false), ..CommandInfo::default() }),
        container: Some(ContainerInfo {
            r#type: Type::Docker as i32,
            docker: Some(docker),
            ..ContainerInfo::default()
        }),
        ..TaskInfo::default()
    }
}

/// The guide's shell task, as Marathon sends it.
pub(crate) fn shell_task(id: &str) -> TaskInfo {
    let command = "while [ true ] ; do echo 'Hello hello' >> /mnt/test ; sleep 5 ; done";
    TaskInfo {
        name: "basic-0".to_owned(),
        task_id: TaskId { value: id.to_owned() },
        agent_id: AgentId { value: "S5".to_owned() },
        resources: vec![scalar_resource("cpus", 0.1), scalar_resource("mem", 10.0), ports(31_000)],
        command: Some(CommandInfo {
            shell: Some(true),
            value: Some(command.to_owned()),
            ..CommandInfo::default()
        }),
        ..TaskInfo::default()
    }
}

/// Marathon, which wants to hear of tasks being killed.
pub(crate) fn marathon() -> FrameworkInfo {
    let capability = framework_info::Capability {
        r#type: Some(framework_info::capability::Type::TaskKillingState as i32),
    };
    FrameworkInfo {
        user: "root".to_owned(),
        name: "marathon".to_owned(),
        id: Some(FrameworkId { value: "F".to_owned() }),
        capabilities: vec![capability],
        ..FrameworkInfo::default()
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        description: AgentDescription {
            info: AgentInfo { hostname: "node1".to_owned(), ..AgentInfo::default() },
            address: Address { port: 5051, ..Address::default() },
            version: "1.11.0".to_owned(),
            ..AgentDescription::default()
        },
        ip: "127.0.0.11".to_owned(),
        work_dir: "/var/lib/mesos".to_owned(),
        cluster: "test".to_owned(),
        directory_id: "dir-1".to_owned(),
        nonce: Bytes::from_static(b"nonce"),
        runs_docker: true,
        runs_processes: true,
        switches_user: true,
        max_processes: Some(Settings::MAX_PROCESSES),
        bounds_cpu: false,
        executor_environment: Vec::new(),
        sandbox_mount: Settings::SANDBOX_MOUNT.to_owned(),
        kill_grace: Settings::KILL_GRACE,
        docker_stop_timeout: Duration::ZERO,
        container_dns: Vec::new(),
        remove_delay: Duration::from_secs(60),
        max_completed_tasks: 2,
    }
}
