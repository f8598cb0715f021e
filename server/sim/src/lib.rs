//! The whole platform in one thread: the real cores of master, Marathon and agents under faults that a seed decides.
//!
//! The cores, the state machine that replicates their records, and the shapes on the wire are those of
//! production. Simulated are the drivers (`driver`, `node`, `machine`), the network, disks, engines, clocks and
//! clients; they give the guarantees of `server/src` and no stronger ones. After every step the invariants are
//! checked, one file each; then all faults heal and everything must come to rest as it was ordered.
//!
//! Equal seeds give equal runs: nothing here reads a clock, an address or a hash order.
#![forbid(unsafe_code)]

mod batch;
mod bug;
mod client;
mod driver;
mod election;
mod event;
mod faults;
mod invariants;
mod lease;
mod machine;
mod network;
mod node;
mod random;
mod store;
mod trace;
mod world;

use std::time::Duration;

pub use crate::bug::Bug;
pub use crate::world::{Options, Violation};

use crate::world::World;

/// How long everything may take to come to rest once the faults are over.
const PATIENCE: Duration = Duration::from_secs(900);
/// How long the last orders and faults may still show; a kill that was lost is sent again after 30 s.
const SHOCK: Duration = Duration::from_secs(40);
/// How long rest must last.
const REST: Duration = Duration::from_secs(20);

/// A run in which everything held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// How many events there were.
    pub events: u64,
    /// Time from the end of the faults until everything was at rest.
    pub healing: Duration,
}

/// A run in which something did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub violation: Violation,
    /// The last events, when they were kept.
    pub trace: Vec<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Violation { invariant, found } = &self.violation;
        write!(f, "seed {}: {invariant}: {found} (cargo xtask sim --seed {})", self.seed, self.seed)
    }
}

impl std::error::Error for Failure {}

/// Runs the world of one seed.
///
/// # Errors
/// When an invariant does not hold.
pub fn run(seed: u64, options: Options) -> Result<Report, Box<Failure>> {
    let mut world = World::new(seed, options);
    let healed = world.faults.ends_at;
    world.run_until(healed);
    let mut rested_at = None;
    let mut unrest = String::new();
    while world.violation.is_none() {
        let next = world.now + Duration::from_secs(1);
        world.run_until(next);
        if world.now.duration_since(healed) < SHOCK {
            continue;
        }
        match (world.is_at_rest(), rested_at) {
            (Ok(()), Some(since)) if world.now.duration_since(since) >= REST => break,
            (Ok(()), Some(_)) => {}
            (Ok(()), None) => rested_at = Some(world.now),
            (Err(reason), Some(_)) if world.violation.is_none() => {
                world.fail("convergence", format!("it was at rest, and then {reason}"));
            }
            (Err(reason), _) => unrest = reason,
        }
        if world.now.duration_since(healed) > PATIENCE + REST && rested_at.is_none() {
            world.fail("convergence", format!("after {} s {unrest}", PATIENCE.as_secs()));
        }
    }
    match world.violation {
        Some(violation) => {
            Err(Box::new(Failure { seed, violation, trace: world.trace.into_lines() }))
        }
        None => Ok(Report {
            events: world.events,
            healing: rested_at.unwrap_or(world.now).duration_since(healed),
        }),
    }
}
