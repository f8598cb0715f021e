//! How soon the kernel ends a command for want of memory in the whole machine.

use std::fs;

/// The score for a command that may use more memory than it is sure of: the less it asked for, the sooner it goes.
///
/// Source: apache/mesos: src/slave/containerizer/mesos/isolators/cgroups/subsystems/memory.cpp (only where the limit is above the request).
pub(super) fn oom_score_adj(request: u64) -> Option<i32> {
    score(request, total(&fs::read_to_string("/proc/meminfo").ok()?)?)
}

fn score(request: u64, total: u64) -> Option<i32> {
    let share = u128::from(request) * 1_000 / u128::from(total.max(1));
    i32::try_from(1_000_u128.saturating_sub(share)).ok()
}

/// The machine's memory in bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_for_less_goes_sooner() {
        assert_eq!(total("MemTotal:        8000000 kB\nMemFree: 1 kB\n"), Some(8_192_000_000));
        assert_eq!(score(0, 1 << 30), Some(1_000));
        assert_eq!(score(256 << 20, 1 << 30), Some(750));
        assert_eq!(score(2 << 30, 1 << 30), Some(0));
        assert_eq!(total("nothing"), None);
    }
}
