//! The form's fields as parts of a JSON text: each field reads and writes its own value, everything else stays as typed.

use serde_json::Value;

use crate::json::{pretty, remove, set, text_at, value_at};

/// What a new application begins with.
pub(super) const BLANK: &str =
    "{\n  \"id\": \"\",\n  \"cpus\": 1,\n  \"mem\": 128,\n  \"instances\": 1\n}\n";
const NGINX: &str = r#"{
  "id": "nginx",
  "cpus": 0.2,
  "mem": 32,
  "instances": 1,
  "constraints": [["hostname", "UNIQUE"]],
  "container": {
    "type": "DOCKER",
    "docker": {
      "image": "docker.io/nginx"
    },
    "portMappings": [
      { "containerPort": 80, "hostPort": 0, "protocol": "tcp" }
    ]
  },
  "networks": [{ "mode": "container/bridge" }]
}
"#;
const TOMCAT: &str = r#"{
  "id": "tomcat",
  "cpus": 1,
  "mem": 128,
  "instances": 1,
  "container": {
    "type": "DOCKER",
    "docker": {
      "image": "docker.io/tomcat"
    },
    "portMappings": [
      { "containerPort": 8080, "hostPort": 0, "protocol": "tcp" }
    ]
  },
  "networks": [{ "mode": "container/bridge" }]
}
"#;

/// The text that a template begins with.
pub(super) fn template(name: &str) -> &'static str {
    match name {
        "nginx" => NGINX,
        "tomcat" => TOMCAT,
        _ => BLANK,
    }
}

/// A field with one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Cpus,
    Mem,
    Instances,
    Cmd,
    Image,
}

impl Field {
    /// Its id in the page.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Id => "appId",
            Self::Cpus => "cpus",
            Self::Mem => "mem",
            Self::Instances => "instances",
            Self::Cmd => "cmd",
            Self::Image => "dockerImage",
        }
    }

    /// Where its value stands.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Id => &["id"],
            Self::Cpus => &["cpus"],
            Self::Mem => &["mem"],
            Self::Instances => &["instances"],
            Self::Cmd => &["cmd"],
            Self::Image => &["container", "docker", "image"],
        }
    }

    /// Whether it holds a number.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Cpus | Self::Mem | Self::Instances)
    }

    /// Its text.
    pub(super) fn read(self, definition: &str) -> String {
        match value_at(definition, self.keys()) {
            Some(Value::String(text)) => text,
            Some(Value::Null) | None => String::new(),
            Some(_) => text_at(definition, self.keys()).unwrap_or_default().to_owned(),
        }
    }

    /// The definition with another text in this field; unchanged when the definition is no JSON.
    pub(super) fn write(self, definition: &str, text: &str) -> String {
        let keys = self.keys();
        let is_number = self.is_number() && text.trim().parse::<f64>().is_ok_and(f64::is_finite);
        let changed = match self {
            Self::Cmd if text.is_empty() => remove(definition, keys),
            // What is no JSON number ("1e", ".5") stays a text, which the server names as an error.
            _ if is_number && serde_json::from_str::<Value>(text.trim()).is_ok() => {
                set(definition, keys, text.trim())
            }
            _ => set(definition, keys, &Value::from(text).to_string()),
        };
        let changed = changed.unwrap_or_else(|| definition.to_owned());
        match self {
            Self::Image if text_at(&changed, &["container", "type"]).is_none() => {
                set(&changed, &["container", "type"], "\"DOCKER\"").unwrap_or(changed)
            }
            _ => changed,
        }
    }

    /// Whether its text is none that the field can hold.
    pub(super) fn is_wrong(self, definition: &str) -> bool {
        let text = self.read(definition);
        self.is_number()
            && !text.is_empty()
            && !text.trim().parse::<f64>().is_ok_and(|number| number >= 0.0)
    }
}

const OLD_NETWORK: [&str; 3] = ["container", "docker", "network"];
const OLD_MAPPINGS: [&str; 3] = ["container", "docker", "portMappings"];
const MAPPINGS: [&str; 2] = ["container", "portMappings"];

/// Whether the containers get ports of their own (bridged), in either format.
pub(super) fn is_bridged(definition: &str) -> bool {
    if let Some(Value::String(network)) = value_at(definition, &OLD_NETWORK) {
        return network == "BRIDGE";
    }
    let networks = value_at(definition, &["networks"]);
    let mode = networks.as_ref().and_then(|networks| networks.get(0)?.get("mode")?.as_str());
    mode == Some("container/bridge")
}

/// The definition with the other network, in the format that it has.
pub(super) fn with_network(definition: &str, is_bridged: bool) -> String {
    let changed = if text_at(definition, &OLD_NETWORK).is_some() {
        set(definition, &OLD_NETWORK, if is_bridged { "\"BRIDGE\"" } else { "\"HOST\"" })
    } else {
        let mode = if is_bridged { "container/bridge" } else { "host" };
        set(definition, &["networks"], &format!("[{{ \"mode\": \"{mode}\" }}]"))
    };
    let changed = changed.unwrap_or_else(|| definition.to_owned());
    if is_bridged {
        return changed;
    }
    // The host's network has no mappings.
    let without = remove(&changed, &MAPPINGS).unwrap_or(changed);
    remove(&without, &OLD_MAPPINGS).unwrap_or(without)
}

/// A column of the port mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PortField {
    Container,
    Host,
    Protocol,
}

impl PortField {
    /// The key in JSON.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Container => "containerPort",
            Self::Host => "hostPort",
            Self::Protocol => "protocol",
        }
    }
}

fn mappings_keys(definition: &str) -> &'static [&'static str] {
    if text_at(definition, &OLD_MAPPINGS).is_some() { &OLD_MAPPINGS } else { &MAPPINGS }
}

fn mappings(definition: &str) -> Vec<Value> {
    match value_at(definition, mappings_keys(definition)) {
        Some(Value::Array(mappings)) => mappings,
        _ => Vec::new(),
    }
}

/// How many port mappings there are.
pub(super) fn port_count(definition: &str) -> usize {
    mappings(definition).len()
}

/// The text of a field of a port mapping.
pub(super) fn port(definition: &str, row: usize, field: PortField) -> String {
    let mappings = mappings(definition);
    let value = mappings.get(row).and_then(|mapping| mapping.get(field.key()));
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None if field == PortField::Protocol => "tcp".to_owned(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// The definition with another text in a field of a port mapping.
pub(super) fn with_port(definition: &str, row: usize, field: PortField, text: &str) -> String {
    let mut mappings = mappings(definition);
    let Some(mapping) = mappings.get_mut(row).and_then(Value::as_object_mut) else {
        return definition.to_owned();
    };
    let value = match text.trim().parse::<u32>() {
        Ok(number) if field != PortField::Protocol => Value::from(number),
        _ => Value::from(text),
    };
    mapping.insert(field.key().to_owned(), value);
    with_mappings(definition, mappings)
}

/// The definition with one more port mapping.
pub(super) fn with_new_port(definition: &str) -> String {
    let mut mappings = mappings(definition);
    mappings.push(serde_json::json!({"containerPort": 80, "hostPort": 0, "protocol": "tcp"}));
    with_mappings(definition, mappings)
}

/// The definition without a port mapping.
pub(super) fn without_port(definition: &str, row: usize) -> String {
    let mut mappings = mappings(definition);
    if row < mappings.len() {
        mappings.remove(row);
    }
    with_mappings(definition, mappings)
}

fn with_mappings(definition: &str, mappings: Vec<Value>) -> String {
    let keys = mappings_keys(definition);
    let changed = set(definition, keys, &Value::Array(mappings).to_string());
    changed.and_then(|text| pretty(&text)).unwrap_or_else(|| definition.to_owned())
}

/// What a definition will run, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Image.
    pub(super) image: String,
    /// Command.
    pub(super) cmd: String,
    /// Instances, CPUs, MiB, as typed.
    pub(super) amounts: (String, String, String),
    /// Whether bridged.
    pub(super) is_bridged: bool,
    /// `hostname:UNIQUE`.
    pub(super) constraints: Vec<String>,
    /// Host and container port.
    pub(super) ports: Vec<(String, String)>,
}

/// Reads a summary; `None` when the definition is no JSON object.
pub(super) fn summary(definition: &str) -> Option<Summary> {
    let value: Value = serde_json::from_str(definition).ok()?;
    value.as_object()?;
    let or = |field: Field, default: &str| {
        let text = field.read(definition);
        if text.is_empty() { default.to_owned() } else { text }
    };
    let constraint = |constraint: &Value| {
        let words = constraint.as_array().into_iter().flatten().filter_map(Value::as_str);
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(":")
    };
    Some(Summary {
        image: Field::Image.read(definition),
        cmd: Field::Cmd.read(definition),
        amounts: (or(Field::Instances, "1"), or(Field::Cpus, "1"), or(Field::Mem, "128")),
        is_bridged: is_bridged(definition),
        constraints: value["constraints"]
            .as_array()
            .into_iter()
            .flatten()
            .map(constraint)
            .collect(),
        ports: (0..port_count(definition))
            .map(|row| {
                (
                    port(definition, row, PortField::Host),
                    port(definition, row, PortField::Container),
                )
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = r#"{
  "id": "nginx",
  "cpus": 0.2,
  "mem": 32.0,
  "constraints": [["hostname", "UNIQUE", ""]],
  "container": {
    "type": "DOCKER",
    "docker": {
      "image": "docker.io/nginx",
      "network": "BRIDGE",
      "portMappings": [
        { "containerPort": 80, "hostPort": 31030, "servicePort": 33180, "protocol": "tcp" }
      ]
    }
  }
}"#;

    #[test]
    fn fields_read_what_the_json_says() {
        assert_eq!(Field::Id.read(GUIDE), "nginx");
        assert_eq!(Field::Cpus.read(GUIDE), "0.2");
        assert_eq!(Field::Mem.read(GUIDE), "32.0");
        assert_eq!(Field::Instances.read(GUIDE), "");
        assert_eq!(Field::Image.read(GUIDE), "docker.io/nginx");
        assert!(is_bridged(GUIDE) && is_bridged(NGINX) && !is_bridged(BLANK));
        assert_eq!(port(GUIDE, 0, PortField::Host), "31030");
    }

    #[test]
    fn a_field_writes_its_value_and_nothing_else() {
        assert_eq!(
            Field::Cpus.write(GUIDE, "0.5"),
            GUIDE.replace("\"cpus\": 0.2", "\"cpus\": 0.5")
        );
        let added = Field::Instances.write(GUIDE, "3");
        assert_eq!(Field::Instances.read(&added), "3");
        assert_eq!(remove(&added, &["instances"]).unwrap(), GUIDE);
        assert!(Field::Mem.is_wrong(&Field::Mem.write(GUIDE, "128m")));
        assert_eq!(Field::Mem.write("{", "1"), "{");
    }

    #[test]
    fn an_image_makes_a_docker_container() {
        let definition = Field::Image.write(BLANK, "docker.io/nginx");
        assert_eq!(value_at(&definition, &["container", "type"]), Some(Value::from("DOCKER")));
        assert_eq!(Field::Image.read(&definition), "docker.io/nginx");
    }

    #[test]
    fn ports_keep_what_the_form_does_not_show() {
        let changed = with_port(GUIDE, 0, PortField::Host, "0");
        assert_eq!(port(&changed, 0, PortField::Host), "0");
        assert_eq!(mappings(&changed)[0]["servicePort"], 33180);
        let more = with_new_port(&changed);
        assert_eq!(port_count(&more), 2);
        assert_eq!(port_count(&without_port(&more, 0)), 1);
    }

    #[test]
    fn the_network_changes_in_the_format_it_has() {
        let host = with_network(GUIDE, false);
        assert_eq!(value_at(&host, &OLD_NETWORK), Some(Value::from("HOST")));
        assert_eq!(port_count(&host), 0);
        assert!(!is_bridged(&host));
        assert!(is_bridged(&with_network(BLANK, true)));
    }

    #[test]
    fn a_summary_says_what_will_run() {
        let summary = summary(GUIDE).unwrap();
        assert_eq!(summary.constraints, ["hostname:UNIQUE"]);
        assert_eq!(summary.amounts, ("1".to_owned(), "0.2".to_owned(), "32.0".to_owned()));
        assert_eq!(summary.ports, [("31030".to_owned(), "80".to_owned())]);
        assert_eq!(super::summary("[]"), None);
    }

    #[test]
    fn every_template_is_a_definition() {
        for name in ["nginx", "tomcat", "json"] {
            assert!(summary(template(name)).is_some(), "{name}");
        }
    }
}
