//! The environment of a task (marathon.md §7).
//!
//! Precedence, weakest first: generated context, generated ports and host, the app's own `env`. `--env_vars_prefix` goes before
//! the names of the second kind alone.

use std::collections::BTreeMap;

use crate::effect::Launch;
use crate::instance::Task;
use crate::matching::ports;
use crate::run_spec::{Networking, RunSpec};

/// A label becomes a variable when its value has fewer UTF-16 units, which is how the original counts.
const MAX_LABEL_VALUE: usize = 512;
/// The same for its name: 512 less the length of `MARATHON_APP_LABEL_`.
const MAX_LABEL_NAME: usize = 493;

/// The variables of a task by name.
pub(crate) fn variables(launch: &Launch, task: &Task) -> BTreeMap<String, String> {
    let spec = &launch.definition.spec;
    let mut variables = context(launch, task);
    let mut of_place = BTreeMap::from([("HOST".to_owned(), task.host.to_string())]);
    add_ports(&mut of_place, spec, &ports::effective(spec.networking(), task));
    let prefix = &launch.env_vars_prefix;
    variables.extend(of_place.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)));
    variables.extend(spec.env().iter().map(|(name, value)| (name.clone(), value.clone())));
    variables
}

fn context(launch: &Launch, task: &Task) -> BTreeMap<String, String> {
    let spec = &launch.definition.spec;
    // Doubles keep their `.0`, as in `32.0`.
    let double = |amount: model::Scalar| format!("{:?}", amount.to_f64());
    let mut variables: BTreeMap<String, String> = [
        ("MESOS_TASK_ID", task.id.to_string()),
        ("MARATHON_APP_ID", spec.id().to_string()),
        ("MARATHON_APP_VERSION", launch.definition.version.to_string()),
        ("MARATHON_APP_RESOURCE_CPUS", double(spec.cpus())),
        ("MARATHON_APP_RESOURCE_MEM", double(spec.mem())),
        ("MARATHON_APP_RESOURCE_DISK", double(spec.disk())),
        ("MARATHON_APP_RESOURCE_GPUS", "0".to_owned()),
        ("MARATHON_APP_ENFORCE_GROUP_ROLE", "FALSE".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if let Some(docker) = spec.docker() {
        variables.insert("MARATHON_APP_DOCKER_IMAGE".to_owned(), docker.image.clone());
    }
    let length = |text: &str| text.encode_utf16().count();
    let fits =
        |name: &str, value: &str| length(name) < MAX_LABEL_NAME && length(value) < MAX_LABEL_VALUE;
    let labels = spec.labels().iter().filter(|(name, value)| fits(name, value));
    // Of several names that become one, the last counts.
    let labels: BTreeMap<String, &String> =
        labels.map(|(name, value)| (sanitised(name), value)).collect();
    let names: Vec<&str> = labels.keys().map(String::as_str).collect();
    variables.insert("MARATHON_APP_LABELS".to_owned(), names.join(" "));
    for (name, value) in labels {
        variables.insert(format!("MARATHON_APP_LABEL_{name}"), value.clone());
    }
    variables
}

/// Upper case, with each run of other characters than letters, digits and `_` as one `_`.
fn sanitised(name: &str) -> String {
    let mut clean = String::with_capacity(name.len());
    let mut in_run = false;
    for c in name.chars() {
        let is_kept = c.is_ascii_alphanumeric() || c == '_';
        if is_kept {
            clean.push(c.to_ascii_uppercase());
        } else if !in_run {
            clean.push('_');
        }
        in_run = !is_kept;
    }
    clean
}

/// Declared number and name of each port, in the order of declaration.
pub(crate) fn declared(networking: &Networking) -> Vec<(u16, Option<&str>)> {
    match networking {
        Networking::Host { port_definitions, .. } => {
            port_definitions.iter().map(|port| (port.port, port.name.as_deref())).collect()
        }
        Networking::Bridge { port_mappings, .. } | Networking::Container { port_mappings, .. } => {
            port_mappings.iter().map(|port| (port.container_port, port.name.as_deref())).collect()
        }
    }
}

fn add_ports(variables: &mut BTreeMap<String, String>, spec: &RunSpec, ports: &[u16]) {
    let Some(first) = ports.first() else { return };
    for (index, ((number, name), port)) in
        declared(spec.networking()).into_iter().zip(ports).enumerate()
    {
        let value = port.to_string();
        variables.insert(format!("PORT{index}"), value.clone());
        let number = if number == 0 { *port } else { number };
        variables.insert(format!("PORT_{number}"), value.clone());
        if let Some(name) = name {
            variables.insert(format!("PORT_{}", name.to_uppercase()), value);
        }
    }
    variables.insert("PORT".to_owned(), first.to_string());
    let all: Vec<String> = ports.iter().map(ToString::to_string).collect();
    variables.insert("PORTS".to_owned(), all.join(","));
}
