//! Offer filters: who does not want what from which agent, and until when.
//!
//! **Invariant:** `expiries` holds exactly the times of the filters in `by_share`, and `by_agent` its pairs
//! the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Instant, Resources};

use crate::accounts::{AgentSlot, ShareSlot};

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
    by_share: BTreeMap<ShareSlot, BTreeMap<AgentSlot, Vec<Filter>>>,
    /// Who has filters on an agent.
    by_agent: BTreeMap<AgentSlot, BTreeSet<ShareSlot>>,
    expiries: BTreeSet<(Instant, ShareSlot, AgentSlot)>,
}

impl Filters {
    /// Withholds what is contained in `refused` until `until`.
    pub(crate) fn refuse(
        &mut self,
        share: ShareSlot,
        agent: AgentSlot,
        refused: Resources,
        until: Instant,
    ) {
        let filters = self.by_share.entry(share).or_default().entry(agent).or_default();
        // A filter that the new one covers says nothing any more; this bounds the list.
        filters.retain(|old| {
            let keep = old.until > until || !refused.contains(&old.refused);
            if !keep {
                self.expiries.remove(&(old.until, share, agent));
            }
            keep
        });
        filters.push(Filter { refused, until });
        // Of two that end together the one that went may have taken the time of the one that stays.
        self.expiries.extend(filters.iter().map(|filter| (filter.until, share, agent)));
        self.by_agent.entry(agent).or_default().insert(share);
    }

    /// Whether `offered` from `agent` is withheld from `share`.
    pub(crate) fn withhold(
        &self,
        now: Instant,
        share: ShareSlot,
        agent: AgentSlot,
        offered: &Resources,
    ) -> bool {
        self.by_share.get(&share).and_then(|agents| agents.get(&agent)).is_some_and(|filters| {
            filters.iter().any(|filter| filter.until > now && filter.refused.contains(offered))
        })
    }

    /// Drops all filters of `share`.
    pub(crate) fn clear_share(&mut self, share: ShareSlot) {
        for (agent, filters) in self.by_share.remove(&share).unwrap_or_default() {
            self.drop_expiries(share, agent, &filters);
            self.unlist(share, agent);
        }
    }

    /// Drops all filters on `agent`.
    pub(crate) fn clear_agent(&mut self, agent: AgentSlot) {
        for share in self.by_agent.remove(&agent).unwrap_or_default() {
            let Some(agents) = self.by_share.get_mut(&share) else { continue };
            let filters = agents.remove(&agent).unwrap_or_default();
            if agents.is_empty() {
                self.by_share.remove(&share);
            }
            self.drop_expiries(share, agent, &filters);
        }
    }

    /// Drops what has expired and names the agents concerned.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<AgentSlot> {
        let mut concerned = Vec::new();
        while let Some(&(until, share, agent)) = self.expiries.first() {
            if until > now {
                break;
            }
            self.expiries.pop_first();
            concerned.push(agent);
            let Some(agents) = self.by_share.get_mut(&share) else { continue };
            let Some(filters) = agents.get_mut(&agent) else { continue };
            filters.retain(|filter| filter.until > now);
            if filters.is_empty() {
                agents.remove(&agent);
                if agents.is_empty() {
                    self.by_share.remove(&share);
                }
                self.unlist(share, agent);
            }
        }
        concerned
    }

    /// When the next filter expires.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(until, _, _)| *until)
    }

    /// How many agents `share` refuses something of.
    pub(crate) fn active(&self, share: ShareSlot) -> usize {
        self.by_share.get(&share).map_or(0, BTreeMap::len)
    }

    fn drop_expiries(&mut self, share: ShareSlot, agent: AgentSlot, filters: &[Filter]) {
        for filter in filters {
            self.expiries.remove(&(filter.until, share, agent));
        }
    }

    fn unlist(&mut self, share: ShareSlot, agent: AgentSlot) {
        if let Some(shares) = self.by_agent.get_mut(&agent) {
            shares.remove(&share);
            if shares.is_empty() {
                self.by_agent.remove(&agent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const F: ShareSlot = ShareSlot(0);
    const A: AgentSlot = AgentSlot(0);
    const B: AgentSlot = AgentSlot(1);

    fn resources(text: &str) -> Resources {
        Resources::parse(text).unwrap()
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_secs(seconds)
    }

    #[test]
    fn a_filter_withholds_what_it_contains_and_nothing_more() {
        let mut filters = Filters::default();
        filters.refuse(F, A, resources("cpus:2;mem:64"), at(5));
        let withheld = |now, text: &str| filters.withhold(at(now), F, A, &resources(text));
        assert!(withheld(4, "cpus:2;mem:64") && withheld(4, "cpus:1"));
        assert!(!withheld(4, "cpus:3"), "more than was refused is offered");
        assert!(!withheld(5, "cpus:1"), "the time is over");
    }

    #[test]
    fn expired_filters_are_dropped_and_their_agents_named() {
        let mut filters = Filters::default();
        filters.refuse(F, A, resources("cpus:1"), at(5));
        filters.refuse(F, B, resources("cpus:1"), at(9));
        assert_eq!(filters.next_expiry(), Some(at(5)));
        assert_eq!(filters.expire(at(5)), [A]);
        assert_eq!(filters.next_expiry(), Some(at(9)));
        assert_eq!(filters.active(F), 1);
    }

    #[test]
    fn reviving_drops_every_filter_of_the_share() {
        let mut filters = Filters::default();
        filters.refuse(F, A, resources("cpus:1"), at(5));
        filters.clear_share(F);
        assert_eq!((filters.next_expiry(), filters.active(F)), (None, 0));
    }

    #[test]
    fn refusing_the_same_again_does_not_pile_up() {
        let mut filters = Filters::default();
        for second in 5..50 {
            filters.refuse(F, A, resources("cpus:1"), at(second));
        }
        assert_eq!((filters.by_share[&F][&A].len(), filters.expiries.len()), (1, 1));
    }

    #[test]
    fn of_two_filters_that_end_together_one_may_go() {
        let mut filters = Filters::default();
        filters.refuse(F, A, resources("cpus:1"), at(9));
        filters.refuse(F, A, resources("mem:64"), at(9));
        filters.refuse(F, A, resources("cpus:2"), at(9));
        assert_eq!(filters.next_expiry(), Some(at(9)));
        assert_eq!(filters.expire(at(9)), [A]);
        assert_eq!(filters.active(F), 0);
    }

    #[test]
    fn refusals_are_read_as_the_original_does() {
        assert_eq!(refusal(None), DEFAULT_REFUSAL);
        assert_eq!(refusal(Some(f64::NAN)), DEFAULT_REFUSAL);
        assert_eq!(refusal(Some(-1.0)), DEFAULT_REFUSAL);
        assert_eq!(refusal(Some(0.0)), Duration::ZERO);
        assert_eq!(refusal(Some(1e300)), LONGEST_REFUSAL);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Refuse(usize, usize, u32, u64),
        ClearShare(usize),
        ClearAgent(usize),
        Expire(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0usize..3, 0usize..3, 1u32..4, 1u64..9)
                .prop_map(|(share, agent, cpus, wait)| Step::Refuse(share, agent, cpus, wait)),
            1 => (0usize..3).prop_map(Step::ClearShare),
            1 => (0usize..3).prop_map(Step::ClearAgent),
            2 => (0u64..4).prop_map(Step::Expire),
        ];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        /// A list of all refusals ever made, searched from end to end, gives the same answers.
        #[test]
        fn filters_behave_as_a_plain_list(steps in steps()) {
            let (mut filters, mut plain, mut now) = (Filters::default(), Vec::new(), 0u64);
            for step in steps {
                match step {
                    Step::Refuse(share, agent, cpus, wait) => {
                        let refused = resources(&format!("cpus:{cpus}"));
                        filters.refuse(ShareSlot(share), AgentSlot(agent), refused, at(now + wait));
                        plain.push((share, agent, cpus, now + wait));
                    }
                    Step::ClearShare(share) => {
                        filters.clear_share(ShareSlot(share));
                        plain.retain(|filter| filter.0 != share);
                    }
                    Step::ClearAgent(agent) => {
                        filters.clear_agent(AgentSlot(agent));
                        plain.retain(|filter| filter.1 != agent);
                    }
                    Step::Expire(wait) => {
                        now += wait;
                        let ended: BTreeSet<_> = filters.expire(at(now)).into_iter().collect();
                        let gone = plain.extract_if(.., |filter| filter.3 <= now);
                        let gone: BTreeSet<_> = gone.map(|filter| AgentSlot(filter.1)).collect();
                        prop_assert!(ended.is_subset(&gone));
                    }
                }
                for share in 0..3 {
                    let mine = || plain.iter().filter(|filter| filter.0 == share && filter.3 > now);
                    for agent in 0..3 {
                        for cpus in 1..4 {
                            let offered = resources(&format!("cpus:{cpus}"));
                            let is_withheld =
                                filters.withhold(at(now), ShareSlot(share), AgentSlot(agent), &offered);
                            let mut wanted = mine().filter(|f| f.1 == agent && f.2 >= cpus);
                            prop_assert_eq!(is_withheld, wanted.next().is_some());
                        }
                    }
                    let agents: BTreeSet<_> = mine().map(|filter| filter.1).collect();
                    prop_assert_eq!(filters.active(ShareSlot(share)), agents.len());
                }
                let pairs = filters.by_share.values().map(BTreeMap::len).sum::<usize>();
                prop_assert_eq!(filters.by_agent.values().map(BTreeSet::len).sum::<usize>(), pairs);
                prop_assert_eq!(filters.expiries.is_empty(), pairs == 0);
            }
        }
    }
}
