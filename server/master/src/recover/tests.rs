use model::TaskState;
use wire::mesos::v1 as pb;

use crate::fixture::{
    Cluster, cluster, events, framework_info, offered, offers, resources, task, told,
};
use crate::record::Record;
use crate::{Config, Connection, Master};

const TOTAL: &str = "cpus:4;mem:1000";

fn resubscribe(cluster: &mut Cluster) -> Vec<crate::Effect> {
    let id = Some(pb::FrameworkId { value: "m-0000".into() });
    cluster.subscribe(pb::FrameworkInfo { id, ..framework_info("F") })
}

fn failed_over() -> Cluster {
    cluster().agent(TOTAL).framework("F").running("t", "cpus:1").fail_over()
}

#[test]
fn frameworks_and_agents_are_known_again_from_their_records() {
    let cluster = failed_over();
    let framework = cluster.the_framework();
    assert!(matches!(framework.connection, Connection::Recovered(_)));
    assert_eq!(framework.info.name, "F");
    let snapshot = cluster.master.snapshot();
    assert!(snapshot.agents.is_empty());
    assert_eq!(snapshot.recovered_agents.keys().next().unwrap().as_str(), "m-S0");
}

#[test]
fn a_returning_agent_brings_its_tasks_and_the_rest_is_offered() {
    let mut cluster = failed_over();
    resubscribe(&mut cluster);
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    let effects = cluster.reregister("m-S0", TOTAL, &held);
    assert!(told(&effects).is_empty());
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
    assert_eq!(cluster.the_agent("m-S0").used, resources("cpus:1"));
    assert_eq!(offered(&effects), resources("cpus:3;mem:1000"));
}

#[test]
fn offers_carry_the_new_masters_id() {
    let mut cluster = failed_over();
    resubscribe(&mut cluster);
    let effects = cluster.reregister("m-S0", TOTAL, &[]);
    assert_eq!(offers(&effects)[0].id.value, "n-O0");
    let effects = cluster.accept(&["m-O0".into()], &[task("x", "cpus:1")]);
    assert!(told(&effects)[0].contains("Offer m-O0 is no longer valid"));
}

#[test]
fn an_agent_that_stays_away_for_a_minute_is_unreachable() {
    let mut cluster = failed_over();
    resubscribe(&mut cluster);
    assert!(events(&cluster.wait(58)).iter().all(|event| event.failure.is_none()));
    let effects = cluster.wait(3);
    assert!(events(&effects).iter().any(|event| event.failure.is_some()));
    assert!(cluster.master.agents.unreachable.contains_key("m-S0"));
    let Record::Agent(record) =
        Record::read("/master/agents/m-S0", &cluster.records["/master/agents/m-S0"]).unwrap()
    else {
        panic!("an agent's record")
    };
    assert!(matches!(record.standing, crate::record::Standing::Unreachable(_)));
}

#[test]
fn an_agent_that_returns_in_time_is_not_given_up() {
    let mut cluster = failed_over();
    cluster.reregister("m-S0", TOTAL, &[]);
    let link = cluster.the_agent("m-S0").link.unwrap();
    cluster.wait_with_pongs(link, 70);
    assert!(cluster.the_agent("m-S0").is_connected());
}

#[test]
fn a_framework_without_a_failover_timeout_survives_the_change_of_the_leader() {
    let mut cluster = cluster();
    cluster.subscribe(pb::FrameworkInfo { failover_timeout: None, ..framework_info("F") });
    let mut cluster = cluster.fail_over();
    cluster.wait(59);
    assert!(cluster.master.frameworks.get(&"m-0000".into()).is_some());
    cluster.wait(2);
    assert!(cluster.master.frameworks.get(&"m-0000".into()).is_none());
}

#[test]
fn agents_of_a_lost_registry_bring_their_frameworks_along() {
    let mut cluster = cluster();
    let held = [(task("t", "cpus:1"), TaskState::Running)];
    cluster.reregister("m-S0", TOTAL, &held);
    assert!(cluster.the_framework().is_recovered());
    assert_eq!(cluster.the_task("t").state, TaskState::Running);
    assert!(cluster.records.contains_key("/master/agents/m-S0"));
}

#[test]
fn unreadable_records_stop_the_recovery() {
    let config: Config = crate::fixture::config("m");
    let records = [("/master/agents/m-S0", &b"\xff"[..])];
    let now = model::Instant::ZERO;
    assert!(Master::recover(config, now, model::Timestamp::from_millis(0), records).is_err());
}
