//! Containers started, scaled down, updated and destroyed, beside Docker Swarm on the same engine in the same run.
//!
//! The engine is one of our own, with a swarm of this one node. The sides take turns, and the engine's own API is a third one, below which
//! nobody gets; each gets the same image, command, memory, folder and published port, and an engine without containers to begin with.
//! A start is over when the side itself says that all run (our `status_update_event`s, the swarm's count of running tasks); an end is over
//! when the engine has seen the last container end and the side itself says so too (our deployment has succeeded, the swarm's list has no
//! other task that runs).

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use end2end::cluster::Cluster;
use end2end::own_engine::OwnEngine;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{self, Events};
use crate::engine::{Ends, Engine};
use crate::journeys::authority;
use crate::{Row, median};

/// Containers, and how often they are started and ended.
const COUNTS: [(usize, usize); 4] = [(1, 7), (10, 5), (50, 3), (100, 3)];
const UPDATED: usize = 20;
const UPDATES: usize = 3;
const IMAGE: &str = "busybox";
/// Ends at once when it is asked to, once it has said that it is up.
const COMMAND: &str = "trap 'exit 0' TERM; echo up; sleep 100000 & wait";
const MEMORY_MIB: usize = 32;
/// What an update adds to the environment of a service.
const CHANGED: &str = "VERSION=2";
/// So many at a time the engine's own API is asked to start, as our agents ask it.
const STARTS_AT_ONCE: usize = 16;
const POLL: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(600);

/// Milliseconds of each step, round by round.
#[derive(Default)]
struct Samples {
    start: Vec<f64>,
    scale: Vec<f64>,
    destroy: Vec<f64>,
    /// Until the engine had seen the last end of these.
    scale_seen: Vec<f64>,
    destroy_seen: Vec<f64>,
}

/// Who runs the containers.
enum Side<'a> {
    Ours(&'a Cluster),
    Swarm(&'a Engine),
    Plain(&'a Engine),
}

/// All rows of the comparison.
///
/// With `most`, of at most so many containers and in one round, to see that it works.
pub(crate) async fn comparison(most: Option<usize>) -> Result<Vec<Row>> {
    let own = OwnEngine::start(&[], "docker.io/busybox").await?;
    own.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]).await?;
    let outcome = compare(&own, most).await;
    own.docker(&["swarm", "leave", "--force"]).await?;
    outcome
}

async fn compare(own: &OwnEngine, most: Option<usize>) -> Result<Vec<Row>> {
    let engine = Engine::new(&own.socket());
    let mut cluster = Cluster::prepare(1, &["--containerizers=docker"])?;
    cluster.set("MESOS_DOCKER_SOCKET", &own.socket().display().to_string());
    cluster.run().await?;
    let sides = [Side::Ours(&cluster), Side::Swarm(&engine), Side::Plain(&engine)];
    let mut rows = Vec::new();
    for (count, rounds) in COUNTS {
        if most.is_some_and(|most| count > most) {
            continue;
        }
        let rounds = most.map_or(rounds, |_| 1);
        let mut all = [Samples::default(), Samples::default(), Samples::default()];
        for _ in 0..rounds {
            for (side, samples) in sides.iter().zip(&mut all) {
                side.round(&engine, count, samples).await.with_context(|| side.name())?;
            }
        }
        let [ours, swarm, plain] = all;
        let goal = |times| format!("goal {times} x");
        let what = format!("{count} containers started");
        let more = format!("{}{}", goal("1.0"), floor(&ours.start, plain.start));
        rows.push(row(what, ours.start, swarm.start, &more)?);
        if count > 1 {
            let what = format!("{count} containers scaled down to {}", half(count));
            let seen = seen(ours.scale_seen, swarm.scale_seen);
            let more = format!("{}{}{seen}", goal("0.4"), floor(&ours.scale, plain.scale));
            rows.push(row(what, ours.scale, swarm.scale, &more)?);
        }
        let what = format!("{} containers destroyed", half(count));
        let seen = seen(ours.destroy_seen, swarm.destroy_seen);
        let more = format!("{}{}{seen}", goal("0.4"), floor(&ours.destroy, plain.destroy));
        rows.push(row(what, ours.destroy, swarm.destroy, &more)?);
    }
    let [ours, swarm, _] = &sides;
    rows.extend(updates(ours, swarm, &engine, most.map_or(UPDATES, |_| 1)).await?);
    Ok(rows)
}

/// Updates of all containers: ours as they are by default, the swarm's by default and as fast as it can.
async fn updates(
    ours: &Side<'_>,
    swarm: &Side<'_>,
    engine: &Engine,
    rounds: usize,
) -> Result<Vec<Row>> {
    let one_by_one = json!({"Parallelism": 1, "Order": "stop-first"});
    let at_once = json!({"Parallelism": 0, "Order": "start-first"});
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        samples[0].push(ours.update(engine, &Value::Null).await.with_context(|| ours.name())?);
        samples[1].push(swarm.update(engine, &one_by_one).await.with_context(|| swarm.name())?);
        samples[2].push(swarm.update(engine, &at_once).await.with_context(|| swarm.name())?);
    }
    let [ours, by_default, at_once] = samples;
    let what = format!("{UPDATED} containers updated, the new ones first");
    let fast = format!("goal 0.3 x; all at once, the new ones first: {}", median(at_once));
    Ok(vec![row(what, ours, by_default, &fast)?])
}

/// A row, which is told at once: the whole takes long.
fn row(what: String, ours: Vec<f64>, swarm: Vec<f64>, more: &str) -> Result<Row> {
    let ratio = middle(&ours) / middle(&swarm);
    let ours = format!("{}, {ratio:.2} x", median(ours));
    let floor = format!("Docker Swarm: {}; {more}", median(swarm));
    writeln!(std::io::stderr(), "{what}: {ours}; {floor}")?;
    Ok(Row { what, ours, floor })
}

/// When the engine had seen the last end, and not when each side said so.
fn seen(ours: Vec<f64>, swarm: Vec<f64>) -> String {
    let ratio = middle(&ours) / middle(&swarm);
    format!("; the last end alone: {} against {}, {ratio:.2} x", median(ours), median(swarm))
}

/// What the engine's own API takes.
fn floor(ours: &[f64], plain: Vec<f64>) -> String {
    let ratio = middle(ours) / middle(&plain);
    format!("; the engine's own API: {}, {ratio:.2} x", median(plain))
}

fn middle(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// What is left of so many after they were scaled down.
fn half(count: usize) -> usize {
    count.div_ceil(2)
}

fn since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// Removes the containers that have ended: by default ours stay for hours, and the swarm's go at once.
async fn clear(engine: &Engine) -> Result<()> {
    engine.call("POST", "/containers/prune", &Value::Null).await.map(drop)
}

/// Waits until the engine holds so many containers, ended ones counted.
async fn holds(engine: &Engine, count: usize) -> Result<()> {
    let start = Instant::now();
    loop {
        let all = engine.call("GET", "/containers/json?all=1", &Value::Null).await?;
        let found = all.as_array().map_or(0, Vec::len);
        if found == count {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "the engine holds {found} containers, not {count}");
        tokio::time::sleep(POLL * 10).await;
    }
}

/// Waits until every running container has said that it is up: a shell that has just been started does not hear that it is to end.
async fn are_up(engine: &Engine) -> Result<()> {
    let all = engine.call("GET", "/containers/json", &Value::Null).await?;
    for container in all.as_array().into_iter().flatten() {
        let id = container["Id"].as_str().context("a container without an id")?;
        let (path, start) = (format!("/containers/{id}/logs?stdout=1"), Instant::now());
        while !engine.text("GET", &path, &Value::Null).await?.contains("up") {
            ensure!(start.elapsed() < PATIENCE, "a container does not come up");
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

/// Waits for the ends of so many containers.
async fn ended(ends: &mut Ends, count: usize) -> Result<()> {
    let ended = tokio::time::timeout(PATIENCE, ends.of(count)).await;
    ended.with_context(|| format!("{count} containers have not ended"))?
}

impl Side<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "ours",
            Self::Swarm(_) => "Docker Swarm",
            Self::Plain(_) => "the engine's own API",
        }
    }

    /// Starts `count` containers, ends half of them, then the others.
    async fn round(&self, engine: &Engine, count: usize, samples: &mut Samples) -> Result<()> {
        holds(engine, 0).await?;
        let mut running = Running::start(self, count, &Value::Null).await?;
        samples.start.push(running.took);
        are_up(engine).await?;
        let mut ends = engine.ends().await?;
        if count > 1 {
            let start = Instant::now();
            running.scale(half(count)).await?;
            ended(&mut ends, count - half(count)).await?;
            samples.scale_seen.push(since(start));
            running.is_done().await?;
            samples.scale.push(since(start));
            clear(engine).await?;
            holds(engine, half(count)).await?;
        }
        let start = Instant::now();
        running.destroy().await?;
        ended(&mut ends, half(count)).await?;
        samples.destroy_seen.push(since(start));
        running.is_done().await?;
        samples.destroy.push(since(start));
        clear(engine).await?;
        holds(engine, 0).await
    }

    /// Milliseconds until all of 20 containers have been replaced by those of another version.
    async fn update(&self, engine: &Engine, how: &Value) -> Result<f64> {
        holds(engine, 0).await?;
        let mut running = Running::start(self, UPDATED, how).await?;
        are_up(engine).await?;
        let mut ends = engine.ends().await?;
        let start = Instant::now();
        running.change().await?;
        ended(&mut ends, UPDATED).await?;
        running.is_done().await?;
        let took = since(start);
        are_up(engine).await?;
        running.destroy().await?;
        ended(&mut ends, UPDATED).await?;
        running.is_done().await?;
        clear(engine).await?;
        holds(engine, 0).await?;
        Ok(took)
    }
}

/// What has been started on one side.
enum Deployed<'a> {
    Ours {
        authority: String,
        events: Events,
    },
    Swarm {
        engine: &'a Engine,
        spec: Value,
    },
    /// Containers, and those that are being stopped.
    Plain {
        engine: &'a Engine,
        ids: Vec<String>,
        stops: JoinSet<Result<Value>>,
    },
}

struct Running<'a> {
    deployed: Deployed<'a>,
    /// How many are wanted.
    wanted: usize,
    /// Whether they are to have the other environment.
    is_changed: bool,
    /// Milliseconds of the start.
    took: f64,
}

impl<'a> Running<'a> {
    async fn start(side: &Side<'a>, count: usize, how: &Value) -> Result<Self> {
        let (deployed, took) = match side {
            Side::Ours(cluster) => start_ours(cluster, count).await?,
            Side::Swarm(engine) => start_swarm(engine, count, how).await?,
            Side::Plain(engine) => start_plain(engine, count).await?,
        };
        Ok(Self { deployed, wanted: count, is_changed: false, took })
    }

    async fn scale(&mut self, count: usize) -> Result<()> {
        self.wanted = count;
        match &mut self.deployed {
            Deployed::Ours { authority, .. } => put(authority, &json!({"instances": count})).await,
            Deployed::Swarm { engine, spec } => {
                spec["Mode"]["Replicated"]["Replicas"] = json!(count);
                update_service(engine, spec).await
            }
            Deployed::Plain { engine, ids, stops } => {
                stop(engine, ids.split_off(count), stops);
                Ok(())
            }
        }
    }

    /// Gives all of them another environment.
    async fn change(&mut self) -> Result<()> {
        self.is_changed = true;
        match &mut self.deployed {
            Deployed::Ours { authority, .. } => {
                put(authority, &json!({"env": {"VERSION": "2"}})).await
            }
            Deployed::Swarm { engine, spec } => {
                spec["TaskTemplate"]["ContainerSpec"]["Env"] = json!([CHANGED]);
                update_service(engine, spec).await
            }
            Deployed::Plain { .. } => bail!("the engine's own API has no updates"),
        }
    }

    async fn destroy(&mut self) -> Result<()> {
        self.wanted = 0;
        match &mut self.deployed {
            Deployed::Ours { authority, .. } => {
                client::request(authority, "DELETE", "/v2/apps/bench", "").await.map(drop)
            }
            Deployed::Swarm { engine, .. } => {
                engine.call("DELETE", "/services/bench", &Value::Null).await.map(drop)
            }
            Deployed::Plain { engine, ids, stops } => {
                stop(engine, std::mem::take(ids), stops);
                Ok(())
            }
        }
    }

    /// Waits until the side is content: ours ends its deployment, the swarm runs as many as are wanted.
    async fn is_done(&mut self) -> Result<()> {
        match &mut self.deployed {
            Deployed::Ours { events, .. } => events.deployed().await,
            Deployed::Swarm { engine, .. } if self.is_changed && self.wanted > 0 => {
                listed(engine, self.wanted, |task| {
                    task["Spec"]["ContainerSpec"]["Env"][0] == CHANGED
                })
                .await
            }
            Deployed::Swarm { engine, .. } => listed(engine, self.wanted, |_| true).await,
            Deployed::Plain { stops, .. } => {
                while let Some(stopped) = stops.join_next().await {
                    stopped??;
                }
                Ok(())
            }
        }
    }
}

async fn put(authority: &str, change: &Value) -> Result<()> {
    client::request(authority, "PUT", "/v2/apps/bench", &change.to_string()).await.map(drop)
}

async fn start_ours<'a>(cluster: &Cluster, count: usize) -> Result<(Deployed<'a>, f64)> {
    let authority = authority(cluster)?;
    let mut events = Events::subscribe(&authority).await?;
    let app = json!({
        "id": "bench", "cmd": COMMAND, "cpus": 0.001, "mem": MEMORY_MIB, "instances": count,
        "container": {"type": "DOCKER", "docker": {"image": IMAGE, "network": "BRIDGE",
            "portMappings": [{"containerPort": 80, "hostPort": 0}]}},
    });
    let start = Instant::now();
    client::request(&authority, "POST", "/v2/apps", &app.to_string()).await?;
    events.running(count).await?;
    let took = since(start);
    events.deployed().await?;
    Ok((Deployed::Ours { authority, events }, took))
}

async fn start_swarm<'a>(
    engine: &'a Engine,
    count: usize,
    how: &Value,
) -> Result<(Deployed<'a>, f64)> {
    let mut spec = json!({
        "Name": "bench",
        "TaskTemplate": {
            "ContainerSpec": {"Image": IMAGE, "Command": ["/bin/sh", "-c", COMMAND],
                "Mounts": [{"Type": "bind", "Source": "/tmp", "Target": "/mnt/mesos/sandbox"}]},
            "Resources": {"Limits": {"MemoryBytes": MEMORY_MIB << 20}},
        },
        "Mode": {"Replicated": {"Replicas": count}},
        "EndpointSpec": {"Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishMode": "host"}]},
    });
    if !how.is_null() {
        spec["UpdateConfig"] = how.clone();
    }
    let start = Instant::now();
    engine.call("POST", "/services/create", &spec).await?;
    runs(engine, count).await?;
    Ok((Deployed::Swarm { engine, spec }, since(start)))
}

async fn start_plain<'a>(engine: &'a Engine, count: usize) -> Result<(Deployed<'a>, f64)> {
    let start = Instant::now();
    let ids = stream::iter(0..count)
        .map(|_| async move {
            let body = json!({
                "Image": IMAGE, "Cmd": ["/bin/sh", "-c", COMMAND],
                "ExposedPorts": {"80/tcp": {}},
                "HostConfig": {
                    "Memory": MEMORY_MIB << 20, "Binds": ["/tmp:/mnt/mesos/sandbox"],
                    "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1"}]},
                },
            });
            let made = engine.call("POST", "/containers/create", &body).await?;
            let id = made["Id"].as_str().context("the engine names no container")?.to_owned();
            engine.call("POST", &format!("/containers/{id}/start"), &Value::Null).await?;
            Ok::<_, anyhow::Error>(id)
        })
        .buffer_unordered(STARTS_AT_ONCE)
        .try_collect()
        .await?;
    Ok((Deployed::Plain { engine, ids, stops: JoinSet::new() }, since(start)))
}

/// Has all of them stopped at once.
fn stop(engine: &Engine, ids: Vec<String>, stops: &mut JoinSet<Result<Value>>) {
    for id in ids {
        let engine = engine.clone();
        stops.spawn(async move {
            engine.call("POST", &format!("/containers/{id}/stop?t=10"), &Value::Null).await
        });
    }
}

async fn update_service(engine: &Engine, spec: &Value) -> Result<()> {
    let service = engine.call("GET", "/services/bench", &Value::Null).await?;
    let version = service["Version"]["Index"].as_u64().context("the service has no version")?;
    let path = format!("/services/bench/update?version={version}");
    engine.call("POST", &path, spec).await.map(drop)
}

/// Waits until the swarm says that so many tasks run.
async fn runs(engine: &Engine, count: usize) -> Result<()> {
    let start = Instant::now();
    loop {
        let services = engine.call("GET", "/services?status=true", &Value::Null).await?;
        let running = services[0]["ServiceStatus"]["RunningTasks"].as_u64().unwrap_or(0);
        if usize::try_from(running)? == count {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "{running} tasks run, not {count}");
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until so many tasks that run are in the swarm's list, of those that count.
async fn listed(engine: &Engine, wanted: usize, counts: impl Fn(&Value) -> bool) -> Result<()> {
    let start = Instant::now();
    loop {
        let tasks = engine.call("GET", "/tasks", &Value::Null).await?;
        let running = |task: &&Value| task["Status"]["State"] == "running" && counts(task);
        let found = tasks.as_array().map_or(0, |tasks| tasks.iter().filter(running).count());
        if found == wanted {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "{found} tasks run, not {wanted}");
        tokio::time::sleep(POLL).await;
    }
}
