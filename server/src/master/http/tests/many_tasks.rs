//! An agent that comes back with more tasks than fit into one frame.

use super::*;

const TASKS: usize = 10_000;

/// A re-registration of the agent with tasks whose labels are long.
fn told(agent: &pb::AgentId, description: link::AgentDescription) -> AgentFrame {
    let long = pb::Label { key: "text".to_owned(), value: Some("x".repeat(4 << 10)) };
    let task = |number: usize| pb::Task {
        name: "t".to_owned(),
        task_id: pb::TaskId { value: format!("t.{number}") },
        framework_id: pb::FrameworkId { value: "m-0000".to_owned() },
        agent_id: agent.clone(),
        state: TaskState::Running.number(),
        labels: Some(pb::Labels { labels: vec![long.clone()] }),
        ..pb::Task::default()
    };
    let held = |number| link::HeldTask { task: task(number), ..link::HeldTask::default() };
    let reregister = link::Reregister {
        agent_id: agent.clone(),
        agent: description,
        tasks: (0..TASKS).map(held).collect(),
        frameworks: Vec::new(),
    };
    let body = Some(agent_frame::Body::Reregister(reregister));
    AgentFrame { epoch: 0, link: 0, body }
}

/// Registers an agent, subscribes, and lets the agent come back with its tasks.
async fn with_tasks(cluster: &Cluster) -> (Agent, String, Events) {
    let _first = cluster.agent().await;
    let (stream, mut events) = cluster.subscribe(PROTOBUF).await;
    events.next().await.subscribed.unwrap();
    let state = cluster.until(|state| !state.agents.is_empty()).await;
    let known = state.agents.values().next().unwrap();
    let id = pb::AgentId { value: known.id.to_string() };
    let frame = told(&id, (*known.description).clone());
    assert!(frame.encoded_len() > 2 * link::MAX_FRAME, "it fits into few frames");

    let mut agent = cluster.connect();
    for part in link::split(frame) {
        let record = wire::recordio::encode(&part.encode_to_vec());
        agent.connection.write_all(&record).await.unwrap();
    }
    let answer = agent.next().await.body;
    assert!(matches!(answer, Some(master_frame::Body::Reregistered(_))), "{answer:?}");
    let has_all = |state: &Snapshot| state.agents.values().all(|agent| agent.tasks.len() == TASKS);
    assert_eq!(cluster.until(has_all).await.agents.len(), 1);
    (agent, stream, events)
}

#[tokio::test]
async fn ten_thousand_tasks_come_back_with_their_agent_and_none_is_lost() {
    let cluster = cluster().await;
    let _all = with_tasks(&cluster).await;
}

/// Twice: once for each task that is named, and once for all.
#[tokio::test]
async fn a_framework_that_asks_for_all_its_tasks_keeps_its_stream() {
    let cluster = cluster().await;
    let (agent, stream, mut events) = with_tasks(&cluster).await;
    let agent_id = cluster.until(|_| true).await.agents.keys().next().unwrap().to_string();
    let named = |number: usize| {
        json!({"task_id": {"value": format!("t.{number}")},
        "agent_id": {"value": agent_id}})
    };
    let framework = json!({"value": "m-0000"});
    for tasks in [(0..TASKS).map(named).collect(), Vec::new()] {
        let call =
            json!({"type": "RECONCILE", "framework_id": framework, "reconcile": {"tasks": tasks}});
        assert_eq!(cluster.post(Some(&stream), &call).await.0, 202);
    }
    // Nothing is read before all has been said.
    let revive = json!({"type": "REVIVE", "framework_id": framework});
    assert_eq!(cluster.post(Some(&stream), &revive).await.0, 202);
    let mut told = 0;
    while told < 2 * TASKS {
        if let Some(update) = events.next().await.update {
            assert_eq!(update.status.state(), pb::TaskState::TaskRunning);
            told += 1;
        }
    }
    drop(agent);
}

#[tokio::test]
async fn a_re_registration_that_breaks_off_is_none() {
    let cluster = cluster().await;
    let _first = cluster.agent().await;
    let state = cluster.until(|state| !state.agents.is_empty()).await;
    let known = state.agents.values().next().unwrap();
    let id = pb::AgentId { value: known.id.to_string() };
    let mut parts = link::split(told(&id, (*known.description).clone()));
    parts.truncate(2);
    let pong = agent_frame::Body::Pong(link::Pong { sequence: 1 });
    parts.push(AgentFrame { epoch: 0, link: 0, body: Some(pong) });
    let mut agent = cluster.connect();
    for part in parts {
        let record = wire::recordio::encode(&part.encode_to_vec());
        agent.connection.write_all(&record).await.unwrap();
    }
    let mut answer = Vec::new();
    let closed = agent.connection.read_to_end(&mut answer);
    tokio::time::timeout(PATIENCE, closed).await.unwrap().unwrap();
    assert!(answer.is_empty(), "the master answers a part: {answer:?}");
}
