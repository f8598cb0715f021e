//! `/metrics/snapshot`.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use master_core::view;

use super::super::Shared;
use super::answer::{self, Query};

/// The metrics of the master and of its machine.
pub(super) fn snapshot(shared: &Shared, query: &Query) -> Response {
    if let Some(timeout) = query.get("timeout")
        && !is_duration(timeout)
    {
        let problem = format!("Failed to parse 'timeout={timeout}' in query: Invalid duration");
        return answer::text(StatusCode::BAD_REQUEST, problem);
    }
    let snapshot = shared.leading().map(|leading| leading.snapshot());
    let mut metrics = view::metrics(snapshot.as_deref());
    let uptime = shared.clock.wall().as_secs_f64() - shared.started_at.as_secs_f64();
    metrics.insert("master/uptime_secs".to_owned(), uptime.max(0.0));
    machine(&mut metrics);
    answer::json(query, &metrics)
}

/// `5secs`, `1mins` and so on.
fn is_duration(text: &str) -> bool {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let units = ["ns", "us", "ms", "secs", "mins", "hrs", "days", "weeks"];
    number.parse::<f64>().is_ok() && units.contains(&unit)
}

/// Figures of the machine; what cannot be read is left out.
fn machine(metrics: &mut BTreeMap<String, f64>) {
    if let Ok(cpus) = std::thread::available_parallelism() {
        let cpus = u32::try_from(cpus.get()).unwrap_or(u32::MAX);
        metrics.insert("system/cpus_total".to_owned(), f64::from(cpus));
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    for (name, value) in ["1min", "5min", "15min"].iter().zip(load.split_whitespace()) {
        if let Ok(value) = value.parse() {
            metrics.insert(format!("system/load_{name}"), value);
        }
    }
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    for (key, name) in [("MemTotal:", "total"), ("MemFree:", "free")] {
        let line = memory.lines().find_map(|line| line.strip_prefix(key));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        if let Some(kib) = kib {
            metrics.insert(format!("system/mem_{name}_bytes"), kib * 1_024.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert!(is_duration("5secs") && is_duration("0.5mins"));
        for bad in ["", "5", "secs", "5 apples", "-"] {
            assert!(!is_duration(bad), "{bad}");
        }
    }
}
