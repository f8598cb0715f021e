//! Once nothing goes wrong any more, everything comes to rest as it was ordered: each app as it is defined, no
//! container without an owner, no deployment under way, no update without its acknowledgement.
//!
//! Source: style.md §9.4; issue 3 ("after healing every app converges to its definition").

use std::collections::BTreeMap;

use agent_core::Phase;
use marathon_core::Snapshot;
use marathon_core::instance::{Condition, Goal};
use model::TaskId;

use crate::event::Place;
use crate::store::Role;
use crate::world::World;

impl World {
    /// Whether everything is as it should be; otherwise what is not.
    pub(crate) fn is_at_rest(&self) -> Result<(), String> {
        let nodes = (0..self.nodes.len()).map(Place::Node);
        let mut places = nodes.chain((0..self.machines.len()).map(Place::Agent));
        if let Some(place) = places.find(|place| !self.is_responsive(*place)) {
            return Err(format!("{place:?} does not run"));
        }
        let sessions = self.nodes.iter().map(|node| node.proposer.session);
        if sessions.flatten().filter(|s| self.store.state.session(*s).is_some()).count()
            < self.nodes.len()
        {
            return Err("a node has no session".to_owned());
        }
        let leading =
            |role| (0..self.nodes.len()).filter(move |n| self.lead_of(*n, role).is_some());
        let (masters, marathons): (Vec<_>, Vec<_>) =
            (leading(Role::Mesos).collect(), leading(Role::Marathon).collect());
        let ([_], [node]) = (masters.as_slice(), marathons.as_slice()) else {
            return Err(format!("nodes {masters:?} lead as masters, {marathons:?} as Marathon"));
        };
        let Some(marathon) = &self.nodes[*node].marathon else {
            return Err("no Marathon leads".to_owned());
        };
        let shown = &marathon.published;
        if let Some(id) = shown.deployments.keys().next() {
            return Err(format!("deployment {id} is not done"));
        }
        // A kill that an absent agent has not heard of is sent again after a while.
        let kills = marathon.kills_under_way();
        if kills > 0 {
            return Err(format!("{kills} tasks are told to end and have not"));
        }
        self.batch.at_rest()?;
        let mut owned = self.instances_at_rest(shown)?;
        let others = self.batch.tasks.iter();
        owned.extend(others.map(|(id, task)| (id.clone(), task.agent.to_string())));
        self.containers_at_rest(&owned)?;
        self.agents_at_rest()
    }

    /// The tasks that should run, each with its agent.
    fn instances_at_rest(&self, shown: &Snapshot) -> Result<BTreeMap<TaskId, String>, String> {
        let mut owned = BTreeMap::new();
        for (app, possible) in &self.client.apps {
            let wanted = shown.apps.get(app).map_or(0, |app| app.definition.spec.instances());
            if possible.len() != 1 {
                return Err(format!("app {app} may be any of {possible:?}"));
            }
            let mut count = 0;
            for instance in shown.instances_of(app) {
                if instance.condition != Condition::Running || instance.goal != Goal::Running {
                    let (condition, goal) = (instance.condition, instance.goal);
                    return Err(format!(
                        "instance {} is {condition:?}, goal {goal:?}",
                        instance.id
                    ));
                }
                let current =
                    shown.apps.get(app).map(|app| app.definition.info.last_config_change_at);
                if current.is_none_or(|current| instance.version < current) {
                    return Err(format!("instance {} runs an old version", instance.id));
                }
                count += 1;
                let spec = shown.apps.get(app).map(|app| &app.definition.spec);
                let is_checked = spec.is_some_and(|spec| !spec.health_checks().is_empty());
                if let Some(task) = instance.task.as_ref().filter(|_| is_checked) {
                    self.is_well(&task.id)?;
                }
                if let Some(task) = &instance.task {
                    owned.insert(task.id.clone(), task.agent.to_string());
                }
            }
            if count != wanted {
                return Err(format!("app {app} has {count} of {wanted} instances"));
            }
        }
        Ok(owned)
    }

    /// What is checked is replaced when it has fallen sick.
    fn is_well(&self, task: &TaskId) -> Result<(), String> {
        let mut containers =
            self.machines.iter().flat_map(|machine| machine.engine.containers.values());
        match containers.find(|it| it.is_sick && it.is_running() && it.task() == *task) {
            Some(sick) => Err(format!("{} of {task} is sick", sick.spec.name)),
            None => Ok(()),
        }
    }

    fn containers_at_rest(&self, owned: &BTreeMap<TaskId, String>) -> Result<(), String> {
        let mut running = 0;
        for (number, machine) in self.machines.iter().enumerate() {
            let containers = &machine.engine.containers;
            for (name, container) in containers.iter().filter(|(_, c)| c.is_running()) {
                let agent = container.spec.labels.get("ekiden.agent");
                if owned.get(&container.task()) != agent {
                    return Err(format!(
                        "container {name} of {} on machine {number} belongs to nobody",
                        container.task()
                    ));
                }
                running += 1;
            }
        }
        if running == owned.len() {
            Ok(())
        } else {
            Err(format!("{running} containers run for {} instances", owned.len()))
        }
    }

    fn agents_at_rest(&self) -> Result<(), String> {
        for (number, machine) in self.machines.iter().enumerate() {
            let Some(agent) = &machine.agent else {
                return Err(format!("agent {number} is down"));
            };
            let snapshot = agent.core.snapshot();
            if !snapshot.is_registered {
                return Err(format!("agent {number} is not registered"));
            }
            if let Some(task) = snapshot.tasks.values().find(|task| !task.updates.is_empty()) {
                return Err(format!("an update of {} is not acknowledged", task.key.task));
            }
            let mut tasks = snapshot.tasks.values();
            if let Some(task) = tasks.find(|t| t.kill.is_some() && t.phase != Phase::Ended) {
                return Err(format!("{} is being killed", task.key.task));
            }
        }
        Ok(())
    }
}
