//! The engine's own view of a cluster's containers, through Docker's command line.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

/// The label that every container of a cluster carries.
pub const CLUSTER_LABEL: &str = "ekiden.cluster";

/// One container as the engine describes it.
#[derive(Debug, Clone)]
pub struct Container(Value);

impl Container {
    /// The containers that `docker inspect` printed, by name.
    pub fn all_of(inspected: &str) -> Result<Vec<Self>> {
        let mut found: Vec<Self> =
            serde_json::from_str::<Vec<Value>>(inspected)?.into_iter().map(Self).collect();
        found.sort_by(|one, other| one.name().cmp(other.name()));
        Ok(found)
    }

    /// The name, without the engine's leading slash.
    pub fn name(&self) -> &str {
        self.text("/Name").trim_start_matches('/')
    }

    /// `running`, `exited` …
    pub fn state(&self) -> &str {
        self.text("/State/Status")
    }

    /// The image as it was asked for.
    pub fn image(&self) -> &str {
        self.text("/Config/Image")
    }

    /// A label's value, empty where there is none.
    pub fn label(&self, name: &str) -> &str {
        self.0
            .pointer("/Config/Labels")
            .and_then(|labels| labels.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Where `port` (such as `80/tcp`) is published: address and port.
    pub fn published(&self, port: &str) -> Option<(String, u16)> {
        let binding = self.0.pointer("/HostConfig/PortBindings")?.get(port)?.get(0)?;
        Some((
            binding.get("HostIp")?.as_str()?.to_owned(),
            binding.get("HostPort")?.as_str()?.parse().ok()?,
        ))
    }

    /// Whatever the engine says at `pointer`; null where it says nothing.
    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The environment, by name.
    pub fn environment(&self) -> BTreeMap<&str, &str> {
        let variables = self.at("/Config/Env").as_array().map(Vec::as_slice).unwrap_or_default();
        variables.iter().filter_map(|variable| variable.as_str()?.split_once('=')).collect()
    }

    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// All containers with `label` set to `value`, those that ended included, by name.
pub async fn labelled(label: &str, value: &str) -> Result<Vec<Container>> {
    let filter = format!("label={label}={value}");
    let ids = docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]).await?;
    if ids.trim().is_empty() {
        return Ok(Vec::new());
    }
    let words: Vec<&str> = ["inspect"].into_iter().chain(ids.split_whitespace()).collect();
    Container::all_of(&docker(&words).await?)
}

/// Runs `docker` and returns what it printed.
pub async fn docker(words: &[&str]) -> Result<String> {
    let output = Command::new("docker")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .await
        .context("could not start `docker`")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`docker {}` failed: {}", words.join(" "), errors.trim());
    Ok(String::from_utf8(output.stdout)?)
}

/// Removes the containers with that label, for the end of a test; blocks, and says nothing.
pub fn remove_labelled(label: &str, value: &str) {
    let filter = format!("label={label}={value}");
    let Ok(found) = std::process::Command::new("docker")
        .args(["ps", "--all", "--quiet", "--filter", &filter])
        .output()
    else {
        return;
    };
    let ids = String::from_utf8_lossy(&found.stdout).into_owned();
    if !ids.trim().is_empty() {
        let _ = std::process::Command::new("docker")
            .args(["rm", "--force", "--volumes"])
            .args(ids.split_whitespace())
            .output();
    }
}
