//! Frameworks, and the `/frameworks` endpoint.

use wire::mesos::v0;
use wire::mesos::v1::framework_info::capability;

use crate::frameworks::Framework;
use crate::offers::Offer;
use crate::snapshot::Snapshot;
use crate::view::amounts::{Sum, summary};
use crate::view::{seconds, tasks};

/// The answer of `/frameworks`, of one framework when an id is given.
pub fn frameworks(snapshot: &Snapshot, id: Option<&str>) -> v0::Frameworks {
    let wanted = |framework: &Framework| id.is_none_or(|id| id == framework.id.as_str());
    let known = snapshot.frameworks.values().filter(|one| wanted(one));
    let completed = snapshot.completed_frameworks.iter().filter(|one| wanted(one));
    v0::Frameworks {
        frameworks: known.map(|one| framework(one, snapshot)).collect(),
        completed_frameworks: completed.map(|one| framework(one, snapshot)).collect(),
        unregistered_frameworks: Vec::new(),
    }
}

/// What a framework's tasks hold, and what it has on offer.
pub(crate) fn holdings(framework: &Framework, snapshot: &Snapshot) -> (Sum, Sum) {
    let live = framework.tasks.values().filter(|task| !task.state.is_terminal());
    let used = Sum::of(live.map(|task| &task.resources));
    let offers = framework.offers.iter().filter_map(|id| snapshot.offers.get(id));
    (used, Sum::of(offers.map(|offer| &offer.resources)))
}

pub(crate) fn capabilities(framework: &Framework) -> Vec<String> {
    let names = framework.info.capabilities.iter().filter_map(|capability| {
        let name = capability::Type::try_from(capability.r#type?).ok()?.as_str_name();
        Some(name.to_owned())
    });
    names.collect()
}

pub(crate) fn framework(framework: &Framework, snapshot: &Snapshot) -> v0::Framework {
    let info = &framework.info;
    let (used, offered) = holdings(framework, snapshot);
    let mut both = Sum::default();
    for offer in framework.offers.iter().filter_map(|id| snapshot.offers.get(id)) {
        both.add(&offer.resources);
    }
    for task in framework.tasks.values().filter(|task| !task.state.is_terminal()) {
        both.add(&task.resources);
    }
    let is_multi_role = framework.capabilities.multi_role;
    let offers = framework.offers.iter().filter_map(|id| snapshot.offers.get(id));
    v0::Framework {
        id: framework.id.to_string(),
        name: info.name.clone(),
        pid: None,
        used_resources: used.summary(),
        offered_resources: offered.summary(),
        capabilities: capabilities(framework),
        hostname: info.hostname.clone().unwrap_or_default(),
        webui_url: info.webui_url.clone().unwrap_or_default(),
        active: framework.is_connected(),
        connected: framework.is_connected(),
        recovered: framework.is_recovered(),
        user: info.user.clone(),
        failover_timeout: info.failover_timeout.unwrap_or_default(),
        checkpoint: info.checkpoint.unwrap_or_default(),
        registered_time: seconds(framework.registered_at),
        unregistered_time: framework.unregistered_at.map(seconds).unwrap_or_default(),
        principal: info.principal.clone(),
        resources: both.summary(),
        reregistered_time: framework.reregistered_at.map(seconds),
        role: (!is_multi_role).then(|| info.role.clone().unwrap_or_else(|| "*".to_owned())),
        roles: is_multi_role.then(|| info.roles.clone()),
        tasks: framework.tasks.values().map(|task| tasks::task(task)).collect(),
        unreachable_tasks: framework
            .unreachable_tasks
            .values()
            .map(|task| tasks::task(task))
            .collect(),
        completed_tasks: framework.completed_tasks.iter().map(|task| tasks::task(task)).collect(),
        offers: offers.map(|one| offer(one)).collect(),
        executors: Vec::new(),
        labels: tasks::labels(info.labels.as_ref()),
        offer_constraints: serde_json::Map::new(),
    }
}

fn offer(offer: &Offer) -> v0::Offer {
    v0::Offer {
        id: offer.id.to_string(),
        framework_id: offer.framework.to_string(),
        allocation_info: v0::AllocationInfo { role: offer.role.to_string() },
        slave_id: offer.agent.to_string(),
        resources: summary(&offer.resources),
    }
}
