//! The invariants of `lib.rs`, checked after every one of many random commands.

use std::collections::BTreeMap;

use model::{Resources, TaskState};
use proptest::prelude::*;
use wire::mesos::v1 as pb;
use wire::mesos::v1::scheduler::{Call, call};

use crate::fixture::{Cluster, cluster, framework_info, resources, task, uuid};
use crate::{Command, Effect, Reply, StreamId};

#[derive(Debug, Clone)]
enum Step {
    Register,
    CloseLink(usize),
    /// The agent comes back with what it holds, its first `n` tasks left out.
    Return(usize, usize),
    Subscribe,
    Resubscribe(usize),
    CloseStream(usize),
    Launch(usize, u32),
    Decline(usize),
    Update(usize, usize),
    Acknowledge(usize),
    Teardown,
    Revive,
    Wait(u64),
    FailOver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = any::<usize>();
    let step = prop_oneof![
        2 => Just(Step::Register),
        1 => any.prop_map(Step::CloseLink),
        2 => (any, 0usize..3).prop_map(|(agent, lost)| Step::Return(agent, lost)),
        2 => Just(Step::Subscribe),
        1 => any.prop_map(Step::Resubscribe),
        1 => any.prop_map(Step::CloseStream),
        6 => (any, 1u32..5).prop_map(|(offer, cpus)| Step::Launch(offer, cpus)),
        1 => any.prop_map(Step::Decline),
        4 => (any, 0usize..4).prop_map(|(task, state)| Step::Update(task, state)),
        3 => any.prop_map(Step::Acknowledge),
        1 => Just(Step::Teardown),
        1 => Just(Step::Revive),
        2 => (0u64..25).prop_map(Step::Wait),
        1 => Just(Step::FailOver),
    ];
    prop::collection::vec(step, 1..60)
}

fn pick<T: Clone>(all: &[T], n: usize) -> Option<T> {
    if all.is_empty() { None } else { Some(all[n % all.len()].clone()) }
}

/// The cluster, and what each agent really holds.
struct Play {
    cluster: Cluster,
    held: BTreeMap<String, Vec<(pb::TaskInfo, TaskState)>>,
    launched: u32,
}

impl Play {
    fn agents(&self) -> Vec<String> {
        self.cluster.master.agents.registered.keys().map(ToString::to_string).collect()
    }

    fn away(&self) -> Vec<String> {
        self.cluster.master.agents.unreachable.keys().map(ToString::to_string).collect()
    }

    fn connected(&self) -> Vec<String> {
        let agents = self.cluster.master.agents.registered.values();
        agents.filter(|agent| agent.is_connected()).map(|agent| agent.id.to_string()).collect()
    }

    fn by_framework(&mut self, framework: &str, call: Call) -> Vec<Effect> {
        let known = self.cluster.master.frameworks.get(&framework.into());
        let stream = known.and_then(|framework| framework.stream().cloned());
        self.cluster.call_by(stream, framework, call)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Register => {
                self.cluster.register("cpus:4;mem:100;ports:[1-50]");
            }
            Step::CloseLink(n) => {
                if let Some(agent) = pick(&self.connected(), n) {
                    self.cluster.close_link(&agent);
                }
            }
            Step::Return(n, lost) => self.come_back(n, lost),
            Step::Subscribe => {
                self.cluster.subscribe(framework_info("F"));
            }
            Step::Resubscribe(n) => {
                let known: Vec<_> = self.cluster.master.frameworks.known.keys().cloned().collect();
                if let Some(id) = pick(&known, n) {
                    let id = Some(pb::FrameworkId { value: id.to_string() });
                    self.cluster.subscribe(pb::FrameworkInfo { id, ..framework_info("F") });
                }
            }
            Step::CloseStream(n) => {
                let streams = self.cluster.master.frameworks.streams();
                if let Some(stream) = pick(&streams, n) {
                    self.cluster.apply(Command::StreamClosed { stream });
                }
            }
            Step::Launch(n, cpus) => self.launch(n, cpus),
            Step::Decline(n) => {
                let offers: Vec<_> = self.cluster.master.offers.values().cloned().collect();
                if let Some(offer) = pick(&offers, n) {
                    let offer_ids = vec![pb::OfferId { value: offer.id.to_string() }];
                    let decline = Some(call::Decline { offer_ids, filters: None });
                    let r#type = Some(call::Type::Decline.into());
                    let call = Call { r#type, decline, ..Call::default() };
                    self.by_framework(offer.framework.as_str(), call);
                }
            }
            Step::Update(n, state) => self.update(n, state),
            Step::Acknowledge(n) => self.acknowledge(n),
            Step::Teardown => {
                let r#type = Some(call::Type::Teardown.into());
                self.by_framework("m-0000", Call { r#type, ..Call::default() });
            }
            Step::Revive => {
                let r#type = Some(call::Type::Revive.into());
                self.by_framework("m-0000", Call { r#type, ..Call::default() });
            }
            Step::Wait(seconds) => {
                self.cluster.wait(seconds);
            }
            Step::FailOver => {
                let old = std::mem::replace(&mut self.cluster, cluster());
                self.cluster = old.fail_over();
            }
        }
    }

    /// All agents come back with what they hold, and all frameworks subscribe again.
    fn everybody_returns(&mut self, agents: &[String]) {
        let known: Vec<_> = self.cluster.master.frameworks.known.keys().cloned().collect();
        for id in known {
            let id = Some(pb::FrameworkId { value: id.to_string() });
            self.cluster.subscribe(pb::FrameworkInfo { id, ..framework_info("F") });
        }
        for agent in agents {
            let held = self.held.get(agent).cloned().unwrap_or_default();
            self.cluster.reregister(agent, "cpus:4;mem:100;ports:[1-50]", &held);
        }
    }

    /// What a leader knows of frameworks, agents and tasks, leaving times and connections aside.
    fn picture(&self) -> Vec<String> {
        let master = &self.cluster.master;
        let agents = master.agents.registered.values();
        let agents = agents.map(|a| format!("{} {} {} {:?}", a.id, a.total, a.used, a.tasks));
        let frameworks = master.frameworks.known.values().map(|framework| {
            let tasks = framework.tasks.values();
            let tasks: Vec<_> = tasks
                .map(|t| format!("{} {} {} {} {}", t.id, t.state, t.agent, t.resources, t.name()))
                .collect();
            format!("{} {} {tasks:?}", framework.id, framework.info.name)
        });
        agents.chain(frameworks).collect()
    }

    fn come_back(&mut self, n: usize, lost: usize) {
        let known: Vec<_> = self.held.keys().cloned().chain(self.agents()).collect();
        let Some(agent) = pick(&known, n) else { return };
        let held: Vec<_> =
            self.held.get(&agent).into_iter().flatten().skip(lost).cloned().collect();
        self.held.insert(agent.clone(), held.clone());
        self.cluster.reregister(&agent, "cpus:4;mem:100;ports:[1-50]", &held);
    }

    fn launch(&mut self, n: usize, cpus: u32) {
        let offers: Vec<_> = self.cluster.master.offers.values().cloned().collect();
        let Some(offer) = pick(&offers, n) else { return };
        self.launched += 1;
        let info = task(
            &format!("t{}@{}", self.launched, offer.agent),
            &format!("cpus:{cpus};ports:[{0}-{0}]", self.launched % 50 + 1),
        );
        let launch = pb::offer::operation::Launch { task_infos: vec![info.clone()] };
        let operation = pb::offer::Operation {
            r#type: Some(pb::offer::operation::Type::Launch.into()),
            launch: Some(launch),
            ..Default::default()
        };
        let accept = Some(call::Accept {
            offer_ids: vec![pb::OfferId { value: offer.id.to_string() }],
            operations: vec![operation],
            filters: None,
        });
        let r#type = Some(call::Type::Accept.into());
        let effects =
            self.by_framework(offer.framework.as_str(), Call { r#type, accept, ..Call::default() });
        let is_sent = crate::fixture::frames(&effects)
            .iter()
            .any(|frame| matches!(frame, wire::link::master_frame::Body::RunTask(_)));
        // The fixture's agents report tasks of the first framework only.
        if is_sent && offer.framework.as_str() == "m-0000" {
            self.held.entry(offer.agent.to_string()).or_default().push((info, TaskState::Running));
        }
    }

    fn update(&mut self, n: usize, state: usize) {
        let state =
            [TaskState::Starting, TaskState::Running, TaskState::Finished, TaskState::Failed]
                [state];
        let connected = self.connected();
        let tasks: Vec<_> = self
            .held
            .iter()
            .filter(|(agent, _)| connected.contains(agent))
            .flat_map(|(agent, tasks)| tasks.iter().map(move |(t, _)| (agent.clone(), t.clone())))
            .collect();
        let Some((agent, info)) = pick(&tasks, n) else { return };
        for (held, was) in self.held.get_mut(&agent).into_iter().flatten() {
            if held.task_id == info.task_id && !was.is_terminal() {
                *was = state;
            }
        }
        self.cluster.update(&agent, &info.task_id.value, state, 3);
    }

    fn acknowledge(&mut self, n: usize) {
        let tasks: Vec<_> = self.cluster.master.snapshot().tasks().cloned().collect();
        let Some(task) = pick(&tasks, n) else { return };
        let acknowledge = Some(call::Acknowledge {
            agent_id: pb::AgentId { value: task.agent.to_string() },
            task_id: pb::TaskId { value: task.id.to_string() },
            uuid: task.forwarded.as_ref().map_or_else(|| uuid(3), |(_, uuid)| uuid.clone()),
        });
        let r#type = Some(call::Type::Acknowledge.into());
        let call = Call { r#type, acknowledge, ..Call::default() };
        let effects = self.by_framework(task.framework.as_str(), call);
        let is_sent = !crate::fixture::frames(&effects).is_empty();
        if let Some(held) = self.held.get_mut(task.agent.as_str()).filter(|_| is_sent) {
            held.retain(|(info, state)| {
                info.task_id.value != task.id.as_str() || !state.is_terminal()
            });
        }
    }

    fn check(&self) {
        let master = &self.cluster.master;
        let sum = |all: &mut dyn Iterator<Item = &Resources>| {
            all.fold(Resources::new(), |sum, more| sum.checked_add(more).expect("no port twice"))
        };
        for agent in master.agents.registered.values() {
            let tasks = master.frameworks.known.values().flat_map(|f| f.tasks.values());
            let mine = tasks.filter(|t| t.agent == agent.id && !t.state.is_terminal());
            assert_eq!(agent.used, sum(&mut mine.map(|t| &t.resources)), "used of {}", agent.id);
            let offers = master.offers.values().filter(|offer| offer.agent == agent.id);
            assert_eq!(agent.offered, sum(&mut offers.map(|o| &o.resources)));
            let free = master.allocator.free(&agent.id).expect("every agent has an account");
            let all = [&agent.used, &agent.offered, free];
            assert_eq!(sum(&mut all.into_iter()), agent.total, "books of {}", agent.id);
        }
        let mut seen = BTreeMap::new();
        for framework in master.frameworks.known.values() {
            for task in framework.tasks.values() {
                let key = (framework.id.clone(), task.id.clone());
                let agent = master.agents.get(&task.agent).expect("its agent is registered");
                assert!(agent.tasks.contains(&key), "{key:?} is on its agent's list");
                assert!(seen.insert(key, ()).is_none());
                assert!(!framework.unreachable_tasks.contains_key(&task.id));
            }
        }
        let listed: usize = master.agents.registered.values().map(|agent| agent.tasks.len()).sum();
        assert_eq!(listed, seen.len(), "no task is on two agents");
        for offer in master.offers.values() {
            assert!(master.agents.get(&offer.agent).unwrap().is_connected());
            assert!(master.frameworks.get(&offer.framework).unwrap().is_connected());
        }
        for framework in master.frameworks.known.values() {
            for task in framework.unreachable_tasks.values() {
                assert!(
                    master.agents.unreachable.contains_key(&task.agent),
                    "{} is away",
                    task.agent
                );
                let key = (framework.id.clone(), task.id.clone());
                assert!(master.agents.tasks_away[&task.agent].contains(&key));
            }
        }
        for agent in master.agents.unreachable.keys().chain(master.agents.registered.keys()) {
            let path = format!("/master/agents/{agent}");
            assert!(self.cluster.records.contains_key(&path), "{agent} is durable");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_books_balance_after_any_commands(steps in steps()) {
        let mut play = Play { cluster: cluster(), held: BTreeMap::new(), launched: 0 };
        for step in &steps {
            play.step(step);
            play.check();
        }
    }

    #[test]
    fn a_new_leader_learns_the_same_from_records_and_agents(steps in steps()) {
        let mut play = Play { cluster: cluster(), held: BTreeMap::new(), launched: 0 };
        for step in &steps {
            play.step(step);
        }
        let agents: Vec<_> = play.agents().into_iter().chain(play.away()).collect();
        play.everybody_returns(&agents);
        let before = play.picture();
        play.step(&Step::FailOver);
        play.everybody_returns(&agents);
        play.check();
        prop_assert_eq!(play.picture(), before);
    }

    #[test]
    fn refused_calls_change_nothing(steps in steps(), n in any::<usize>()) {
        let mut play = Play { cluster: cluster(), held: BTreeMap::new(), launched: 0 };
        for step in &steps {
            play.step(step);
        }
        let Some(offer) = pick(&play.cluster.master.offers.keys().cloned().collect::<Vec<_>>(), n)
        else {
            return Ok(());
        };
        let offer_ids = vec![pb::OfferId { value: offer.to_string() }];
        let stream = Some(StreamId::new("nobody's"));
        let before = format!("{:?}", play.cluster.master.snapshot());
        for r#type in [call::Type::Accept, call::Type::Decline, call::Type::Teardown, call::Type::Suppress] {
            let accept = call::Accept { offer_ids: offer_ids.clone(), ..Default::default() };
            let decline = call::Decline { offer_ids: offer_ids.clone(), filters: None };
            let call = Call {
                r#type: Some(r#type.into()),
                accept: Some(accept),
                decline: Some(decline),
                ..Call::default()
            };
            let effects = play.cluster.call_by(stream.clone(), "m-0000", call);
            let is_refused = matches!(&effects[..], [Effect::Reply { reply: Reply::Refused(_), .. }]);
            prop_assert!(is_refused, "{type:?}: {effects:?}");
        }
        prop_assert_eq!(format!("{:?}", play.cluster.master.snapshot()), before);
    }

    #[test]
    fn equal_commands_have_equal_effects(steps in steps()) {
        let run = || {
            let mut play = Play { cluster: cluster(), held: BTreeMap::new(), launched: 0 };
            for step in &steps {
                play.step(step);
            }
            (play.cluster.records, play.held, format!("{:?}", play.cluster.master.offers))
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn the_fixture_has_room_for_its_tasks() {
    assert!(resources("cpus:4;mem:100;ports:[1-50]").contains(&resources("cpus:4;ports:[50-50]")));
}
