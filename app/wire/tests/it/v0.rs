//! The classic endpoints' documents.

use serde_json::{Value, json};
use wire::mesos::v0::{
    AgentFramework, AgentState, FileChunk, FileEntry, Framework, Frameworks, MasterState,
    OtherQuantity, ResourceSummary, Slaves, StateSummary, Tasks,
};

use crate::reads_and_writes;

const STATE: &str = include_str!("../golden/v0/state.json");

#[test]
fn the_masters_state_reads_and_writes() {
    let state: MasterState = reads_and_writes(STATE);
    assert_eq!(state.leader_info.expect("there is a leader").port, 5050);
    let web = &state.frameworks[0].tasks[0];
    assert_eq!(web.resources.ports.as_deref(), Some("[31030-31030]"));
    let running = web.statuses.last().expect("the task has a history");
    let status = running.container_status.as_ref().expect("the container was reported");
    assert_eq!(status.network_infos[0].ip_addresses[0].ip_address.as_deref(), Some("172.17.0.2"));
}

#[test]
fn the_agents_reads_and_write() {
    let slaves: Slaves = reads_and_writes(include_str!("../golden/v0/slaves.json"));
    assert_eq!(slaves.slaves[0].slave.info.attributes["rack"], "r1");
    assert_eq!(slaves.slaves[0].full.offered_resources_full.len(), 4);
}

#[test]
fn frameworks_and_tasks_show_the_objects_of_the_state() {
    let state: Value = serde_json::from_str(STATE).unwrap();
    let framework = &state["frameworks"][0];
    let frameworks = json!({
        "frameworks": [framework], "completed_frameworks": [], "unregistered_frameworks": []
    });
    reads_and_writes::<Frameworks>(&frameworks.to_string());
    let tasks = json!({ "tasks": [framework["tasks"][0], framework["completed_tasks"][0]] });
    reads_and_writes::<Tasks>(&tasks.to_string());
}

#[test]
fn a_frameworks_pid_is_left_out_rather_than_empty() {
    let framework = serde_json::to_value(Framework::default()).unwrap();
    assert_eq!(framework.get("pid"), None);
    assert_eq!(framework["offer_constraints"], json!({}));
}

#[test]
fn the_agents_own_frameworks_read_and_write() {
    let part: Value =
        serde_json::from_str(include_str!("../golden/v0/agent_frameworks.json")).unwrap();
    let framework: AgentFramework = reads_and_writes(&part["frameworks"][0].to_string());
    assert_eq!(framework.executors[0].id, framework.executors[0].tasks[0].id);
    let state = AgentState { frameworks: vec![framework], ..AgentState::default() };
    reads_and_writes::<AgentState>(&serde_json::to_string(&state).unwrap());
}

#[test]
fn files_read_and_write() {
    reads_and_writes::<Vec<FileEntry>>(
        r#"[{"gid":"root","mode":"-rw-r--r--","mtime":1700000203.0,"nlink":1,
             "path":"/sandbox/stderr","size":0,"uid":"root"}]"#,
    );
    reads_and_writes::<FileChunk>(r#"{"data":"hello","offset":0}"#);
}

#[test]
fn resources_of_other_names_are_kept_beside_the_four() {
    let summary: ResourceSummary = reads_and_writes(
        r#"{"cpus":4.0,"gpus":0.0,"mem":2048.0,"disk":10240.0,"ports":"[31000-32000]",
            "zones":"{a, b}","cpus_revocable":2.0}"#,
    );
    assert_eq!(summary.others["cpus_revocable"], OtherQuantity::Scalar(2.0));
    assert_eq!(summary.others["zones"], OtherQuantity::Text("{a, b}".to_owned()));
    assert_eq!(serde_json::to_value(ResourceSummary::default()).unwrap().get("ports"), None);
}

#[test]
fn the_summary_counts_tasks_by_their_states_names() {
    let state: Value = serde_json::from_str(STATE).unwrap();
    let mut slave = state["slaves"][0].clone();
    let counts = json!({
        "TASK_STAGING": 0, "TASK_STARTING": 0, "TASK_RUNNING": 1, "TASK_KILLING": 0,
        "TASK_FINISHED": 1, "TASK_KILLED": 0, "TASK_FAILED": 0, "TASK_LOST": 0, "TASK_ERROR": 0,
        "TASK_UNREACHABLE": 0, "framework_ids": ["F"],
    });
    slave.as_object_mut().unwrap().extend(counts.as_object().unwrap().clone());
    let summary = json!({ "hostname": "master1", "slaves": [slave], "frameworks": [] });
    let summary: StateSummary = reads_and_writes(&summary.to_string());
    assert_eq!(summary.slaves[0].counts.task_running, 1);
}

#[test]
fn keys_of_other_versions_are_skipped() {
    let mut state: Value = serde_json::from_str(STATE).unwrap();
    state["a_later_key"] = json!({ "with": ["anything"] });
    let state: MasterState = serde_json::from_value(state).unwrap();
    assert_eq!(state.cluster.as_deref(), Some("demo"));
}
