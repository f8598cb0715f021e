//! How long a full allocation takes, and what single events cost beside it.
//!
//! Usage: `allocate [AGENTS] [FRAMEWORKS] [ROLES]`. Prints one line per row. Each row of single events is
//! the mean over many of them, the cycle that follows included.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints what it measured"
)]

use std::collections::BTreeSet;
use std::error::Error;
use std::time::{Duration, Instant};

use allocator::{Allocator, Grant, Settings};
use model::{AgentId, FrameworkId, Resources, Role};

const EVENTS: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().map_or(Ok(default), |count| count.parse());
    let (agents, frameworks, roles) = (number(10_000)?, number(1_000)?, number(1)?);
    println!("{agents} agents, {frameworks} frameworks, {roles} roles");
    let mut cluster = Cluster::new(agents, frameworks, roles)?;
    cluster.full_allocations();
    cluster.single_events();
    Ok(())
}

fn row(name: &str, took: Duration, count: usize) {
    let each = took.as_nanos() / u128::try_from(count.max(1)).unwrap_or(1);
    println!("{name:<44} {:>9.3} ms {count:>7} x {each:>9} ns", took.as_secs_f64() * 1_000.0);
}

struct Cluster {
    allocator: Allocator,
    frameworks: Vec<FrameworkId>,
    agents: Vec<AgentId>,
    grants: Vec<Grant>,
}

impl Cluster {
    fn new(agents: usize, frameworks: usize, roles: usize) -> Result<Self, Box<dyn Error>> {
        let total = Resources::parse("cpus:24;mem:65536;disk:262144;ports:[31000-32000]")?;
        let agents: Vec<_> = (0..agents).map(|n| AgentId::from(format!("m-S{n}"))).collect();
        let frameworks: Vec<_> =
            (0..frameworks).map(|n| FrameworkId::from(format!("m-{n:04}"))).collect();
        let mut allocator = Allocator::new(Settings::default());
        let begin = Instant::now();
        for agent in &agents {
            allocator.add_agent(agent.clone(), total.clone());
        }
        row("an agent is added", begin.elapsed(), agents.len());
        let begin = Instant::now();
        for (n, framework) in frameworks.iter().enumerate() {
            let role =
                if roles == 1 { Role::any() } else { Role::from(format!("team/{}", n % roles)) };
            allocator.set_framework(framework.clone(), [role], &BTreeSet::new(), false);
            allocator.set_framework_active(framework, true);
        }
        row("a framework subscribes", begin.elapsed(), frameworks.len());
        Ok(Self { allocator, frameworks, agents, grants: Vec::new() })
    }

    /// A cycle; the grants are kept.
    fn allocate(&mut self) -> (Duration, usize) {
        let begin = Instant::now();
        let grants = self.allocator.allocate(model::Instant::ZERO);
        let (took, count) = (begin.elapsed(), grants.len());
        self.grants.extend(grants);
        (took, count)
    }

    fn answer(&mut self, grant: &Grant, refuse: Option<Duration>) {
        let (share, agent, now) = (&grant.share, &grant.agent, model::Instant::ZERO);
        self.allocator.release(now, share, agent, &grant.resources, refuse);
        self.allocator.answered(share);
    }

    fn answer_all(&mut self, refuse: Option<Duration>) -> (Duration, usize) {
        let grants = std::mem::take(&mut self.grants);
        let begin = Instant::now();
        for grant in &grants {
            self.answer(grant, refuse);
        }
        (begin.elapsed(), grants.len())
    }

    fn full_allocations(&mut self) {
        for round in ["first", "second", "third"] {
            let (took, count) = self.allocate();
            row(&format!("full allocation, {round}"), took, count);
            let (took, count) = self.answer_all(Some(Duration::from_secs(3_600)));
            row("an offer is declined for an hour", took, count);
        }
        let begin = Instant::now();
        for framework in &self.frameworks {
            self.allocator.revive(framework, &BTreeSet::new());
        }
        row("a framework revives, no cycle", begin.elapsed(), self.frameworks.len());
        let (took, count) = self.allocate();
        row("full allocation, all revived", took, count);
    }

    fn single_events(&mut self) {
        let mut took = Duration::ZERO;
        for n in 0..EVENTS.min(self.grants.len()) {
            let grant = self.grants.swap_remove(n * 7_919 % self.grants.len());
            let begin = Instant::now();
            self.answer(&grant, None);
            took += begin.elapsed() + self.allocate().0;
        }
        row("an offer is given back, all else is offered", took, EVENTS);
        took = Duration::ZERO;
        for n in 0..EVENTS {
            let agent = self.agents[n * 7_919 % self.agents.len()].clone();
            let place = self.grants.iter().position(|grant| grant.agent == agent);
            let Some(grant) = place.map(|place| self.grants.swap_remove(place)) else { continue };
            let begin = Instant::now();
            self.allocator.set_agent_active(&agent, false);
            self.answer(&grant, None);
            self.allocator.set_agent_active(&agent, true);
            took += begin.elapsed() + self.allocate().0;
        }
        row("an agent leaves and returns", took, EVENTS);
        for framework in &self.frameworks {
            self.allocator.suppress(framework, &BTreeSet::new());
        }
        self.answer_all(None);
        self.allocate();
        let (mut took, mut granted) = (Duration::ZERO, 0);
        for n in 0..EVENTS {
            let framework = self.frameworks[n * 101 % self.frameworks.len()].clone();
            let begin = Instant::now();
            self.allocator.revive(&framework, &BTreeSet::new());
            let revived = begin.elapsed();
            let (cycle, count) = self.allocate();
            took += revived + cycle;
            granted += count;
            self.allocator.suppress(&framework, &BTreeSet::new());
            self.answer_all(None);
        }
        row("one framework revives, everything is free", took, EVENTS);
        row("  of these, an offer made", took, granted);
    }
}
