//! What an operator may choose, and who this master is.

use std::time::Duration;

use model::Epoch;
use wire::mesos::v1::MasterInfo;

/// Settings of one leadership; they do not change while it lasts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who this master is; `id` is new for every leadership and begins every id minted in it.
    pub master: MasterInfo,
    /// The fence of this leadership.
    pub epoch: Epoch,
    /// How often agents are pinged. Compat: 3 s where the original takes 15 s.
    pub ping_timeout: Duration,
    /// After how many unanswered pings an agent is unreachable.
    pub max_pings: u32,
    /// How long agents of an earlier master have to come back. Compat: 60 s, 10 min in the original.
    pub agent_reregister_timeout: Duration,
    /// How often a framework's stream carries a heartbeat; told in SUBSCRIBED.
    pub heartbeat_interval: Duration,
    /// How many ended frameworks are remembered.
    pub max_completed_frameworks: usize,
    /// How many ended tasks are remembered of each framework.
    pub max_completed_tasks: usize,
    /// How many unreachable tasks are remembered of each framework.
    pub max_unreachable_tasks: usize,
    /// How many unreachable agents are remembered.
    pub max_unreachable_agents: usize,
    /// How long an unreachable agent is remembered.
    pub max_unreachable_age: Duration,
    /// Whether a framework may run as root.
    pub root_submissions: bool,
    /// The allocator's settings.
    pub allocator: allocator::Settings,
}

impl Config {
    /// The defaults, for the given master and leadership.
    pub fn new(master: MasterInfo, epoch: Epoch) -> Self {
        Self {
            master,
            epoch,
            ping_timeout: Duration::from_secs(3),
            max_pings: 5,
            agent_reregister_timeout: Duration::from_secs(60),
            heartbeat_interval: Duration::from_secs(15),
            max_completed_frameworks: 50,
            max_completed_tasks: 1_000,
            max_unreachable_tasks: 1_000,
            max_unreachable_agents: 102_400,
            max_unreachable_age: Duration::from_secs(14 * 24 * 3_600),
            root_submissions: true,
            allocator: allocator::Settings::default(),
        }
    }

    /// How long an agent may be silent.
    pub fn agent_timeout(&self) -> Duration {
        self.ping_timeout.saturating_mul(self.max_pings)
    }
}
