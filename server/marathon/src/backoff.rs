//! Delays between launches of an app whose tasks fail (marathon.md §8.4).

use std::collections::BTreeMap;
use std::time::Duration;

use model::{AppId, Instant, Timestamp};

use crate::run_spec::VersionedRunSpec;

/// The delays of all apps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backoffs(BTreeMap<AppId, Delay>);

#[derive(Debug, Clone)]
struct Delay {
    /// The configuration that failed; another one starts fresh.
    configuration: Timestamp,
    delay: Duration,
    /// The last failure, or the last sign of life since.
    reference: Instant,
    not_before: Instant,
}

impl Backoffs {
    /// Counts a failure and returns the moment before which nothing of the app is launched.
    pub(crate) fn failed(&mut self, definition: &VersionedRunSpec, now: Instant) -> Instant {
        let backoff = definition.spec.backoff();
        let configuration = definition.info.last_config_change_at;
        let known = self.0.get(definition.spec.id()).filter(|known| {
            known.configuration == configuration && now <= known.reference + backoff.max
        });
        let delay = match known {
            Some(known) => grown(known.delay, backoff.factor).min(backoff.max),
            None => backoff.initial.min(backoff.max),
        };
        let not_before = now + delay;
        let entry = Delay { configuration, delay, reference: now, not_before };
        self.0.insert(definition.spec.id().clone(), entry);
        not_before
    }

    /// Notes a sign of life: the memory of failures lasts `maxLaunchDelaySeconds` from the last one.
    ///
    /// Compat: in the original this also delays the app's other launches anew; here a delay counts from
    /// its failure, so that one failed instance does not slow down a thousand healthy launches.
    pub(crate) fn alive(&mut self, app: &AppId, now: Instant) {
        if let Some(delay) = self.0.get_mut(app) {
            delay.reference = now;
        }
    }

    /// The end of the delay of this definition, past or future.
    pub(crate) fn until(&self, definition: &VersionedRunSpec) -> Option<Instant> {
        let delay = self.0.get(definition.spec.id())?;
        (delay.configuration == definition.info.last_config_change_at).then_some(delay.not_before)
    }

    /// Forgets the failures of an app; says whether there were any.
    pub(crate) fn reset(&mut self, app: &AppId) -> bool {
        self.0.remove(app).is_some()
    }
}

fn grown(delay: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_spec::RunSpec;

    fn definition(version: i64) -> VersionedRunSpec {
        let posted = serde_json::from_str(
            r#"{"id":"/a","container":{"docker":{"image":"x","network":"BRIDGE"}},"maxLaunchDelaySeconds":3}"#,
        );
        let spec = RunSpec::parse(posted.unwrap()).unwrap();
        VersionedRunSpec::new(spec, Timestamp::from_millis(version))
    }

    #[test]
    fn each_failure_delays_longer_up_to_the_limit() {
        let (mut backoffs, definition) = (Backoffs::default(), definition(1));
        let mut now = Instant::from_secs(100);
        let mut delays = Vec::new();
        for _ in 0..12 {
            let until = backoffs.failed(&definition, now);
            delays.push(until.duration_since(now).as_millis());
            now = until;
        }
        assert_eq!(delays[..4], [1_000, 1_150, 1_322, 1_520]);
        assert_eq!(delays.last(), Some(&3_000));
    }

    #[test]
    fn a_new_configuration_and_a_long_life_start_fresh() {
        let (mut backoffs, old) = (Backoffs::default(), definition(1));
        backoffs.failed(&old, Instant::from_secs(1));
        let second = backoffs.failed(&old, Instant::from_secs(1));
        assert_eq!(second, Instant::from_millis(2_150));
        assert_eq!(backoffs.until(&definition(2)), None, "another configuration");
        backoffs.alive(old.spec.id(), Instant::from_secs(5));
        let soon = backoffs.failed(&old, Instant::from_secs(8));
        assert!(soon > Instant::from_secs(9), "remembered: {soon:?}");
        let later = backoffs.failed(&old, Instant::from_secs(100));
        assert_eq!(later, Instant::from_secs(101));
        assert!(backoffs.reset(old.spec.id()) && !backoffs.reset(old.spec.id()));
    }
}
