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

#[tokio::test]
async fn ten_thousand_tasks_come_back_with_their_agent_and_none_is_lost() {
    let cluster = cluster().await;
    let _first = cluster.agent().await;
    let (_stream, mut events) = cluster.subscribe(PROTOBUF).await;
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
    let state =
        cluster.until(|state| state.agents.values().all(|agent| agent.tasks.len() == TASKS)).await;
    assert_eq!(state.agents.len(), 1);
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
    tokio::time::timeout(Duration::from_secs(10), closed).await.unwrap().unwrap();
    assert!(answer.is_empty(), "the master answers a part: {answer:?}");
}
