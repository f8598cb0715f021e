use model::{Resources, Timestamp};
use wire::mesos::v1::{self as pb, health_check};

use super::*;
use crate::Connection;
use crate::fixture::{framework_info, resources, task as some_task};

fn check(info: &TaskInfo) -> Result<Resources, String> {
    let connection = Connection::Recovered(model::Instant::ZERO);
    let info_ = framework_info("F");
    let framework = Framework::new("m-0000".into(), info_, connection, Timestamp::from_millis(0));
    let available = resources("cpus:2;mem:100;ports:[31000-31009]");
    task(info, &framework, &"m-S0".into(), &available).map_err(|problem| problem.to_string())
}

fn refused(change: impl FnOnce(&mut TaskInfo)) -> String {
    let mut info = some_task("t", "cpus:1");
    change(&mut info);
    check(&info).unwrap_err()
}

#[test]
fn what_fits_is_accepted() {
    let wanted = "cpus:1;ports:[31001-31001]";
    assert_eq!(check(&some_task("t", wanted)).unwrap(), resources(wanted));
}

#[test]
fn ids_and_agents_are_checked() {
    assert!(refused(|t| t.task_id.value = "a/b".into()).starts_with("Invalid TaskID"));
    assert_eq!(
        refused(|t| t.agent_id.value = "m-S1".into()),
        "Task uses invalid agent m-S1 while agent m-S0 is expected"
    );
}

#[test]
fn exactly_one_thing_is_to_be_run() {
    assert!(refused(|t| t.command = None).starts_with("Task should have at least one"));
    let executor = Box::new(pb::ExecutorInfo::default());
    assert!(refused(|t| t.executor = Some(executor.clone())).contains("(but not both)"));
    let custom = refused(|t| (t.executor, t.command) = (Some(executor), None));
    assert_eq!(custom, "Custom executors are not supported");
}

#[test]
fn a_task_uses_something_and_not_too_much() {
    assert_eq!(refused(|t| t.resources.clear()), "Task uses no resources");
    assert_eq!(
        check(&some_task("t", "cpus:2.001")).unwrap_err(),
        "Task uses more resources cpus:2.001 than available cpus:2; mem:100; ports:[31000-31009]"
    );
    assert!(check(&some_task("t", "cpus:1;ports:[1-1]")).is_err());
}

#[test]
fn times_are_not_negative() {
    let minus = pb::DurationInfo { nanoseconds: -1 };
    assert!(
        refused(|t| t.kill_policy = Some(pb::KillPolicy { grace_period: Some(minus) }))
            .contains("kill_policy")
    );
    assert!(refused(|t| t.max_completion_time = Some(minus)).contains("max_completion_time"));
}

#[test]
fn health_checks_say_what_they_check() {
    let of = |r#type: health_check::Type| pb::HealthCheck {
        r#type: Some(r#type.into()),
        ..pb::HealthCheck::default()
    };
    for kind in [health_check::Type::Unknown, health_check::Type::Http, health_check::Type::Tcp] {
        let problem = refused(|t| t.health_check = Some(of(kind).into()));
        assert!(problem.starts_with("Task uses invalid health check"), "{problem}");
    }
    let tcp = Some(health_check::TcpCheckInfo { port: 0, ..Default::default() });
    let bad_port = pb::HealthCheck { tcp, ..of(health_check::Type::Tcp) };
    assert!(refused(|t| t.health_check = Some(bad_port.into())).contains("invalid port"));
}

#[test]
fn containers_and_volumes_are_complete() {
    let docker = pb::ContainerInfo {
        r#type: pb::container_info::Type::Docker.into(),
        ..pb::ContainerInfo::default()
    };
    assert!(refused(|t| t.container = Some(docker.clone())).contains("'docker' is not set"));
    let volume = pb::Volume { container_path: "/x".into(), ..pb::Volume::default() };
    let with_volume = pb::ContainerInfo { volumes: vec![volume], ..docker };
    assert!(refused(|t| t.container = Some(with_volume)).contains("'host_path'"));
}

#[test]
fn environment_variables_have_values() {
    let variable = pb::environment::Variable { name: "A".into(), ..Default::default() };
    let environment = pb::Environment { variables: vec![variable] };
    let problem = refused(|t| {
        t.command.as_mut().unwrap().environment = Some(environment);
    });
    assert!(problem.contains("Environment variable 'A' of type 'VALUE' must have a value set"));
}

#[test]
fn each_kind_of_health_check_is_complete() {
    let with = |change: &dyn Fn(&mut pb::HealthCheck)| {
        let mut health = pb::HealthCheck::default();
        change(&mut health);
        let mut info = some_task("t", "cpus:1");
        info.health_check = Some(health.into());
        check(&info).is_ok()
    };
    let command = |value: Option<&str>| pb::CommandInfo {
        value: value.map(str::to_owned),
        ..pb::CommandInfo::default()
    };
    let http = |port, path: &str| health_check::HttpCheckInfo {
        port,
        path: Some(path.to_owned()),
        ..health_check::HttpCheckInfo::default()
    };
    let (command_type, http_type) = (health_check::Type::Command, health_check::Type::Http);
    assert!(with(&|c| {
        c.r#type = Some(command_type.into());
        c.command = Some(command(Some("true")));
    }));
    assert!(!with(&|c| {
        c.r#type = Some(command_type.into());
        c.command = Some(command(None));
    }));
    for (port, path, is_valid) in
        [(80, "/", true), (80, "x", false), (0, "/", false), (70_000, "/", false)]
    {
        let is_accepted = with(&|c| {
            c.r#type = Some(http_type.into());
            c.http = Some(http(port, path));
        });
        assert_eq!(is_accepted, is_valid, "{port} {path}");
    }
    for seconds in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(!with(&|c| {
            c.r#type = Some(http_type.into());
            c.http = Some(http(80, "/"));
            c.interval_seconds = Some(seconds);
        }));
    }
}

#[test]
fn a_container_may_not_name_itself() {
    let with = |key: &str| {
        let parameters = vec![pb::Parameter { key: key.into(), value: "x".into() }];
        let docker = pb::container_info::DockerInfo {
            image: "nginx".into(),
            parameters,
            ..Default::default()
        };
        let mut info = some_task("t", "cpus:1");
        info.container = Some(pb::ContainerInfo {
            r#type: pb::container_info::Type::Docker.into(),
            docker: Some(docker),
            ..pb::ContainerInfo::default()
        });
        check(&info)
    };
    assert!(with("hostname").is_ok());
    assert!(with("name").unwrap_err().contains("must not be 'name'"));
}

#[test]
fn a_secret_has_a_secret() {
    let secret = pb::environment::variable::Type::Secret.into();
    let variable =
        pb::environment::Variable { name: "A".into(), r#type: Some(secret), ..Default::default() };
    let environment = pb::Environment { variables: vec![variable] };
    let problem = refused(|t| t.command.as_mut().unwrap().environment = Some(environment));
    assert!(problem.contains("'A' of type 'SECRET' must have a secret set"));
}

#[test]
fn limits_are_of_processors_and_memory_and_not_below_the_request() {
    let limited = |name: &str, value: f64| {
        let mut info = some_task("t", "cpus:1;mem:32");
        info.limits = [(name.to_owned(), pb::value::Scalar { value })].into();
        check(&info).err()
    };
    for (name, value) in [("cpus", 1.0), ("mem", 64.0), ("mem", f64::INFINITY)] {
        assert_eq!(limited(name, value), None, "{name} {value}");
    }
    assert!(limited("disk", 5.0).unwrap().contains("limit of 'disk'"));
    assert_eq!(
        limited("cpus", 0.5).unwrap(),
        "Task's limit of 0.5 of 'cpus' is not at least its request of 1"
    );
    assert!(limited("mem", f64::NAN).unwrap().contains("limit of NaN"));
}
