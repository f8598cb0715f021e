//! Offer filters: who does not want what from which agent, and until when.
//!
//! **Invariant:** `expiries` holds exactly the times of the filters in `by_share`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{AgentId, Instant, Resources};

use crate::ledger::Share;

/// How long a refusal lasts when the framework does not say.
pub const DEFAULT_REFUSAL: Duration = Duration::from_secs(5);

/// The longest refusal.
pub const LONGEST_REFUSAL: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Reads `refuse_seconds`: over 365 days is cut to that, negative or not a number is the default.
///
/// Source: mesos.md §6.4.
pub fn refusal(seconds: Option<f64>) -> Duration {
    match seconds {
        Some(seconds) if seconds >= LONGEST_REFUSAL.as_secs_f64() => LONGEST_REFUSAL,
        Some(seconds) if seconds >= 0.0 => Duration::from_secs_f64(seconds),
        Some(_) | None => DEFAULT_REFUSAL,
    }
}

#[derive(Debug, Clone)]
struct Filter {
    refused: Resources,
    until: Instant,
}

/// All filters of all frameworks.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    by_share: BTreeMap<Share, BTreeMap<AgentId, Vec<Filter>>>,
    expiries: BTreeSet<(Instant, Share, AgentId)>,
}

impl Filters {
    /// Withholds what is contained in `refused` until `until`.
    pub(crate) fn refuse(
        &mut self,
        share: Share,
        agent: AgentId,
        refused: Resources,
        until: Instant,
    ) {
        let filters =
            self.by_share.entry(share.clone()).or_default().entry(agent.clone()).or_default();
        // A filter that the new one covers says nothing any more; this bounds the list.
        filters.retain(|old| {
            let keep = old.until > until || !refused.contains(&old.refused);
            if !keep {
                self.expiries.remove(&(old.until, share.clone(), agent.clone()));
            }
            keep
        });
        filters.push(Filter { refused, until });
        for filter in filters {
            self.expiries.insert((filter.until, share.clone(), agent.clone()));
        }
    }

    /// Whether `offered` from `agent` is withheld from `share`.
    pub(crate) fn withhold(
        &self,
        now: Instant,
        share: &Share,
        agent: &AgentId,
        offered: &Resources,
    ) -> bool {
        self.by_share.get(share).and_then(|agents| agents.get(agent)).is_some_and(|filters| {
            filters.iter().any(|filter| filter.until > now && filter.refused.contains(offered))
        })
    }

    /// Drops all filters of `share` and names their agents.
    pub(crate) fn clear_share(&mut self, share: &Share) -> Vec<AgentId> {
        let agents = self.by_share.remove(share).unwrap_or_default();
        for (agent, filters) in &agents {
            for filter in filters {
                self.expiries.remove(&(filter.until, share.clone(), agent.clone()));
            }
        }
        agents.into_keys().collect()
    }

    /// Drops all filters on `agent`.
    pub(crate) fn clear_agent(&mut self, agent: &AgentId) {
        for (share, agents) in &mut self.by_share {
            for filter in agents.remove(agent).unwrap_or_default() {
                self.expiries.remove(&(filter.until, share.clone(), agent.clone()));
            }
        }
        self.by_share.retain(|_, agents| !agents.is_empty());
    }

    /// Drops what has expired and names the agents concerned.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<AgentId> {
        let mut concerned = Vec::new();
        while let Some((until, share, agent)) = self.expiries.first().cloned() {
            if until > now {
                break;
            }
            self.expiries.pop_first();
            if let Some(agents) = self.by_share.get_mut(&share) {
                if let Some(filters) = agents.get_mut(&agent) {
                    filters.retain(|filter| filter.until > now);
                    if filters.is_empty() {
                        agents.remove(&agent);
                    }
                }
                if agents.is_empty() {
                    self.by_share.remove(&share);
                }
            }
            concerned.push(agent);
        }
        concerned
    }

    /// When the next filter expires.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(until, _, _)| *until)
    }

    /// How many agents `share` refuses something of.
    pub(crate) fn active(&self, share: &Share) -> usize {
        self.by_share.get(share).map_or(0, BTreeMap::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share() -> Share {
        Share { framework: "F".into(), role: "*".into() }
    }

    fn resources(text: &str) -> Resources {
        Resources::parse(text).unwrap()
    }

    #[test]
    fn a_filter_withholds_what_it_contains_and_nothing_more() {
        let mut filters = Filters::default();
        filters.refuse(share(), "A".into(), resources("cpus:2;mem:64"), Instant::from_secs(5));
        let withheld = |at: u64, text: &str| {
            filters.withhold(Instant::from_secs(at), &share(), &"A".into(), &resources(text))
        };
        assert!(withheld(4, "cpus:2;mem:64") && withheld(4, "cpus:1"));
        assert!(!withheld(4, "cpus:3"), "more than was refused is offered");
        assert!(!withheld(5, "cpus:1"), "the time is over");
    }

    #[test]
    fn expired_filters_are_dropped_and_their_agents_named() {
        let mut filters = Filters::default();
        filters.refuse(share(), "A".into(), resources("cpus:1"), Instant::from_secs(5));
        filters.refuse(share(), "B".into(), resources("cpus:1"), Instant::from_secs(9));
        assert_eq!(filters.next_expiry(), Some(Instant::from_secs(5)));
        assert_eq!(filters.expire(Instant::from_secs(5)), [AgentId::from("A")]);
        assert_eq!(filters.next_expiry(), Some(Instant::from_secs(9)));
        assert_eq!(filters.active(&share()), 1);
    }

    #[test]
    fn reviving_drops_every_filter_of_the_share() {
        let mut filters = Filters::default();
        filters.refuse(share(), "A".into(), resources("cpus:1"), Instant::from_secs(5));
        assert_eq!(filters.clear_share(&share()), [AgentId::from("A")]);
        assert_eq!((filters.next_expiry(), filters.active(&share())), (None, 0));
    }

    #[test]
    fn refusing_the_same_again_does_not_pile_up() {
        let mut filters = Filters::default();
        for second in 5..50 {
            filters.refuse(share(), "A".into(), resources("cpus:1"), Instant::from_secs(second));
        }
        let kept = &filters.by_share[&share()][&AgentId::from("A")];
        assert_eq!((kept.len(), filters.expiries.len()), (1, 1));
    }

    #[test]
    fn refusals_are_read_as_the_original_does() {
        assert_eq!(refusal(None), DEFAULT_REFUSAL);
        assert_eq!(refusal(Some(f64::NAN)), DEFAULT_REFUSAL);
        assert_eq!(refusal(Some(-1.0)), DEFAULT_REFUSAL);
        assert_eq!(refusal(Some(0.0)), Duration::ZERO);
        assert_eq!(refusal(Some(1e300)), LONGEST_REFUSAL);
    }
}
