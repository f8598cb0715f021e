//! What an agent offered when it was admitted, and what may have changed since.
//!
//! The original refuses to start with other resources or attributes than before, and people then empty the work directory, tasks and all.
//! Here the agent keeps its id and its tasks, and the master takes what it offers now, unless the operator asks for the original's rule.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use model::{Attributes, Resources};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::work_dir::{Error, make_folder, write_synced};

/// Which changes of resources and attributes an agent may start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// None.
    Equal,
    /// Those that take nothing away and change nothing.
    Additive,
    /// All.
    Any,
}

/// A policy that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is unknown; there is `equal`, `additive` and `any`")]
pub(crate) struct UnknownPolicy(String);

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        match name {
            "equal" => Ok(Self::Equal),
            "additive" => Ok(Self::Additive),
            "any" => Ok(Self::Any),
            other => Err(UnknownPolicy(other.to_owned())),
        }
    }
}

impl Policy {
    fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Additive => "additive",
            Self::Any => "any",
        }
    }

    /// Source: mesos.md §7.5 (`--reconfiguration_policy`).
    fn allows(self, before: &Offered, now: &Offered) -> bool {
        match self {
            Self::Any => true,
            Self::Equal => before == now,
            Self::Additive => {
                let parsed = |offered: &Offered| Resources::parse(&offered.resources);
                let has_all = match (parsed(before), parsed(now)) {
                    (Ok(before), Ok(now)) => now.contains(&before),
                    (Err(_), _) | (_, Err(_)) => false,
                };
                has_all && before.attributes.iter().all(|one| now.attributes.contains(one))
            }
        }
    }
}

/// What an agent offers, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offered {
    resources: String,
    attributes: Vec<(String, String)>,
}

impl Offered {
    pub(super) fn new(resources: &Resources, attributes: &Attributes) -> Self {
        let attributes = attributes.iter();
        Self {
            resources: resources.to_string(),
            attributes: attributes
                .map(|(name, value)| (name.to_owned(), value.to_string()))
                .collect(),
        }
    }

    /// Checks what is offered now against what stands in `file`, and puts it there.
    ///
    /// # Errors
    /// When the policy does not allow the change, or the file cannot be written other than for want of space.
    pub(super) fn reconcile(&self, file: &Path, agent: &str, policy: Policy) -> Result<(), Error> {
        let text = fs::read(file).unwrap_or_default();
        // An agent that an earlier version has admitted left nothing to compare with.
        let before: Option<Self> = serde_json::from_slice(&text).ok();
        match before {
            Some(before) if before == *self => return Ok(()),
            Some(before) if !policy.allows(&before, self) => {
                return Err(Error::Reconfigured {
                    agent: agent.to_owned(),
                    before: before.to_string(),
                    now: self.to_string(),
                    policy: policy.name(),
                });
            }
            Some(before) => info!("agent `{agent}` offered {before} before and now offers {self}"),
            None => {}
        }
        match self.write(file) {
            Err(error) if error.is_disk_full() => {
                warn!("what the agent offers is not written down: {error}");
                Ok(())
            }
            written => written,
        }
    }

    pub(super) fn write(&self, file: &Path) -> Result<(), Error> {
        if let Some(folder) = file.parent() {
            make_folder(folder)?;
        }
        write_synced(file, &serde_json::to_vec(self).expect("texts can be written"))
    }
}

impl std::fmt::Display for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.resources)?;
        let attributes = self.attributes.iter().map(|(name, value)| format!("{name}:{value}"));
        let attributes = attributes.collect::<Vec<_>>().join(";");
        if attributes.is_empty() { Ok(()) } else { write!(f, " with attributes `{attributes}`") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(resources: &str, attributes: &str) -> Offered {
        let (resources, attributes) = (Resources::parse(resources), Attributes::parse(attributes));
        Offered::new(&resources.unwrap(), &attributes.unwrap())
    }

    #[test]
    fn each_policy_allows_what_its_name_says() {
        let before = offered("cpus:4;ports:[31000-31009]", "rack:a");
        let same = offered("cpus:4;ports:[31000-31009]", "rack:a");
        let more = offered("cpus:5;mem:100;ports:[31000-31019]", "zone:w;rack:a");
        let less = offered("cpus:3;ports:[31000-31009]", "rack:a");
        let moved = offered("cpus:4;ports:[31000-31009]", "rack:b");
        for (now, additive) in [(&same, true), (&more, true), (&less, false), (&moved, false)] {
            assert_eq!(Policy::Equal.allows(&before, now), *now == same, "{now}");
            assert_eq!(Policy::Additive.allows(&before, now), additive, "{now}");
            assert!(Policy::Any.allows(&before, now));
        }
        for policy in [Policy::Equal, Policy::Additive, Policy::Any] {
            assert_eq!(policy.name().parse::<Policy>().unwrap(), policy);
        }
        assert!("none".parse::<Policy>().is_err());
    }
}
