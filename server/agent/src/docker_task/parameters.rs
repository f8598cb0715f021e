//! `container.docker.parameters`: options of `docker run`, translated for the engine's API.
//!
//! The original hands each parameter to the command line as `--key=value`; here the ones that have a meaning in the API are carried out,
//! after the task's own settings, so that they win as they do on a command line. Keys are the long names, without dashes.
//!
//! What stands in [`CARRIED_OUT`] is carried out; of several `net` or `network` the first counts. What stands in [`REFUSED`] would work against the agent and is refused with the reason; any other key is no option at all.

use super::Refusal;
use crate::container::{ContainerSpec, Network};
use crate::engine_options::{Device, EngineOptions, Ulimit};
use wire::mesos::v1::Parameter;

/// The names of the options that are carried out; a task with any other is refused.
pub const CARRIED_OUT: &[&str] = &[
    // Identity.
    "user",
    "group-add",
    "hostname",
    "domainname",
    "workdir",
    "entrypoint",
    "env",
    "label",
    "stop-signal",
    // Files.
    "volume",
    "volumes-from",
    "volume-driver",
    "tmpfs",
    "read-only",
    "storage-opt",
    "device",
    "device-cgroup-rule",
    "shm-size",
    // Network.
    "net",
    "network",
    "net-alias",
    "network-alias",
    "ip",
    "ip6",
    "link",
    "add-host",
    "dns",
    "dns-search",
    "dns-opt",
    "dns-option",
    "expose",
    // Rights.
    "privileged",
    "cap-add",
    "cap-drop",
    "security-opt",
    "sysctl",
    "ulimit",
    "userns",
    "ipc",
    "pid",
    "uts",
    // Limits.
    "cpu-shares",
    "cpu-period",
    "cpu-quota",
    "cpus",
    "cpuset-cpus",
    "cpuset-mems",
    "memory",
    "memory-reservation",
    "memory-swap",
    "memory-swappiness",
    "oom-kill-disable",
    "oom-score-adj",
    "pids-limit",
    "blkio-weight",
    "gpus",
    // Engine.
    "init",
    "runtime",
    "log-driver",
    "log-opt",
];

/// Options that the agent cannot let a task decide, and why.
const REFUSED: [(&str, &str); 32] = [
    ("restart", "the framework starts tasks again, not the engine"),
    ("rm", "ended containers are kept for --docker_remove_delay"),
    ("name", "the agent names its containers"),
    ("detach", "the agent watches its containers"),
    ("attach", "the container's output is in the sandbox"),
    ("interactive", "a task has no input"),
    ("tty", "a task has no terminal"),
    ("detach-keys", "a task has no terminal"),
    ("sig-proxy", "a task has no terminal"),
    ("cidfile", "the container's name is in MESOS_CONTAINER_NAME"),
    ("env-file", "the agent reads no file for a task; give `env`"),
    ("label-file", "the agent reads no file for a task; give `label`"),
    ("publish", "ports are published by the task's port mappings"),
    ("publish-all", "ports are published by the task's port mappings"),
    ("cgroup-parent", "the agent has a cgroup for its containers"),
    ("cgroupns", "not supported yet"),
    ("stop-timeout", "the time to end is the task's kill policy"),
    ("pull", "give forcePullImage"),
    ("platform", "not supported yet"),
    ("mac-address", "not supported yet"),
    ("mount", "not supported yet; give `volume` or `tmpfs`"),
    ("health-cmd", "give the app a health check"),
    ("health-interval", "give the app a health check"),
    ("health-retries", "give the app a health check"),
    ("health-start-period", "give the app a health check"),
    ("health-timeout", "give the app a health check"),
    ("no-healthcheck", "not supported yet"),
    ("isolation", "it has a meaning on Windows only"),
    ("kernel-memory", "the kernel has no such limit any more"),
    ("cpu-rt-period", "not supported yet"),
    ("cpu-rt-runtime", "not supported yet"),
    ("disable-content-trust", "not supported yet"),
];

/// Carries the parameters out on `spec`, in their order.
pub(super) fn apply(spec: &mut ContainerSpec, parameters: &[Parameter]) -> Result<(), Refusal> {
    let mut network = None;
    for Parameter { key, value } in parameters {
        if !CARRIED_OUT.contains(&key.as_str()) {
            return Err(unknown(key));
        }
        if matches!(key.as_str(), "net" | "network") {
            network.get_or_insert(value.as_str());
            continue;
        }
        let is_known = own(spec, key, value)?
            || text(&mut spec.options, key, value)
            || list(&mut spec.options, key, value)
            || pair(&mut spec.options, key, value)?
            || number(spec, key, value)?
            || switch(spec, key, value)?
            || special(&mut spec.options, key, value)?;
        if !is_known {
            return Err(unknown(key));
        }
    }
    if let Some(name) = network {
        spec.network =
            Network::from_name(name).ok_or_else(|| invalid("network", name, "no name"))?;
    }
    Ok(())
}

fn unknown(key: &str) -> Refusal {
    match REFUSED.iter().find(|(name, _)| *name == key) {
        Some((_, reason)) => {
            Refusal::Unsupported(format!("parameter `{key}` of a Docker task is refused: {reason}"))
        }
        None => Refusal::Options(format!("unknown flag: --{key}")),
    }
}

fn invalid(key: &str, value: &str, reason: &str) -> Refusal {
    Refusal::Options(format!("invalid argument \"{value}\" for \"--{key}\" flag: {reason}"))
}

/// Options that are settings of every container.
fn own(spec: &mut ContainerSpec, key: &str, value: &str) -> Result<bool, Refusal> {
    match key {
        "hostname" => spec.hostname = Some(value.to_owned()).filter(|name| !name.is_empty()),
        "entrypoint" => spec.entrypoint = Some(vec![value.to_owned()]),
        "env" => match value.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                spec.environment.push((name.to_owned(), value.to_owned()));
            }
            Some(_) | None => return Err(invalid(key, value, "it is not NAME=VALUE")),
        },
        "label" => {
            let (name, value) = value.split_once('=').unwrap_or((value, ""));
            // The agent knows its containers by these.
            if !name.starts_with("ekiden.") {
                spec.labels.insert(name.to_owned(), value.to_owned());
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn text(options: &mut EngineOptions, key: &str, value: &str) -> bool {
    let option = match key {
        "user" => &mut options.user,
        "workdir" => &mut options.working_directory,
        "domainname" => &mut options.domain_name,
        "stop-signal" => &mut options.stop_signal,
        "ip" => &mut options.ip,
        "ip6" => &mut options.ip6,
        "ipc" => &mut options.ipc,
        "pid" => &mut options.pid,
        "uts" => &mut options.uts,
        "userns" => &mut options.user_namespace,
        "runtime" => &mut options.runtime,
        "cpuset-cpus" => &mut options.cpuset_cpus,
        "cpuset-mems" => &mut options.cpuset_mems,
        "volume-driver" => &mut options.volume_driver,
        _ => return false,
    };
    *option = Some(value.to_owned());
    true
}

fn list(options: &mut EngineOptions, key: &str, value: &str) -> bool {
    let option = match key {
        "dns" => &mut options.dns,
        "dns-search" => &mut options.dns_search,
        "dns-opt" | "dns-option" => &mut options.dns_options,
        "cap-add" => &mut options.added_capabilities,
        "cap-drop" => &mut options.dropped_capabilities,
        "group-add" => &mut options.groups,
        "link" => &mut options.links,
        "volumes-from" => &mut options.volumes_from,
        "net-alias" | "network-alias" => &mut options.network_aliases,
        "device-cgroup-rule" => &mut options.device_rules,
        _ => return false,
    };
    option.push(value.to_owned());
    true
}

/// Options of the form `name=value`.
fn pair(options: &mut EngineOptions, key: &str, value: &str) -> Result<bool, Refusal> {
    let option = match key {
        "sysctl" => &mut options.sysctls,
        "log-opt" => &mut options.log_options,
        "storage-opt" => &mut options.storage_options,
        _ => return Ok(false),
    };
    let (name, text) =
        value.split_once('=').ok_or_else(|| invalid(key, value, "it is not NAME=VALUE"))?;
    if key == "log-opt" && matches!(name, "max-size" | "max-file") {
        let text =
            "the sandbox's files are filled from the engine's log and have a limit of their own";
        return Err(invalid(key, value, text));
    }
    option.insert(name.to_owned(), text.to_owned());
    Ok(true)
}

fn number(spec: &mut ContainerSpec, key: &str, value: &str) -> Result<bool, Refusal> {
    let plain = || value.parse::<i64>().map_err(|_| invalid(key, value, "it is no whole number"));
    let size = || bytes(value).ok_or_else(|| invalid(key, value, "it is no size such as 512m"));
    let options = &mut spec.options;
    match key {
        "cpu-shares" => spec.cpu_shares = plain()?,
        "cpu-quota" => spec.cpu_quota = Some(plain()?),
        "cpu-period" => options.cpu_period = Some(plain()?),
        "cpus" => {
            let amount =
                value.parse::<f64>().ok().and_then(|cpus| model::Scalar::from_f64(cpus).ok());
            let amount = amount.ok_or_else(|| invalid(key, value, "it is no number of cpus"))?;
            // The engine takes one of the two.
            spec.cpu_quota = None;
            options.nano_cpus = Some(amount.thousandths().saturating_mul(1_000_000));
        }
        "memory" => spec.memory_bytes = size()?,
        "memory-reservation" => spec.memory_reservation_bytes = Some(size()?),
        "memory-swap" if value == "-1" => options.memory_swap_bytes = Some(-1),
        "memory-swap" => options.memory_swap_bytes = Some(size()?),
        "shm-size" => options.shm_bytes = Some(size()?),
        "memory-swappiness" => options.memory_swappiness = Some(plain()?),
        "pids-limit" => options.pids_limit = Some(plain()?),
        "oom-score-adj" => options.oom_score_adjustment = Some(plain()?),
        "blkio-weight" => {
            let weight = value.parse().map_err(|_| invalid(key, value, "it is no weight"))?;
            options.block_io_weight = Some(weight);
        }
        "gpus" if value == "all" => options.gpus = Some(-1),
        "gpus" => options.gpus = Some(plain()?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn switch(spec: &mut ContainerSpec, key: &str, value: &str) -> Result<bool, Refusal> {
    let is_on = || match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(invalid(key, value, "it is neither true nor false")),
    };
    match key {
        "privileged" => spec.privileged = is_on()?,
        "init" => spec.options.has_init = Some(is_on()?),
        "read-only" => spec.options.is_read_only = Some(is_on()?),
        "oom-kill-disable" => spec.options.survives_out_of_memory = Some(is_on()?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Options with a grammar of their own.
fn special(options: &mut EngineOptions, key: &str, value: &str) -> Result<bool, Refusal> {
    let wrong = |reason: &str| invalid(key, value, reason);
    match key {
        "volume" => volume(options, value).map_err(wrong)?,
        "tmpfs" => {
            let (path, mount_options) = value.split_once(':').unwrap_or((value, ""));
            if !path.starts_with('/') {
                return Err(wrong("its path is not absolute"));
            }
            options.tmpfs.insert(path.to_owned(), mount_options.to_owned());
        }
        "device" => options.devices.push(device(value).map_err(wrong)?),
        "ulimit" => options.ulimits.push(ulimit(value).map_err(wrong)?),
        "add-host" => {
            let is_pair =
                value.split_once(':').is_some_and(|(name, ip)| !name.is_empty() && !ip.is_empty());
            if !is_pair {
                return Err(wrong("it is not NAME:ADDRESS"));
            }
            options.extra_hosts.push(value.to_owned());
        }
        "expose" => options.exposed_ports.push(exposed(value).map_err(wrong)?),
        "security-opt" => {
            // The command line would read the profile from a file of whoever calls it.
            let profile = value.strip_prefix("seccomp=").or_else(|| value.strip_prefix("seccomp:"));
            if profile.is_some_and(|profile| profile != "unconfined") {
                return Err(wrong("of seccomp only `unconfined` is supported yet"));
            }
            options.security_options.push(value.to_owned());
        }
        "log-driver" if value == "none" => {
            return Err(wrong("the sandbox's files are filled from the engine's log"));
        }
        "log-driver" => options.log_driver = Some(value.to_owned()),
        _ => return Ok(false),
    }
    Ok(true)
}

fn volume(options: &mut EngineOptions, value: &str) -> Result<(), &'static str> {
    match value.split_once(':') {
        None if value.starts_with('/') => options.anonymous_volumes.push(value.to_owned()),
        None => return Err("its path is not absolute"),
        Some((source, _)) if source.is_empty() || source.starts_with(['.', '~']) => {
            return Err("its source is neither an absolute path nor the name of a volume");
        }
        Some(_) => options.binds.push(value.to_owned()),
    }
    Ok(())
}

fn device(value: &str) -> Result<Device, &'static str> {
    let is_mode = |text: &str| !text.is_empty() && text.chars().all(|c| "rwm".contains(c));
    let words: Vec<&str> = value.split(':').collect();
    let (host, container, permissions) = match words.as_slice() {
        [host] => (*host, *host, "rwm"),
        [host, mode] if is_mode(mode) => (*host, *host, *mode),
        [host, container] => (*host, *container, "rwm"),
        [host, container, mode] if is_mode(mode) => (*host, *container, *mode),
        _ => return Err("it is not HOST[:CONTAINER][:rwm]"),
    };
    if !host.starts_with('/') || !container.starts_with('/') {
        return Err("its path is not absolute");
    }
    Ok(Device {
        host_path: host.to_owned(),
        container_path: container.to_owned(),
        permissions: permissions.to_owned(),
    })
}

/// Names of the limits that `docker run` knows.
const ULIMITS: [&str; 16] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
    "as",
];

fn ulimit(value: &str) -> Result<Ulimit, &'static str> {
    const GRAMMAR: &str = "it is not NAME=SOFT[:HARD]";
    let (name, limits) = value.split_once('=').ok_or(GRAMMAR)?;
    if !ULIMITS.contains(&name) {
        return Err("there is no such limit");
    }
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse::<i64>().ok().filter(|limit| *limit >= -1).ok_or(GRAMMAR);
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && (soft > hard || soft == -1) {
        return Err("its soft limit exceeds the hard one");
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

fn exposed(value: &str) -> Result<String, &'static str> {
    let (port, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_known = ["tcp", "udp", "sctp"].contains(&protocol);
    if is_port && is_known {
        Ok(format!("{port}/{protocol}"))
    } else {
        Err("it is not PORT[/PROTOCOL]")
    }
}

/// A size as `docker run` writes it: a number with `b`, `k`, `m`, `g` or `t`, each 1024 of the one before.
fn bytes(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let shift = match unit.trim_start() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    // Three decimals are kept, as of every other amount.
    let amount = model::Scalar::from_f64(number.parse().ok()?).ok()?.thousandths();
    Some(amount.checked_mul(1_i64 << shift)? / 1_000)
}

#[cfg(test)]
mod tests;
