//! The machine, its load, and what our processes and files weigh.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use end2end::cluster::Cluster;

use crate::Row;

/// The load averages as the kernel tells them.
pub(crate) fn load() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}

/// Processor, cores and memory.
pub(crate) fn description() -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok())
        .context("/proc/meminfo has no MemTotal")?;
    let name = model.map_or("unknown processor", |(_, name)| name);
    Ok(format!("{cores} cores of {name}, {} GiB", kib >> 20))
}

/// Proportional set size of each process of an idle cluster; the floor is the goal of the design.
pub(crate) fn memory(cluster: &Cluster) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for pid in cluster.nodes()? {
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline"))?;
        let role = words.split('\0').nth(1).unwrap_or_default().to_owned();
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let kib: f64 = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok())
            .context("the process has no Pss")?;
        let goal = if role == "master" { 48 } else { 20 };
        rows.push(Row {
            what: format!("memory of an idle {role} (PSS)"),
            ours: format!("{:.1} MiB", kib / 1024.0),
            floor: format!("goal {goal} MiB"),
        });
    }
    Ok(rows)
}

/// Bytes that a browser loads for the consoles' code.
pub(crate) fn bundle_bytes() -> Result<Vec<Row>> {
    let folder = env::var("EKIDEN_BUNDLE_DIR").context("EKIDEN_BUNDLE_DIR names the bundle")?;
    let bytes = |ending: &str| -> Result<u64> {
        let mut sum = 0;
        for entry in fs::read_dir(Path::new(&folder))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(ending) {
                sum += entry.metadata()?.len();
            }
        }
        Ok(sum)
    };
    let (packed, plain) = (bytes(".wasm.br")? + bytes(".js.br")?, bytes(".wasm")? + bytes(".js")?);
    Ok(vec![Row {
        what: "wasm + JS that a browser loads".to_owned(),
        ours: format!("{} KiB with brotli", packed >> 10),
        floor: format!("{} KiB plain", plain >> 10),
    }])
}
