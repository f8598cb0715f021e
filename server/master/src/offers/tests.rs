use model::TaskState;
use wire::mesos::v1 as pb;
use wire::mesos::v1::framework_info::{Capability, capability};
use wire::mesos::v1::scheduler::{Call, call};

use crate::fixture::{
    Cluster, cluster, events, framework_info, offered, offers, resources, task, told,
};
use crate::{Effect, LinkId};

const TOTAL: &str = "cpus:4;mem:1000";

fn of(r#type: call::Type) -> Call {
    Call { r#type: Some(r#type.into()), ..Call::default() }
}

fn with(r#type: capability::Type, roles: &[&str]) -> pb::FrameworkInfo {
    let capability = Capability { r#type: Some(r#type.into()) };
    let mut info = framework_info("F");
    info.capabilities.push(capability);
    info.roles = roles.iter().map(|role| (*role).to_owned()).collect();
    info
}

fn decline(cluster: &mut Cluster, offer: &model::OfferId, seconds: f64) -> Vec<Effect> {
    let decline = call::Decline {
        offer_ids: vec![pb::OfferId { value: offer.to_string() }],
        filters: Some(pb::Filters { refuse_seconds: Some(seconds) }),
    };
    cluster.call(Call { decline: Some(decline), ..of(call::Type::Decline) })
}

fn role_of(offer: &pb::Offer) -> &str {
    offer.allocation_info.as_ref().unwrap().role()
}

#[test]
fn equal_frameworks_get_equally_many_agents() {
    let mut cluster = cluster().framework("F").framework("G");
    for _ in 0..6 {
        cluster.register(TOTAL);
    }
    let of = |id: &str| {
        cluster.master.offers.values().filter(|offer| offer.framework.as_str() == id).count()
    };
    assert_eq!((of("m-0000"), of("m-0001")), (3, 3));
}

#[test]
fn a_framework_gets_the_offers_of_a_cycle_in_one_event() {
    let mut cluster = cluster().agent(TOTAL).agent(TOTAL).agent(TOTAL);
    let effects = cluster.subscribe(framework_info("F"));
    let lists: Vec<_> =
        events(&effects).into_iter().filter_map(|event| event.offers.as_ref()).collect();
    assert_eq!(lists.iter().map(|list| list.offers.len()).collect::<Vec<_>>(), [3]);
}

#[test]
fn the_65th_agent_is_offered_when_one_of_the_first_is_answered() {
    let mut cluster = cluster().framework("F");
    for _ in 0..65 {
        cluster.register(TOTAL);
    }
    assert_eq!(cluster.master.offers.len(), 64);
    let first = cluster.offer_on("m-S0");
    let effects = decline(&mut cluster, &first, 60.0);
    assert_eq!(offers(&effects)[0].agent_id.value, "m-S64");
}

#[test]
fn agents_with_gpus_are_kept_for_frameworks_that_use_them() {
    let mut cluster = cluster().agent("cpus:4;gpus:1").framework("F");
    assert!(cluster.master.offers.is_empty());
    let effects = cluster.subscribe(with(capability::Type::GpuResources, &[]));
    assert_eq!(offered(&effects), resources("cpus:4;gpus:1"));
}

#[test]
fn a_framework_of_several_roles_is_offered_each_agent_in_one_of_them() {
    let mut cluster = cluster().agent(TOTAL).agent(TOTAL);
    let effects = cluster.subscribe(with(capability::Type::MultiRole, &["a", "b"]));
    let mut roles: Vec<_> = offers(&effects).into_iter().map(role_of).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["a", "b"]);
}

#[test]
fn a_suppressed_role_is_not_offered_until_it_is_revived() {
    let mut cluster = cluster();
    cluster.subscribe(with(capability::Type::MultiRole, &["a", "b"]));
    let suppress = call::Suppress { roles: vec!["a".into()] };
    cluster.call(Call { suppress: Some(suppress), ..of(call::Type::Suppress) });
    for _ in 0..2 {
        assert_eq!(role_of(offers(&cluster.register(TOTAL))[0]), "b");
    }
    let suppress = call::Suppress { roles: vec!["b".into()] };
    cluster.call(Call { suppress: Some(suppress), ..of(call::Type::Suppress) });
    assert!(offers(&cluster.register(TOTAL)).is_empty());
    let revive = call::Revive { roles: vec!["a".into()] };
    let effects = cluster.call(Call { revive: Some(revive), ..of(call::Type::Revive) });
    assert_eq!(role_of(offers(&effects)[0]), "a");
}

#[test]
fn reviving_ends_filters() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    assert!(offers(&decline(&mut cluster, &offer, 1e9)).is_empty());
    assert_eq!(offers(&cluster.call(of(call::Type::Revive))).len(), 1);
}

#[test]
fn an_offer_declined_without_a_filter_comes_back_at_once() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let effects = decline(&mut cluster, &offer, 0.0);
    assert_eq!(offers(&effects)[0].id.value, "m-O1", "under a new id");
}

#[test]
fn what_one_framework_refuses_the_other_gets() {
    let mut cluster = cluster().agent(TOTAL).framework("F").framework("G");
    let offer = cluster.offer_on("m-S0");
    decline(&mut cluster, &offer, 60.0);
    let offer = cluster.offer_on("m-S0");
    assert_eq!(cluster.master.offers.get(&offer).unwrap().framework.as_str(), "m-0001");
}

#[test]
fn an_agent_is_not_offered_while_it_is_away() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    decline(&mut cluster, &offer, 3.0);
    cluster.close_link("m-S0");
    assert!(offers(&cluster.wait(10)).is_empty(), "the filter ends, the agent is not there");
    assert_eq!(offers(&cluster.reregister("m-S0", TOTAL, &[])).len(), 1);
}

#[test]
fn an_accepted_offer_without_operations_is_a_refusal() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    assert!(offers(&cluster.accept(&[offer], &[])).is_empty());
    let link = LinkId(0);
    assert!(offers(&cluster.wait_with_pongs(link, 4)).is_empty());
    assert_eq!(offers(&cluster.wait_with_pongs(link, 2)).len(), 1, "after five seconds");
}

#[test]
fn what_a_task_used_is_offered_beside_the_rest() {
    let mut cluster = cluster().agent(TOTAL).framework("F").running("t", "cpus:3;mem:900");
    cluster.wait_with_pongs(LinkId(0), 6);
    let rest = cluster.offer_on("m-S0");
    let effects = cluster.update("m-S0", "t", TaskState::Failed, 2);
    assert_eq!(offered(&effects), resources("cpus:3;mem:900"));
    assert!(cluster.master.offers.contains_key(&rest), "the older offer still stands");
}

#[test]
fn a_call_that_names_an_offer_twice_is_void_as_a_whole() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let effects = cluster.accept(&[offer.clone(), offer], &[task("t", "cpus:1")]);
    assert!(told(&effects)[0].contains("Duplicate offer m-O0 in offer list"));
    let effects = cluster.accept(&[], &[task("t", "cpus:1")]);
    assert!(told(&effects)[0].contains("No offers specified"));
    assert!(cluster.the_framework().tasks.is_empty());
}

#[test]
fn a_task_group_is_an_error_for_each_of_its_tasks() {
    let mut cluster = cluster().agent(TOTAL).framework("F");
    let offer = cluster.offer_on("m-S0");
    let tasks = vec![task("a", "cpus:1"), task("b", "cpus:1")];
    let group = pb::offer::operation::LaunchGroup {
        task_group: pb::TaskGroupInfo { tasks },
        ..Default::default()
    };
    let operation = pb::offer::Operation {
        r#type: Some(pb::offer::operation::Type::LaunchGroup.into()),
        launch_group: Some(group),
        ..Default::default()
    };
    let accept = call::Accept {
        offer_ids: vec![pb::OfferId { value: offer.to_string() }],
        operations: vec![operation],
        filters: Some(pb::Filters { refuse_seconds: Some(0.0) }),
    };
    let effects = cluster.call(Call { accept: Some(accept), ..of(call::Type::Accept) });
    assert_eq!(told(&effects), ["TASK_ERROR: Task groups are not supported"; 2]);
    assert_eq!(offered(&effects), resources(TOTAL), "everything goes back");
}
