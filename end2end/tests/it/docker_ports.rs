//! Every combination of ports of a Docker task: published by the engine on the agent's address, named in the task's environment,
//! told by Marathon and in the service discovery of the master.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    containers::{CLUSTER_LABEL, Container, docker, remove_labelled},
    curl::{get, send},
};
use serde_json::{Map, Value, json};

use super::docker_tasks::{IMAGE, running, sleeper};

/// Numbers that a task may choose for itself begin here.
const FIRST_OWN: u64 = 1_025;

/// What an app asks of its ports, and what is to be seen of each.
struct PortCase {
    id: &'static str,
    asks: Value,
    shows: Vec<Shown>,
}

impl PortCase {
    /// When it is started: those with numbers of their own first, lest another case is given one of these.
    fn round(&self) -> usize {
        let has_fixed = self.shows.iter().any(|shown| matches!(shown.host, Fixed(_)));
        let has_any = self.shows.iter().any(|shown| shown.host == Any);
        match (has_fixed, has_any) {
            (true, false) => 0,
            (true, true) => 1,
            (false, _) => 2,
        }
    }
}

/// What is to be seen of one declared port.
struct Shown {
    host: Host,
    transports: &'static [&'static str],
    name: Option<&'static str>,
    label: Option<(&'static str, &'static str)>,
}

/// A port's number on the agent.
#[derive(Clone, Copy, PartialEq)]
enum Host {
    /// It has none.
    Absent,
    /// Any of the offer.
    Any,
    /// This one.
    Fixed(u64),
}
use Host::{Absent, Any, Fixed};

fn shown(host: Host, transports: &'static [&'static str]) -> Shown {
    Shown { host, transports, name: None, label: None }
}

fn tcp(host: Host) -> Shown {
    shown(host, &["tcp"])
}

fn udp(host: Host) -> Shown {
    shown(host, &["udp"])
}

fn both(host: Host) -> Shown {
    shown(host, &["udp", "tcp"])
}

impl Shown {
    fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    fn labelled(self, key: &'static str, value: &'static str) -> Self {
        Self { label: Some((key, value)), ..self }
    }
}

/// A mapping as it is posted; without a host port for `None`.
fn mapping(container: u16, host: Option<u16>, protocol: &str) -> Value {
    let mut mapping = json!({"containerPort": container, "protocol": protocol});
    if let Some(host) = host {
        mapping["hostPort"] = json!(host);
    }
    mapping
}

/// An app on `network` with these mappings; without the member for `None`.
fn mapped(network: Value, mappings: Option<&[Value]>) -> Value {
    let mut container = json!({"docker": {"image": IMAGE}});
    if let Some(mappings) = mappings {
        container["portMappings"] = json!(mappings);
    }
    json!({"networks": [network], "container": container})
}

fn bridge_cases() -> Vec<PortCase> {
    let bridge = |mappings: Option<&[Value]>| mapped(json!({"mode": "container/bridge"}), mappings);
    let one = |row: Value| bridge(Some(&[row]));
    let case = |id, asks, shows| PortCase { id, asks, shows };
    let full = json!({"containerPort": 54, "hostPort": 31054, "protocol": "udp,tcp", "name": "dns",
        "labels": {"a": "b"}, "servicePort": 10054});
    let old = json!({"container": {"docker": {"image": IMAGE, "network": "BRIDGE",
        "portMappings": [mapping(83, Some(31_056), "tcp")]}}});
    let two = |other: Option<u16>| {
        bridge(Some(&[mapping(53, Some(31_070), "tcp"), mapping(53, other, "udp")]))
    };
    vec![
        case("bridge-absent", one(json!({"containerPort": 80})), vec![tcp(Any)]),
        case("bridge-zero", one(mapping(81, Some(0), "tcp")), vec![tcp(Any)]),
        case("bridge-fixed-udp", one(mapping(53, Some(31_053), "udp")), vec![udp(Fixed(31_053))]),
        case("bridge-full", one(full), vec![both(Fixed(31_054)).named("dns").labelled("a", "b")]),
        case("bridge-both-any", one(mapping(54, None, "udp,tcp")), vec![both(Any)]),
        case("bridge-same", one(mapping(0, Some(31_055), "tcp")), vec![tcp(Fixed(31_055))]),
        case("bridge-same-any", one(mapping(0, Some(0), "udp")), vec![udp(Any)]),
        case("bridge-old", old, vec![tcp(Fixed(31_056))]),
        case("bridge-two-transports", two(None), vec![tcp(Fixed(31_070)), udp(Any)]),
        case("bridge-default", bridge(None), vec![tcp(Any).named("default")]),
        case("bridge-none", bridge(Some(&[])), vec![]),
    ]
}

fn named_cases(network: &str) -> Vec<PortCase> {
    let named = |mappings: Option<&[Value]>| {
        mapped(json!({"mode": "container", "name": network}), mappings)
    };
    let one = |row: Value| named(Some(&[row]));
    let case = |id, asks, shows| PortCase { id, asks, shows };
    let labelled = json!({"containerPort": 80, "name": "http-api", "labels": {"z": "1"}});
    let old = json!({"ipAddress": {"networkName": network}, "container": {"docker": {"image": IMAGE,
        "network": "USER", "portMappings": [mapping(80, Some(31_058), "tcp")]}}});
    let two = named(Some(&[mapping(53, Some(31_071), "udp"), mapping(53, None, "tcp")]));
    vec![
        case("named-absent", one(labelled), vec![tcp(Absent).named("http-api").labelled("z", "1")]),
        case("named-absent-udp", one(mapping(80, None, "udp")), vec![udp(Absent)]),
        case("named-absent-both", one(mapping(80, None, "udp,tcp")), vec![both(Absent)]),
        case("named-zero", one(mapping(80, Some(0), "tcp")), vec![tcp(Any)]),
        case("named-zero-udp", one(mapping(80, Some(0), "udp")), vec![udp(Any)]),
        case("named-zero-both", one(mapping(80, Some(0), "udp,tcp")), vec![both(Any)]),
        case("named-fixed", one(mapping(80, Some(31_057), "tcp")), vec![tcp(Fixed(31_057))]),
        case("named-fixed-udp", one(mapping(80, Some(31_061), "udp")), vec![udp(Fixed(31_061))]),
        case(
            "named-fixed-both",
            one(mapping(80, Some(31_062), "udp,tcp")),
            vec![both(Fixed(31_062))],
        ),
        case("named-own-absent", one(mapping(0, None, "tcp")), vec![tcp(Absent)]),
        case("named-own-zero", one(mapping(0, Some(0), "tcp")), vec![tcp(Any)]),
        case("named-own-fixed", one(mapping(0, Some(31_063), "udp")), vec![udp(Fixed(31_063))]),
        case("named-two-transports", two, vec![udp(Fixed(31_071)), tcp(Absent)]),
        case("named-old", old, vec![tcp(Fixed(31_058))]),
        case("named-default", named(None), vec![tcp(Absent).named("default")]),
        case("named-none", named(Some(&[])), vec![]),
    ]
}

fn host_cases() -> Vec<PortCase> {
    let host =
        |ports: Value, required: bool| json!({"portDefinitions": ports, "requirePorts": required});
    let case = |id, asks, shows| PortCase { id, asks, shows };
    let full = json!([{"port": 31_059, "name": "x", "protocol": "udp,tcp", "labels": {"a": "b"}}]);
    let several = json!([{"port": 0}, {"port": 31_064, "protocol": "udp"}]);
    vec![
        case("host-any", host(json!([{"port": 0}]), false), vec![tcp(Any)]),
        case(
            "host-required",
            host(full, true),
            vec![both(Fixed(31_059)).named("x").labelled("a", "b")],
        ),
        case(
            "host-old",
            json!({"ports": [31_060], "requirePorts": true}),
            vec![tcp(Fixed(31_060))],
        ),
        // The number is the service port alone.
        case("host-not-required", host(several, false), vec![tcp(Any), udp(Any)]),
        case("host-default", json!({}), vec![tcp(Any).named("default")]),
        case("host-none", host(json!([]), false), vec![]),
    ]
}

/// What is to be read of a case that runs, port by port.
struct Expected<'a> {
    case: &'a PortCase,
    task: Value,
    definition: Value,
    container: Container,
}

impl Expected<'_> {
    /// Marathon's list of host ports, one for each port that has one on the agent.
    fn host_ports(&self) -> Result<Vec<Option<u64>>> {
        let told = self.task["ports"].as_array().context("the task has no ports")?;
        let mut told = told.iter();
        let mut all = Vec::new();
        for shown in &self.case.shows {
            let number = match shown.host {
                Absent => None,
                Any | Fixed(_) => {
                    Some(told.next().and_then(Value::as_u64).context("too few ports")?)
                }
            };
            ensure!(!matches!(shown.host, Fixed(port) if number != Some(port)), "{:?}", self.task);
            ensure!(number.is_none_or(|port| (31_000..=32_000).contains(&port)), "{number:?}");
            all.push(number);
        }
        ensure!(told.next().is_none(), "too many ports: {}", self.task);
        Ok(all)
    }

    /// The number that a port has in the definition; 0 where it declares none.
    fn declared(&self, index: usize) -> u64 {
        let mapped = &self.definition["container"]["portMappings"][index]["containerPort"];
        let defined = &self.definition["portDefinitions"][index]["port"];
        mapped.as_u64().or_else(|| defined.as_u64()).unwrap_or(0)
    }

    fn service_port(&self, index: usize) -> Option<u64> {
        let mapped = &self.definition["container"]["portMappings"][index]["servicePort"];
        let defined = &self.definition["portDefinitions"][index]["port"];
        mapped.as_u64().or_else(|| defined.as_u64())
    }

    /// Where each port is reached: on the agent, else in the container by its declared number or one of the task's own.
    fn effective(&self, host_ports: &[Option<u64>]) -> Result<Vec<u64>> {
        let environment = self.container.environment();
        let mut all = Vec::new();
        for (index, host_port) in host_ports.iter().enumerate() {
            let port = match (host_port, self.declared(index)) {
                (Some(port), _) => *port,
                (None, 0) => {
                    let own = environment.get(format!("PORT{index}").as_str());
                    let own: u64 = own.context("no number of its own")?.parse()?;
                    ensure!((FIRST_OWN..65_536).contains(&own), "{own} as a port of its own");
                    own
                }
                (None, declared) => declared,
            };
            all.push(port);
        }
        Ok(all)
    }

    fn is_in_own_network(&self) -> bool {
        self.definition["networks"][0]["mode"] != "host"
    }

    /// What the engine publishes: each port with a number on the agent, by number and transport in the container.
    fn bindings(&self, host_ports: &[Option<u64>]) -> Map<String, Value> {
        let mut all = Map::new();
        for (index, (shown, host_port)) in self.case.shows.iter().zip(host_ports).enumerate() {
            let Some(host_port) = host_port.filter(|_| self.is_in_own_network()) else { continue };
            let declared = self.declared(index);
            let inside = if declared == 0 { host_port } else { declared };
            for transport in shown.transports {
                let bound =
                    json!([{"HostIp": self.task["host"], "HostPort": host_port.to_string()}]);
                all.insert(format!("{inside}/{transport}"), bound);
            }
        }
        all
    }

    /// The variables of the ports.
    fn variables(&self, effective: &[u64]) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (index, (shown, port)) in self.case.shows.iter().zip(effective).enumerate() {
            let declared = self.declared(index);
            let number = if declared == 0 { *port } else { declared };
            all.insert(format!("PORT{index}"), port.to_string());
            all.insert(format!("PORT_{number}"), port.to_string());
            if let Some(name) = shown.name {
                all.insert(format!("PORT_{}", name.to_uppercase()), port.to_string());
            }
        }
        if let Some(first) = effective.first() {
            let texts: Vec<String> = effective.iter().map(ToString::to_string).collect();
            all.insert("PORT".to_owned(), first.to_string());
            all.insert("PORTS".to_owned(), texts.join(","));
        }
        all
    }

    /// The ports as service discovery has them.
    fn discovered(&self, host_ports: &[Option<u64>], effective: &[u64]) -> Vec<Value> {
        let network = self.definition["networks"][0]["name"].as_str().unwrap_or_default();
        let mut all = Vec::new();
        for ((shown, host_port), number) in self.case.shows.iter().zip(host_ports).zip(effective) {
            let mut labels: BTreeMap<&str, &str> = shown.label.into_iter().collect();
            match host_port {
                Some(_) => labels.insert("network-scope", "host"),
                None => {
                    labels.insert("network-name", network);
                    labels.insert("network-scope", "container")
                }
            };
            let labels: Vec<Value> = labels
                .into_iter()
                .map(|(key, value)| json!({"key": key, "value": value}))
                .collect();
            for transport in shown.transports {
                let mut port =
                    json!({"number": number, "protocol": transport, "labels": {"labels": labels}});
                if let Some(name) = shown.name {
                    port["name"] = json!(name);
                }
                all.push(port);
            }
        }
        all
    }
}

async fn shows_its_ports(cluster: &Cluster, case: &PortCase) -> Result<()> {
    let (task, container) = running(cluster, case.id).await?;
    let definition = cluster.app(case.id).await?;
    let expected = Expected { case, task, definition, container };
    let host_ports = expected.host_ports()?;

    let bindings = expected.container.at("/HostConfig/PortBindings").as_object().cloned();
    let (bindings, wanted) = (bindings.unwrap_or_default(), expected.bindings(&host_ports));
    ensure!(bindings == wanted, "published: {bindings:?}, not {wanted:?}");

    let effective = expected.effective(&host_ports)?;
    let environment = expected.container.environment().into_iter();
    let of_ports = environment.filter(|(name, _)| name.starts_with("PORT"));
    let found: BTreeMap<String, String> =
        of_ports.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let wanted = expected.variables(&effective);
    ensure!(found == wanted, "environment: {found:?}, not {wanted:?}");

    let tasks = get(&cluster.master("/tasks")).await?.expect(200)?;
    let tasks = tasks["tasks"].as_array().context("no tasks")?;
    let of_master = tasks.iter().find(|task| task["id"] == expected.task["id"]);
    let discovery = &of_master.context("the master does not know the task")?["discovery"];
    let found = discovery["ports"]["ports"].as_array().cloned().unwrap_or_default();
    let wanted = expected.discovered(&host_ports, &effective);
    ensure!(found == wanted, "discovery: {found:?}, not {wanted:?}");
    ensure!(discovery["name"] == case.id && discovery["visibility"] == "FRAMEWORK", "{discovery}");

    let is_required = expected.definition["requirePorts"] == true;
    for (index, host_port) in host_ports.iter().enumerate() {
        let service = expected.service_port(index);
        ensure!(service.is_some_and(|port| port >= 10_000), "service port {service:?}");
        ensure!(!is_required || service == *host_port, "{service:?}, not {host_port:?}");
    }
    Ok(())
}

/// Posts the apps of these cases; started together they take little longer than one.
async fn post_all(cluster: &Cluster, cases: &[&PortCase]) -> Result<()> {
    for case in cases {
        let mut app = sleeper(&format!("/{}", case.id), &case.asks);
        (app["cpus"], app["mem"]) = (json!(0.01), json!(16));
        let posted = send("POST", &cluster.marathon("/v2/apps"), &app).await?;
        posted.expect(201).context(case.id)?;
    }
    Ok(())
}

#[tokio::test]
async fn every_combination_of_ports_is_published_named_and_discovered() -> Result<()> {
    let mut cluster = Cluster::start(1).await?;
    let network = format!("ekiden-{}", std::process::id());
    docker(&["network", "create", &network]).await?;
    let mut cases = bridge_cases();
    cases.extend(named_cases(&network));
    cases.extend(host_cases());
    let outcome = async {
        for round in 0..3 {
            let together: Vec<&PortCase> =
                cases.iter().filter(|case| case.round() == round).collect();
            post_all(&cluster, &together).await?;
            for case in together {
                cluster.settled(case.id, 1).await?;
            }
        }
        for case in &cases {
            shows_its_ports(&cluster, case).await.context(case.id)?;
        }
        Ok::<(), anyhow::Error>(())
    };
    let outcome = outcome.await;
    // Marathon would start others in place of those that are removed.
    cluster.stop().await?;
    remove_labelled(CLUSTER_LABEL, &cluster.id()?);
    docker(&["network", "rm", &network]).await?;
    outcome
}
