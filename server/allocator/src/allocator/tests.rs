use proptest::prelude::*;

use super::*;
use crate::quantities::DominantShare;

fn resources(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

fn at(seconds: u64) -> Instant {
    Instant::from_secs(seconds)
}

fn share(framework: &str, role: &str) -> Share {
    Share { framework: framework.into(), role: role.into() }
}

/// Agents of 4 cpus and 1,000 MiB; active frameworks in role `*` unless `name@role` is given.
fn cluster(agents: &[&str], frameworks: &[&str]) -> Allocator {
    let mut allocator = Allocator::new(Settings::default());
    for agent in agents {
        allocator.add_agent((*agent).into(), resources("cpus:4;mem:1000;ports:[1-100]"));
    }
    for framework in frameworks {
        let (name, role) = framework.split_once('@').unwrap_or((framework, "*"));
        allocator.set_framework(name.into(), [Role::from(role)], &BTreeSet::new(), false);
        allocator.set_framework_active(&name.into(), true);
    }
    allocator
}

fn takers(grants: &[Grant]) -> Vec<(&str, &str)> {
    grants.iter().map(|g| (g.share.framework.as_str(), g.agent.as_str())).collect()
}

#[test]
fn everything_free_on_an_agent_is_one_grant() {
    let mut allocator = cluster(&["A"], &["F"]);
    let grants = allocator.allocate(at(0));
    assert_eq!(takers(&grants), [("F", "A")]);
    assert_eq!(grants[0].resources, resources("cpus:4;mem:1000;ports:[1-100]"));
    assert!(allocator.free(&"A".into()).unwrap().is_empty());
    assert!(!allocator.is_due() && allocator.allocate(at(1)).is_empty());
}

#[test]
fn a_declined_agent_comes_back_when_the_filter_ends() {
    let mut allocator = cluster(&["A"], &["F"]);
    let grant = allocator.allocate(at(0)).remove(0);
    let refuse = Some(Duration::from_secs(5));
    assert!(allocator.release(at(1), &grant.share, &grant.agent, &grant.resources, refuse));
    allocator.answered(&grant.share);
    assert!(allocator.allocate(at(2)).is_empty());
    assert_eq!(allocator.next_expiry(), Some(at(6)));
    assert_eq!(allocator.allocate(at(6)).len(), 1);
    assert_eq!(allocator.next_expiry(), None);
}

#[test]
fn what_one_refuses_the_other_gets() {
    let mut allocator = cluster(&["A"], &["F", "G"]);
    let grant = allocator.allocate(at(0)).remove(0);
    let refuse = Some(Duration::from_secs(5));
    allocator.release(at(1), &grant.share, &grant.agent, &grant.resources, refuse);
    assert_eq!(takers(&allocator.allocate(at(1))), [("G", "A")]);
}

#[test]
fn more_than_was_refused_is_offered_at_once() {
    let mut allocator = cluster(&["A"], &["F"]);
    let grant = allocator.allocate(at(0)).remove(0);
    let task = resources("cpus:3");
    let rest = grant.resources.checked_sub(&task).unwrap();
    allocator.release(at(1), &grant.share, &grant.agent, &rest, Some(Duration::from_secs(5)));
    assert!(allocator.allocate(at(2)).is_empty());
    allocator.release(at(2), &grant.share, &grant.agent, &task, None);
    assert_eq!(
        allocator.allocate(at(2)).len(),
        1,
        "the task ended, so there is more than was refused"
    );
}

#[test]
fn reviving_clears_filters_and_suppression() {
    let mut allocator = cluster(&["A"], &["F"]);
    let grant = allocator.allocate(at(0)).remove(0);
    let refuse = Some(Duration::from_secs(500));
    allocator.release(at(1), &grant.share, &grant.agent, &grant.resources, refuse);
    allocator.suppress(&"F".into(), &BTreeSet::new());
    assert!(allocator.is_suppressed(&grant.share));
    assert!(allocator.allocate(at(2)).is_empty());
    allocator.revive(&"F".into(), &BTreeSet::new());
    assert_eq!(allocator.active_filters(&grant.share), 0);
    assert_eq!(allocator.allocate(at(2)).len(), 1);
}

#[test]
fn suppressing_one_role_leaves_the_other() {
    let mut allocator = cluster(&["A"], &[]);
    let roles = [Role::from("a"), Role::from("b")];
    allocator.set_framework("F".into(), roles, &BTreeSet::new(), false);
    allocator.set_framework_active(&"F".into(), true);
    allocator.suppress(&"F".into(), &BTreeSet::from(["a".into()]));
    let grants = allocator.allocate(at(0));
    assert_eq!(grants[0].share, share("F", "b"));
}

#[test]
fn too_little_is_no_offer() {
    let mut allocator = cluster(&[], &["F"]);
    allocator.add_agent("A".into(), resources("cpus:0.009;mem:31;ports:[1-9]"));
    assert!(allocator.allocate(at(0)).is_empty());
    allocator.update_agent(&"A".into(), resources("cpus:0.01"));
    assert_eq!(allocator.allocate(at(0)).len(), 1);
}

#[test]
fn inactive_agents_and_frameworks_get_nothing() {
    let mut allocator = cluster(&["A", "B"], &["F"]);
    allocator.set_agent_active(&"A".into(), false);
    assert_eq!(takers(&allocator.allocate(at(0))), [("F", "B")]);
    allocator.set_framework_active(&"F".into(), false);
    allocator.set_agent_active(&"A".into(), true);
    assert!(allocator.allocate(at(0)).is_empty());
    allocator.set_framework_active(&"F".into(), true);
    assert_eq!(takers(&allocator.allocate(at(0))), [("F", "A")]);
}

#[test]
fn agents_with_gpus_are_kept_for_those_who_use_them() {
    let mut allocator = cluster(&[], &["F"]);
    allocator.add_agent("A".into(), resources("cpus:4;gpus:1"));
    assert!(allocator.allocate(at(0)).is_empty());
    allocator.set_framework("G".into(), [Role::any()], &BTreeSet::new(), true);
    allocator.set_framework_active(&"G".into(), true);
    assert_eq!(takers(&allocator.allocate(at(0))), [("G", "A")]);
}

#[test]
fn sixty_four_agents_at_once_and_the_next_when_those_are_answered() {
    let ids: Vec<_> = (0..100).map(|n| format!("A{n:03}")).collect();
    let mut allocator = cluster(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &["F"]);
    let first = allocator.allocate(at(0));
    assert_eq!(first.len(), 64);
    let slot = allocator.by_share[&first[0].share];
    assert_eq!(allocator.interest(slot).unwrap().seen, 64, "what it has seen is not tried again");
    for grant in &first[..10] {
        allocator.answered(&grant.share);
    }
    assert!(allocator.is_due());
    let next = allocator.allocate(at(0));
    assert_eq!(next.len(), 10);
    assert_eq!(next[0].agent, AgentId::from("A064"), "it goes on where it stopped");
}

#[test]
fn a_role_with_sub_roles_competes_with_them() {
    let mut allocator = cluster(&["A", "B", "C", "D"], &["F@web", "G@web/eu", "H@batch"]);
    let grants = allocator.allocate(at(0));
    let count = |who: &str| grants.iter().filter(|g| g.share.framework.as_str() == who).count();
    assert_eq!((count("F"), count("G"), count("H")), (1, 1, 2));
}

#[test]
fn weights_shift_the_shares() {
    let ids: Vec<_> = (0..12).map(|n| format!("A{n:02}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let mut allocator = cluster(&ids, &["F@a", "G@b"]);
    allocator.set_weight("a".into(), Weight::from_f64(3.0).unwrap());
    let grants = allocator.allocate(at(0));
    assert_eq!(grants.iter().filter(|g| g.share.role.as_str() == "a").count(), 9);
}

#[test]
fn tasks_that_an_agent_brings_along_are_not_offered() {
    let mut allocator = cluster(&["A"], &["F"]);
    assert!(allocator.hold(&share("F", "*"), &"A".into(), &resources("cpus:1;ports:[7-7]")));
    let grants = allocator.allocate(at(0));
    assert_eq!(grants[0].resources, resources("cpus:3;mem:1000;ports:[1-6,8-100]"));
}

/// Declines a grant for so many seconds.
fn decline(allocator: &mut Allocator, grant: &Grant, seconds: u64) {
    let refuse = Some(Duration::from_secs(seconds));
    assert!(allocator.release(at(0), &grant.share, &grant.agent, &grant.resources, refuse));
    allocator.answered(&grant.share);
}

#[test]
fn what_is_suppressed_from_the_start_is_not_offered() {
    let mut allocator = cluster(&["A"], &[]);
    let suppressed = BTreeSet::from([Role::from("a")]);
    allocator.set_framework("F".into(), ["a".into(), "b".into()], &suppressed, false);
    allocator.set_framework_active(&"F".into(), true);
    assert_eq!(allocator.allocate(at(0))[0].share, share("F", "b"));
    assert!(allocator.is_suppressed(&share("F", "a")));
}

#[test]
fn reviving_one_role_leaves_the_others_suppression_and_filters() {
    let mut allocator = cluster(&["A", "B"], &[]);
    allocator.set_framework("F".into(), ["a".into(), "b".into()], &BTreeSet::new(), false);
    allocator.set_framework_active(&"F".into(), true);
    for grant in allocator.allocate(at(0)) {
        decline(&mut allocator, &grant, 500);
    }
    allocator.suppress(&"F".into(), &BTreeSet::new());
    allocator.revive(&"F".into(), &BTreeSet::from(["a".into()]));
    assert!(!allocator.is_suppressed(&share("F", "a")));
    assert!(allocator.is_suppressed(&share("F", "b")));
    assert_eq!(allocator.active_filters(&share("F", "b")), 1);
    let grants = allocator.allocate(at(0));
    assert!(grants.len() == 2 && grants.iter().all(|grant| grant.share.role.as_str() == "a"));
}

#[test]
fn a_framework_that_learns_to_use_gpus_gets_the_agents_that_have_them() {
    let mut allocator = cluster(&[], &["F"]);
    allocator.add_agent("A".into(), resources("cpus:4;gpus:1"));
    assert!(allocator.allocate(at(0)).is_empty());
    allocator.set_framework("F".into(), [Role::any()], &BTreeSet::new(), true);
    assert_eq!(takers(&allocator.allocate(at(0))), [("F", "A")]);
}

#[test]
fn a_role_given_up_keeps_what_it_holds_on_the_books_until_that_is_released() {
    let mut allocator = cluster(&["A"], &["F@a", "G@b"]);
    let grant = allocator.allocate(at(0)).remove(0);
    allocator.set_framework("F".into(), [Role::from("c")], &BTreeSet::new(), false);
    allocator.add_agent("B".into(), resources("cpus:4;mem:1000"));
    allocator.add_agent("C".into(), resources("cpus:4;mem:1000"));
    let grants = allocator.allocate(at(0));
    assert_eq!(takers(&grants), [("G", "B"), ("F", "C")], "in its new role it holds nothing");
    assert!(allocator.release(at(0), &grant.share, &grant.agent, &grant.resources, None));
    assert!(!allocator.by_share.contains_key(&share("F", "a")), "nothing is left of it");
    assert_eq!(allocator.allocate(at(0))[0].agent, grant.agent);
}

#[test]
fn filters_end_with_their_framework_their_role_and_their_agent() {
    let declined = || {
        let mut allocator = cluster(&["A"], &["F"]);
        let grant = allocator.allocate(at(0)).remove(0);
        decline(&mut allocator, &grant, 500);
        assert_eq!(allocator.active_filters(&grant.share), 1);
        allocator
    };
    let ends: [fn(&mut Allocator); 5] = [
        |allocator| allocator.remove_framework(&"F".into()),
        |allocator| {
            allocator.set_framework("F".into(), [Role::from("b")], &BTreeSet::new(), false);
        },
        |allocator| allocator.set_framework_active(&"F".into(), false),
        |allocator| allocator.remove_agent(&"A".into()),
        |allocator| allocator.update_agent(&"A".into(), resources("cpus:4;mem:1000")),
    ];
    for end in ends {
        let mut allocator = declined();
        end(&mut allocator);
        assert_eq!(allocator.next_expiry(), None);
        assert_eq!(allocator.active_filters(&share("F", "*")), 0);
    }
}

#[test]
fn a_refused_release_leaves_no_filter() {
    let mut allocator = cluster(&["A"], &["F"]);
    let refuse = Some(Duration::from_secs(5));
    for (framework, agent) in [("F", "A"), ("G", "A"), ("F", "B")] {
        let share = share(framework, "*");
        assert!(!allocator.release(at(0), &share, &agent.into(), &resources("cpus:1"), refuse));
    }
    assert_eq!(allocator.next_expiry(), None);
    assert!(!allocator.hold(&share("F", "*"), &"B".into(), &resources("cpus:1")));
    assert_eq!(*allocator.free(&"A".into()).unwrap(), resources("cpus:4;mem:1000;ports:[1-100]"));
}

#[test]
fn a_port_is_not_held_twice_and_leaves_no_trace() {
    let mut allocator = cluster(&["A"], &[]);
    let tasks = share("F", "*");
    assert!(allocator.hold(&tasks, &"A".into(), &resources("cpus:1;ports:[7-7]")));
    assert!(!allocator.hold(&tasks, &"A".into(), &resources("cpus:1;ports:[6-8]")));
    assert!(allocator.release(at(0), &tasks, &"A".into(), &resources("cpus:1;ports:[7-7]"), None));
    assert_eq!(*allocator.free(&"A".into()).unwrap(), resources("cpus:4;mem:1000;ports:[1-100]"));
    assert!(allocator.by_share.is_empty(), "a share that holds nothing of nobody is forgotten");
}

#[test]
fn who_revives_gets_what_the_others_refuse_and_competes_for_the_rest() {
    let mut allocator = cluster(&["A", "B"], &["F", "G"]);
    for _ in 0..2 {
        for grant in allocator.allocate(at(0)) {
            decline(&mut allocator, &grant, 500); // Both refuse both.
        }
    }
    assert!(allocator.allocate(at(0)).is_empty());
    allocator.hold(&share("F", "*"), &"A".into(), &resources("cpus:1"));
    allocator.revive(&"F".into(), &BTreeSet::new());
    allocator.add_agent("C".into(), resources("cpus:4;mem:1000"));
    let grants = allocator.allocate(at(0));
    assert_eq!(takers(&grants), [("F", "A"), ("F", "B"), ("G", "C")]);
}

#[test]
fn one_event_touches_what_it_concerns_and_nothing_else() {
    let ids: Vec<_> = (0..500).map(|n| format!("A{n:03}")).collect();
    let mut allocator = cluster(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &["F"]);
    for _ in 0..8 {
        for grant in allocator.allocate(at(0)) {
            decline(&mut allocator, &grant, 500);
        }
    }
    assert_eq!(allocator.active_filters(&share("F", "*")), 500, "it refuses everything");
    assert!(allocator.allocate(at(0)).is_empty());
    let level = allocator.level;
    allocator.set_agent_active(&"A007".into(), false);
    allocator.set_agent_active(&"A007".into(), true);
    assert!(allocator.allocate(at(0)).is_empty());
    assert_eq!(allocator.level, level + 1, "one place of the queue was tried");
}

#[test]
fn who_has_waited_longest_is_offered_first() {
    let mut allocator = cluster(&["A", "B", "C"], &["F"]);
    allocator.suppress(&"F".into(), &BTreeSet::new());
    allocator.set_agent_active(&"A".into(), false);
    allocator.set_agent_active(&"A".into(), true);
    allocator.revive(&"F".into(), &BTreeSet::new());
    assert_eq!(takers(&allocator.allocate(at(0))), [("F", "B"), ("F", "C"), ("F", "A")]);
}

#[test]
fn those_who_had_no_room_compete_for_what_has_waited_for_them() {
    let mut allocator = Allocator::new(Settings { open_grants: 1, ..Settings::default() });
    for framework in ["F", "G"] {
        allocator.set_framework(framework.into(), [Role::any()], &BTreeSet::new(), false);
        allocator.set_framework_active(&framework.into(), true);
    }
    for (agent, cpus) in [("A", 8), ("B", 1), ("C", 4), ("D", 4)] {
        allocator.add_agent(agent.into(), resources(&format!("cpus:{cpus}")));
    }
    let grants = allocator.allocate(at(0));
    assert_eq!(takers(&grants), [("F", "A"), ("G", "B")]);
    allocator.answered(&share("F", "*"));
    allocator.answered(&share("G", "*"));
    assert_eq!(takers(&allocator.allocate(at(0))), [("G", "C"), ("F", "D")], "G holds less");
}

#[test]
fn answers_to_a_framework_that_was_inactive_meanwhile_make_no_extra_room() {
    let ids: Vec<_> = (0..130).map(|n| format!("A{n:03}")).collect();
    let mut allocator = cluster(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &["F"]);
    let grants = allocator.allocate(at(0));
    allocator.set_framework_active(&"F".into(), false);
    for grant in &grants {
        allocator.answered(&grant.share);
    }
    allocator.set_framework_active(&"F".into(), true);
    assert_eq!(allocator.allocate(at(0)).len(), 64);
    assert!(allocator.allocate(at(0)).is_empty());
}

#[test]
fn a_weight_set_later_counts_from_then_on() {
    let ids: Vec<_> = (0..12).map(|n| format!("A{n:02}")).collect();
    let mut allocator = cluster(&[], &["F@a", "G@b"]);
    for id in &ids {
        allocator.add_agent(id.as_str().into(), resources("cpus:1"));
    }
    let of_a = |grants: &[Grant]| grants.iter().filter(|g| g.share.role.as_str() == "a").count();
    let grants = allocator.allocate(at(0));
    assert_eq!(of_a(&grants), 6);
    allocator.set_weight("a".into(), Weight::from_f64(2.0).unwrap());
    for grant in &grants {
        allocator.release(at(0), &grant.share, &grant.agent, &grant.resources, None);
        allocator.answered(&grant.share);
    }
    assert_eq!(of_a(&allocator.allocate(at(0))), 8);
}

#[test]
fn nothing_is_due_when_nobody_could_get_anything() {
    let mut allocator = cluster(&["A"], &["F"]);
    let grant = allocator.allocate(at(0)).remove(0);
    assert!(!allocator.is_due());
    allocator.answered(&grant.share);
    allocator.suppress(&"F".into(), &BTreeSet::new());
    allocator.revive(&"F".into(), &BTreeSet::new());
    assert!(!allocator.is_due(), "the only agent is held");
    allocator.release(at(0), &grant.share, &grant.agent, &grant.resources, None);
    assert!(allocator.is_due());
}

#[derive(Debug, Clone)]
enum Step {
    AddAgent(u8, u32),
    RemoveAgent(u8),
    UpdateAgent(u8, u32),
    AgentActive(u8, bool),
    AddFramework(u8, u8),
    FrameworkActive(u8, bool),
    RemoveFramework(u8),
    Suppress(u8),
    Revive(u8),
    /// Answers the n-th open grant, using the first `n` thousandths of a cpu of it.
    Answer(usize, u32, u64),
    Finish(usize),
    Allocate(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u8..5, 1u32..5).prop_map(|(agent, cpus)| Step::AddAgent(agent, cpus)),
        (0u8..5).prop_map(Step::RemoveAgent),
        (0u8..5, 1u32..5).prop_map(|(agent, more)| Step::UpdateAgent(agent, more)),
        (0u8..5, any::<bool>()).prop_map(|(agent, on)| Step::AgentActive(agent, on)),
        (0u8..4, 0u8..4).prop_map(|(framework, role)| Step::AddFramework(framework, role)),
        (0u8..4, any::<bool>()).prop_map(|(framework, on)| Step::FrameworkActive(framework, on)),
        (0u8..4).prop_map(Step::RemoveFramework),
        (0u8..4).prop_map(Step::Suppress),
        (0u8..4).prop_map(Step::Revive),
        (any::<usize>(), 0u32..1_500, 0u64..9)
            .prop_map(|(n, used, wait)| Step::Answer(n, used, wait)),
        any::<usize>().prop_map(Step::Finish),
        (0u64..4).prop_map(Step::Allocate),
        (0u64..4).prop_map(Step::Allocate),
    ];
    prop::collection::vec(step, 0..60)
}

/// Plays steps and keeps its own books.
struct Play {
    allocator: Allocator,
    now: u64,
    totals: BTreeMap<AgentId, Resources>,
    open: Vec<Grant>,
    used: Vec<Grant>,
}

impl Play {
    fn new() -> Self {
        let settings = Settings { open_grants: 3, ..Settings::default() };
        Self {
            allocator: Allocator::new(settings),
            now: 0,
            totals: BTreeMap::new(),
            open: Vec::new(),
            used: Vec::new(),
        }
    }

    fn forget(&mut self, agent: &AgentId) {
        self.totals.remove(agent);
        for grant in self.open.extract_if(.., |grant| grant.agent == *agent) {
            self.allocator.answered(&grant.share);
        }
        self.used.retain(|grant| grant.agent != *agent);
    }

    fn step(&mut self, step: Step) {
        let agent = |n: u8| AgentId::from(format!("A{n}"));
        let framework = |n: u8| FrameworkId::from(format!("F{n}"));
        match step {
            Step::AddAgent(n, cpus) => {
                let total = resources(&format!("cpus:{cpus};mem:{}", cpus * 100));
                self.forget(&agent(n));
                self.allocator.add_agent(agent(n), total.clone());
                self.totals.insert(agent(n), total);
            }
            Step::RemoveAgent(n) => {
                self.forget(&agent(n));
                self.allocator.remove_agent(&agent(n));
            }
            Step::UpdateAgent(n, more) => {
                if let Some(total) = self.totals.get_mut(&agent(n)) {
                    *total = total.checked_add(&resources(&format!("cpus:{more}"))).unwrap();
                    self.allocator.update_agent(&agent(n), total.clone());
                }
            }
            Step::AgentActive(n, on) => self.allocator.set_agent_active(&agent(n), on),
            Step::AddFramework(n, role) => {
                let role = Role::from(["*", "a", "a/b", "c"][usize::from(role)]);
                if !self.open.iter().any(|grant| grant.share.framework == framework(n)) {
                    self.allocator.set_framework(framework(n), [role], &BTreeSet::new(), false);
                }
            }
            Step::FrameworkActive(n, on) => {
                if !on {
                    let gone = |grant: &mut Grant| grant.share.framework == framework(n);
                    for grant in self.open.extract_if(.., gone).collect::<Vec<_>>() {
                        self.give_back(&grant, &grant.resources.clone(), None);
                    }
                }
                self.allocator.set_framework_active(&framework(n), on);
            }
            Step::RemoveFramework(n) => {
                self.allocator.set_framework_active(&framework(n), false);
                let gone = |grant: &mut Grant| grant.share.framework == framework(n);
                let grants: Vec<_> = self.open.extract_if(.., gone).collect();
                let used: Vec<_> = self.used.extract_if(.., gone).collect();
                for grant in grants.iter().chain(&used) {
                    self.give_back(grant, &grant.resources.clone(), None);
                }
                self.allocator.remove_framework(&framework(n));
            }
            Step::Suppress(n) => self.allocator.suppress(&framework(n), &BTreeSet::new()),
            Step::Revive(n) => self.allocator.revive(&framework(n), &BTreeSet::new()),
            Step::Answer(n, used, wait) => self.answer(n, used, wait),
            Step::Finish(n) => {
                if !self.used.is_empty() {
                    let grant = self.used.swap_remove(n % self.used.len());
                    self.give_back(&grant, &grant.resources.clone(), None);
                }
            }
            Step::Allocate(wait) => {
                self.now += wait;
                let grants = self.allocator.allocate(at(self.now));
                self.open.extend(grants);
            }
        }
    }

    fn give_back(&mut self, grant: &Grant, resources: &Resources, refuse: Option<Duration>) {
        assert!(
            self.allocator.release(at(self.now), &grant.share, &grant.agent, resources, refuse),
            "{grant:?} is held"
        );
    }

    fn answer(&mut self, n: usize, used: u32, wait: u64) {
        if self.open.is_empty() {
            return;
        }
        let grant = self.open.swap_remove(n % self.open.len());
        let task = resources(&format!("cpus:{}", f64::from(used) / 1_000.0));
        let rest = match grant.resources.checked_sub(&task) {
            Some(rest) => {
                self.used.push(Grant { resources: task, ..grant.clone() });
                rest
            }
            None => grant.resources.clone(),
        };
        self.give_back(&grant, &rest, Some(Duration::from_secs(wait)));
        self.allocator.answered(&grant.share);
    }

    /// An agent that a share with room may have and did not get.
    fn left_over(&self) -> Option<(AgentId, Share)> {
        let allocator = &self.allocator;
        for (agent, account) in allocator.agents.iter() {
            if !account.is_active || !allocator.settings.minimum.is_met_by(&account.free) {
                continue;
            }
            for (share, holder) in allocator.holders.iter() {
                let Some(interest) = &holder.interest else { continue };
                let wants = interest.is_active && !interest.is_suppressed && interest.open < 3;
                let (agent, share) = (AgentSlot(agent), ShareSlot(share));
                if wants && !allocator.filters.withhold(at(self.now), share, agent, &account.free) {
                    return Some((account.id.clone(), holder.share.clone()));
                }
            }
        }
        None
    }

    fn held(&self, agent: &AgentId) -> Resources {
        let all = self.open.iter().chain(&self.used).filter(|grant| grant.agent == *agent);
        all.fold(Resources::new(), |sum, grant| sum.checked_add(&grant.resources).unwrap())
    }
}

/// The branches above a share and the share itself, from the top.
fn path(share: &Share) -> Vec<String> {
    let role = share.role.as_str();
    let parts: Vec<_> = role.split('/').collect();
    let mut path: Vec<_> = (1..=parts.len()).map(|n| parts[..n].join("/")).collect();
    path.extend([format!("{role}/."), format!("{role}/.{}", share.framework)]);
    path
}

proptest! {
    #[test]
    fn held_and_free_always_make_the_total(steps in steps()) {
        let mut play = Play::new();
        for step in steps {
            play.step(step.clone());
            for (agent, total) in &play.totals {
                let free = play.allocator.free(agent).unwrap();
                prop_assert_eq!(&play.held(agent).checked_add(free).unwrap(), total, "{:?}", step);
            }
        }
    }

    #[test]
    fn what_is_free_and_wanted_is_granted(steps in steps()) {
        let mut play = Play::new();
        for step in steps {
            play.step(step);
            play.step(Step::Allocate(0));
            prop_assert_eq!(play.left_over(), None);
        }
    }

    /// When everybody competes for everything, each agent goes to whoever stands furthest behind, as
    /// worked out anew from what has been granted and held so far.
    #[test]
    fn whoever_is_granted_stood_furthest_behind(steps in steps()) {
        let mut play = Play::new();
        for step in steps {
            play.step(step);
        }
        for n in 0..4 {
            play.step(Step::Revive(n));
        }
        let mut held: BTreeMap<Share, Quantities> = BTreeMap::new();
        for (_, account) in play.allocator.agents.iter() {
            for (share, resources) in account.holdings() {
                let share = play.allocator.holders.get(share.0).unwrap().share.clone();
                held.entry(share).or_default().add(&Quantities::from(resources));
            }
        }
        let total = *play.allocator.tree.total();
        let mut room: BTreeMap<Share, usize> = BTreeMap::new();
        for (_, holder) in play.allocator.holders.iter() {
            if let Some(interest) = holder.interest.as_ref().filter(|i| i.is_active) {
                room.insert(holder.share.clone(), 3 - interest.open.min(3));
            }
        }
        let before = play.open.len();
        play.step(Step::Allocate(0));
        for grant in &play.open[before..] {
            for (rival, _) in room.iter().filter(|(rival, room)| **room > 0 && **rival != grant.share) {
                let (mine, other) = (path(&grant.share), path(rival));
                let fork = mine.iter().zip(&other).find(|(a, b)| a != b).unwrap();
                let below = |branch: &String| {
                    let mut sum = Quantities::default();
                    let shares = held.iter().filter(|(share, _)| path(share).contains(branch));
                    shares.for_each(|(_, held)| sum.add(held));
                    DominantShare::new(&sum, &total, 1_000)
                };
                prop_assert!(below(fork.0) <= below(fork.1), "{:?} before {rival:?}", grant.share);
            }
            *room.get_mut(&grant.share).unwrap() -= 1;
            held.entry(grant.share.clone()).or_default().add(&Quantities::from(&grant.resources));
        }
    }

    /// Equal frameworks that always give everything back have equally many offers after any rounds.
    #[test]
    fn equal_frameworks_are_served_equally_often(agents in 1usize..6, frameworks in 1usize..6, rounds in 1usize..20) {
        let agents: Vec<_> = (0..agents).map(|n| format!("A{n}")).collect();
        let frameworks: Vec<_> = (0..frameworks).map(|n| format!("F{n}")).collect();
        let text = |all: &[String]| all.iter().map(|id| id.clone().leak() as &str).collect::<Vec<_>>();
        let mut allocator = cluster(&text(&agents), &text(&frameworks));
        let mut served: BTreeMap<String, usize> = frameworks.iter().map(|f| (f.clone(), 0)).collect();
        for _ in 0..rounds {
            let grants = allocator.allocate(at(0));
            prop_assert_eq!(grants.len(), agents.len());
            for grant in grants {
                *served.get_mut(grant.share.framework.as_str()).unwrap() += 1;
                allocator.release(at(0), &grant.share, &grant.agent, &grant.resources, None);
                allocator.answered(&grant.share);
            }
        }
        let (least, most) = (served.values().min().unwrap(), served.values().max().unwrap());
        prop_assert!(most - least <= 1, "{served:?}");
    }

    #[test]
    fn a_cycle_is_due_whenever_it_would_grant_something(steps in steps()) {
        let mut play = Play::new();
        for step in steps {
            play.step(step.clone());
            let next_expiry = play.allocator.next_expiry().is_some_and(|end| end <= at(play.now));
            if !play.allocator.is_due() && !next_expiry {
                let before = play.open.len();
                play.step(Step::Allocate(0));
                prop_assert_eq!(play.open.len(), before, "{:?}", step);
            }
        }
    }

    /// Nothing is tried that has been tried before: the numbers agree with those worked out anew.
    #[test]
    fn the_indices_agree_with_what_they_index(steps in steps()) {
        let mut play = Play::new();
        for step in steps {
            play.step(step);
            let allocator = &play.allocator;
            for (place, agent) in &allocator.queue {
                prop_assert_eq!(allocator.agents.get(agent.0).unwrap().place, Some(*place));
            }
            for (slot, account) in allocator.agents.iter() {
                prop_assert_eq!(allocator.by_agent[&account.id], AgentSlot(slot));
                let is_worth = account.is_active && allocator.settings.minimum.is_met_by(&account.free);
                let is_queued = account.place.is_some_and(|place| allocator.queue.contains_key(&place));
                prop_assert_eq!(is_worth, is_queued, "{}", account.id);
            }
            for (slot, holder) in allocator.holders.iter() {
                let share = ShareSlot(slot);
                prop_assert_eq!(allocator.by_share[&holder.share], share);
                let held = allocator.agents.iter().filter(|(_, account)| account.holds(share)).count();
                prop_assert_eq!(holder.holdings, held);
                prop_assert!(held > 0 || holder.interest.is_some(), "{:?} is nobody's", holder.share);
            }
        }
    }

    #[test]
    fn the_grants_of_a_cycle_are_of_different_agents(steps in steps()) {
        let mut play = Play::new();
        for step in steps {
            play.step(step);
            let before = play.open.len();
            play.step(Step::Allocate(1));
            let mut agents: Vec<_> = play.open[before..].iter().map(|g| g.agent.clone()).collect();
            agents.sort();
            let all = agents.len();
            agents.dedup();
            prop_assert_eq!(agents.len(), all);
        }
    }
}
