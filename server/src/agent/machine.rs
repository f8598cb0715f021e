//! The machine that the agent offers: its resources, its boot, and how the master learns of them.

use std::path::Path;

use model::v1::{attributes_to_v1, resources_to_v1};
use model::{Ranges, Resources, Scalar};
use wire::link::AgentDescription;
use wire::mesos::v1::{self, agent_info};

use super::config::AgentConfig;
use crate::build_info::MESOS_VERSION;

/// Ports offered where none are named.
const PORTS: (u64, u64) = (31_000, 32_000);

const MIB: u64 = 1 << 20;

/// Why the machine could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("could not measure the memory: {0}")]
    Memory(#[from] sysinfo::Error),
    #[error("could not measure the file system of `{path}`")]
    FileSystem {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

/// The resources to offer: those named, and the machine's own where none are.
///
/// Source: mesos.md §6.6: memory less 1 GB (half below 2 GB), disk less 5 GB (half below 10 GB).
pub(crate) fn resources(named: &Resources, work_dir: &Path) -> Result<Resources, Error> {
    let mut all = named.clone();
    if named.get("cpus").is_none() {
        let cpus = std::thread::available_parallelism()
            .map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(1));
        all = all.with_scalar("cpus", Scalar::from_units(cpus));
    }
    if named.get("mem").is_none() {
        let mut system = sysinfo::System::new()?;
        system.refresh_memory();
        all = all.with_scalar("mem", mebibytes(less(system.total_memory() / MIB, 1_024)));
    }
    if named.get("disk").is_none() {
        let space = rustix::fs::statvfs(work_dir).map_err(|source| Error::FileSystem {
            path: work_dir.display().to_string(),
            source: source.into(),
        })?;
        all =
            all.with_scalar("disk", mebibytes(less(space.f_blocks * space.f_frsize / MIB, 5_120)));
    }
    if named.get("ports").is_none() {
        all = all.with_ports(Ranges::from_pairs([PORTS]));
    }
    Ok(all)
}

/// What is left after a reserve for the machine itself, or half where the reserve is more than half.
fn less(total: u64, reserve: u64) -> u64 {
    if total < 2 * reserve { total / 2 } else { total - reserve }
}

fn mebibytes(amount: u64) -> Scalar {
    Scalar::from_units(u32::try_from(amount).unwrap_or(u32::MAX))
}

/// Names this boot of the machine; after another one every container has ended.
fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// What the agent tells the master about itself.
pub(crate) fn description(config: &AgentConfig, resources: &Resources) -> AgentDescription {
    let capability = |capability: agent_info::capability::Type| agent_info::Capability {
        r#type: Some(capability as i32),
    };
    AgentDescription {
        info: v1::AgentInfo {
            hostname: config.hostname.clone(),
            port: Some(config.port.into()),
            resources: resources_to_v1(resources, None),
            attributes: attributes_to_v1(&config.attributes),
            ..v1::AgentInfo::default()
        },
        address: v1::Address {
            hostname: Some(config.hostname.clone()),
            ip: Some(config.ip.to_string()),
            port: config.port.into(),
        },
        version: MESOS_VERSION.to_owned(),
        capabilities: vec![
            capability(agent_info::capability::Type::MultiRole),
            capability(agent_info::capability::Type::HierarchicalRole),
            capability(agent_info::capability::Type::ReservationRefinement),
        ],
        boot_id: boot_id(),
        incarnation: Some(uuid::Uuid::new_v4().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_offered_and_the_rest_detected() {
        let named = Resources::parse("cpus:3;ports:[4000-4001]").unwrap();
        let all = resources(&named, Path::new("/")).unwrap();
        assert_eq!(all.cpus(), Scalar::from_units(3));
        assert_eq!(all.ports().len(), 2);
        assert!(all.mem() > Scalar::ZERO && all.disk() > Scalar::ZERO);
    }

    #[test]
    fn a_small_machine_keeps_half_for_itself() {
        assert_eq!(less(1_500, 1_024), 750);
        assert_eq!(less(8_192, 1_024), 7_168);
    }
}
