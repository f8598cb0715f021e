//! Every option: what it becomes, and what is refused with which words.

use super::*;
use crate::docker_task::tests::{around, docker};
use crate::fixtures::nginx_task;

fn with(parameters: &[(&str, &str)]) -> Result<ContainerSpec, Refusal> {
    let mut task = nginx_task("nginx.1", 31_782);
    let parameter = |(key, value): &(&str, &str)| Parameter {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    };
    docker(&mut task).parameters = parameters.iter().map(parameter).collect();
    crate::docker_task::container_spec(&task, around())
}

fn refused(key: &str, value: &str) -> String {
    with(&[(key, value)]).expect_err(key).to_string()
}

#[test]
fn what_is_carried_out_is_known_and_nothing_is_refused_too() {
    for key in CARRIED_OUT {
        // The value may be none; the option is known.
        let refusal = with(&[(key, "")]).err().map(|refusal| refusal.to_string());
        let is_unknown = refusal.as_ref().is_some_and(|text| text.contains("unknown flag"));
        assert!(!is_unknown, "--{key} is listed and not carried out");
        assert!(!REFUSED.iter().any(|(name, _)| name == key), "--{key} is refused as well");
    }
    let mut sorted = CARRIED_OUT.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), CARRIED_OUT.len(), "each once");
}

#[test]
fn an_option_becomes_what_the_engine_takes() {
    let spec = with(&[
        ("user", "nobody:nogroup"),
        ("env", "A=1=2"),
        ("volume", "/srv:/data:ro"),
        ("volume", "cache:/cache"),
        ("volume", "/scratch"),
        ("ulimit", "nofile=1024:2048"),
        ("ulimit", "core=-1"),
        ("device", "/dev/fuse"),
        ("device", "/dev/a:/dev/b:r"),
        ("shm-size", "64m"),
        ("memory-swap", "-1"),
        ("memory", "1.5g"),
        ("cpus", "1.5"),
        ("sysctl", "net.core.somaxconn=512"),
        ("tmpfs", "/run:size=1m"),
        ("init", "true"),
        ("entrypoint", "/bin/x"),
        ("expose", "53/udp"),
        ("hostname", "web"),
    ])
    .unwrap();
    let options = &spec.options;
    assert_eq!(options.user.as_deref(), Some("nobody:nogroup"));
    assert_eq!(spec.environment.last().unwrap(), &("A".to_owned(), "1=2".to_owned()));
    assert_eq!(options.binds, ["/srv:/data:ro", "cache:/cache"]);
    assert_eq!(options.anonymous_volumes, ["/scratch"]);
    let limits: Vec<_> = options.ulimits.iter().map(|limit| (limit.soft, limit.hard)).collect();
    assert_eq!(limits, [(1_024, 2_048), (-1, -1)]);
    assert_eq!(options.devices[0].container_path, "/dev/fuse");
    assert_eq!(options.devices[1].permissions, "r");
    assert_eq!(options.shm_bytes, Some(64 << 20));
    assert_eq!(options.memory_swap_bytes, Some(-1));
    assert_eq!(spec.memory_bytes, 3 << 29);
    assert_eq!(options.nano_cpus, Some(1_500_000_000));
    assert_eq!(options.sysctls["net.core.somaxconn"], "512");
    assert_eq!(options.tmpfs["/run"], "size=1m");
    assert_eq!(options.has_init, Some(true));
    assert_eq!(spec.entrypoint, Some(vec!["/bin/x".to_owned()]));
    assert_eq!(options.exposed_ports, ["53/udp"]);
    assert_eq!(spec.hostname.as_deref(), Some("web"));
}

#[test]
fn the_first_network_given_counts_and_ports_need_one_of_their_own() {
    let spec = with(&[("network", "blue"), ("net", "green"), ("net-alias", "web")]).unwrap();
    assert_eq!(spec.network, Network::Named("blue".to_owned()));
    assert_eq!(spec.options.network_aliases, ["web"]);
    assert_eq!(spec.ports.len(), 1);
    let text = "Port mappings are only supported for bridge and user-defined networks";
    assert!(refused("net", "host").ends_with(text));
    assert!(refused("net", "none").ends_with(text));
}

#[test]
fn what_is_wrong_is_told_with_option_and_value() {
    for (key, value, reason) in [
        ("volumes", "/a", "unknown flag: --volumes"),
        ("v", "/a", "unknown flag: --v"),
        ("env", "A", "invalid argument \"A\" for \"--env\" flag: it is not NAME=VALUE"),
        ("init", "", "invalid argument \"\" for \"--init\" flag: it is neither true nor false"),
        ("volume", "relative", "its path is not absolute"),
        ("volume", "./a:/b", "its source is neither an absolute path nor the name of a volume"),
        ("ulimit", "files=1", "there is no such limit"),
        ("ulimit", "nofile", "it is not NAME=SOFT[:HARD]"),
        ("ulimit", "nofile=3:2", "its soft limit exceeds the hard one"),
        ("shm-size", "many", "it is no size such as 512m"),
        ("cpu-shares", "1.5", "it is no whole number"),
        ("cpus", "-1", "it is no number of cpus"),
        ("device", "sda", "its path is not absolute"),
        ("sysctl", "a", "it is not NAME=VALUE"),
        ("add-host", "db", "it is not NAME:ADDRESS"),
        ("expose", "0", "it is not PORT[/PROTOCOL]"),
        ("tmpfs", "run", "its path is not absolute"),
        ("log-driver", "none", "the sandbox's files are filled from the engine's log"),
        ("log-opt", "max-size=1m", "the sandbox's files are filled from the engine's log"),
        ("security-opt", "seccomp=/etc/x.json", "only `unconfined` is supported"),
        ("network", "", "no name"),
    ] {
        let text = refused(key, value);
        assert!(text.starts_with("Failed to create docker run options: "), "{text}");
        assert!(text.contains(reason), "{key}={value}: {text}");
    }
}

#[test]
fn what_would_work_against_the_agent_is_refused_with_the_reason() {
    for (key, reason) in REFUSED {
        let text = refused(key, "1");
        assert_eq!(text, format!("parameter `{key}` of a Docker task is refused: {reason}"));
    }
}
