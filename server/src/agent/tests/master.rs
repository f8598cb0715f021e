//! A master of one agent, played by the test: it accepts links and says what the test tells it to.

use std::time::Duration;

use bytes::BytesMut;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::link::{
    AcknowledgeUpdate, AgentFrame, Joiner, KillTask, MAX_FRAME, MasterFrame, Ping, Pong, Register,
    Registered, Reregister, Reregistered, RunTask, Terms, UpdateStatus, agent_frame, master_frame,
};
use wire::mesos::v1;
use wire::recordio;

/// How long a test waits for the agent before it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Master {
    listener: TcpListener,
}

/// One link of the agent.
pub(super) struct Connection {
    stream: TcpStream,
    decoder: recordio::Decoder,
    joiner: Joiner,
    number: u64,
}

impl Master {
    pub(super) async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(super) fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// Takes the agent's next link and upgrades it.
    pub(super) async fn accept(&self, number: u64) -> Connection {
        let (mut stream, _) =
            tokio::time::timeout(PATIENCE, self.listener.accept()).await.unwrap().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("get /ekiden/v1/agent-link http/1.1\r\n"), "{head}");
        assert!(head.contains("upgrade: ekiden-agent-link/1\r\n"), "{head}");
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ekiden-agent-link/1\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let (decoder, joiner) = (recordio::Decoder::new(MAX_FRAME), Joiner::default());
        Connection { stream, decoder, joiner, number }
    }

    /// Takes the agent's first link and admits it as `S0`.
    pub(super) async fn admit(&self) -> (Connection, Register) {
        let mut connection = self.accept(1).await;
        let agent_frame::Body::Register(register) = connection.next().await else {
            panic!("no registration")
        };
        let registered = Registered { agent_id: agent_id(), terms: terms(), master: Some(info()) };
        connection.say(master_frame::Body::Registered(registered)).await;
        (connection, register)
    }

    /// Takes a later link of `S0` and takes it back.
    pub(super) async fn take_back(&self, number: u64) -> (Connection, Reregister) {
        let mut connection = self.accept(number).await;
        let agent_frame::Body::Reregister(told) = connection.next().await else {
            panic!("no re-registration")
        };
        let answer = Reregistered { agent_id: agent_id(), terms: terms(), master: Some(info()) };
        connection.say(master_frame::Body::Reregistered(answer)).await;
        (connection, told)
    }
}

impl Connection {
    pub(super) async fn say(&mut self, body: master_frame::Body) {
        self.try_say(body).await.unwrap();
    }

    /// The same to an agent that may have closed the link.
    pub(super) async fn try_say(&mut self, body: master_frame::Body) -> std::io::Result<()> {
        let frame = MasterFrame { epoch: 1, link: self.number, body: Some(body) };
        self.stream.write_all(&recordio::encode(&frame.encode_to_vec())).await
    }

    pub(super) async fn next(&mut self) -> agent_frame::Body {
        tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(frame) = self.decoder.next_frame().unwrap() {
                    let frame = AgentFrame::decode(frame).unwrap();
                    match self.joiner.take(frame).unwrap() {
                        Some(whole) => return whole.body.unwrap(),
                        None => continue,
                    }
                }
                let mut bytes = BytesMut::with_capacity(64 << 10);
                assert_ne!(
                    self.stream.read_buf(&mut bytes).await.unwrap(),
                    0,
                    "the agent closed the link"
                );
                self.decoder.feed(&bytes);
            }
        })
        .await
        .expect("the agent says something")
    }

    pub(super) async fn run(&mut self, task: v1::TaskInfo) {
        self.say(run_task(task)).await;
    }

    pub(super) async fn kill(&mut self, task: &str) {
        let task_id = v1::TaskId { value: task.to_owned() };
        self.say(master_frame::Body::KillTask(KillTask {
            framework_id: framework_id(),
            task_id,
            kill_policy: None,
        }))
        .await;
    }

    /// Waits until the agent has worked off everything that was said to it.
    pub(super) async fn settle(&mut self) {
        self.say(master_frame::Body::Ping(Ping { sequence: 1 })).await;
        let answer = self.next().await;
        assert!(matches!(answer, agent_frame::Body::Pong(Pong { sequence: 1 })), "{answer:?}");
    }

    /// The next update, acknowledged.
    pub(super) async fn update(&mut self) -> v1::TaskStatus {
        let agent_frame::Body::UpdateStatus(UpdateStatus { status, .. }) = self.next().await else {
            panic!("no update")
        };
        let seen = AcknowledgeUpdate {
            framework_id: framework_id(),
            task_id: status.task_id.clone(),
            uuid: status.uuid.clone().unwrap(),
        };
        self.say(master_frame::Body::AcknowledgeUpdate(seen)).await;
        status
    }

    /// Acknowledges updates up to one of `state`.
    pub(super) async fn update_to(&mut self, state: v1::TaskState) -> v1::TaskStatus {
        loop {
            let status = self.update().await;
            if status.state == state as i32 {
                return status;
            }
            assert!(
                !model::TaskState::from_number(status.state).unwrap().is_terminal(),
                "instead of {state:?}: {status:?}"
            );
        }
    }
}

/// The order to run a task.
pub(super) fn run_task(task: v1::TaskInfo) -> master_frame::Body {
    let framework = v1::FrameworkInfo {
        user: "root".to_owned(),
        name: "marathon".to_owned(),
        id: Some(framework_id()),
        ..v1::FrameworkInfo::default()
    };
    let launch_id = format!("launch of {}", task.task_id.value);
    master_frame::Body::RunTask(Box::new(RunTask { framework, task, launch_id }))
}

fn agent_id() -> v1::AgentId {
    v1::AgentId { value: "S0".to_owned() }
}

pub(super) fn framework_id() -> v1::FrameworkId {
    v1::FrameworkId { value: "F-0000".to_owned() }
}

fn terms() -> Terms {
    Terms { ping_timeout_ms: 60_000, max_pings: 5 }
}

fn info() -> v1::MasterInfo {
    v1::MasterInfo {
        id: "M".to_owned(),
        hostname: Some("master1".to_owned()),
        port: 5050,
        ..v1::MasterInfo::default()
    }
}

/// A Docker task that publishes port 80 of its container.
pub(super) fn docker_task(id: &str, image: &str, script: &str, host_port: u32) -> v1::TaskInfo {
    use v1::container_info::docker_info::{Network, PortMapping};
    let scalar = |name: &str, amount: f64| v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar as i32,
        scalar: Some(v1::value::Scalar { value: amount }),
        ..v1::Resource::default()
    };
    let port = u64::from(host_port);
    let ports = v1::Resource {
        name: "ports".to_owned(),
        r#type: v1::value::Type::Ranges as i32,
        ranges: Some(v1::value::Ranges {
            range: vec![v1::value::Range { begin: port, end: port }],
        }),
        ..v1::Resource::default()
    };
    let docker = v1::container_info::DockerInfo {
        image: image.to_owned(),
        network: Some(Network::Bridge as i32),
        port_mappings: vec![PortMapping { host_port, container_port: 80, protocol: None }],
        ..v1::container_info::DockerInfo::default()
    };
    v1::TaskInfo {
        name: "web".to_owned(),
        task_id: v1::TaskId { value: id.to_owned() },
        agent_id: agent_id(),
        resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0), ports],
        command: Some(v1::CommandInfo {
            value: Some(script.to_owned()),
            ..v1::CommandInfo::default()
        }),
        container: Some(v1::ContainerInfo {
            r#type: v1::container_info::Type::Docker as i32,
            docker: Some(docker),
            ..v1::ContainerInfo::default()
        }),
        ..v1::TaskInfo::default()
    }
}
