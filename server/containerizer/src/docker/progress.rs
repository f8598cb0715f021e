//! How far a pull has come, in one line for people.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Pulled;

/// How an engine says that it has got what it did not have; otherwise the image is up to date.
const NEW_IMAGE: &str = "Status: Downloaded newer image";

/// One line of the engine's answer to a pull.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Step {
    pub(super) status: String,
    pub(super) id: String,
    pub(super) progress_detail: Detail,
    /// Why the pull failed; the last line then.
    pub(super) error: Option<String>,
}

/// Bytes of one layer.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    pub(super) current: u64,
    pub(super) total: u64,
}

/// What is known of one layer.
#[derive(Debug, Default)]
struct Layer {
    current: u64,
    total: u64,
    is_there: bool,
}

/// The layers of an image that is being pulled.
#[derive(Debug, Default)]
pub(super) struct Progress {
    layers: BTreeMap<String, Layer>,
    is_new: bool,
}

impl Progress {
    /// Takes note of a step.
    pub(super) fn take(&mut self, step: &Step) {
        self.is_new |= step.status.starts_with(NEW_IMAGE);
        let is_layer = ["Pulling fs layer", "Waiting", "Downloading", "Already exists"];
        let is_known = self.layers.contains_key(&step.id);
        if !is_known && !is_layer.contains(&step.status.as_str()) {
            return;
        }
        let layer = self.layers.entry(step.id.clone()).or_default();
        match step.status.as_str() {
            "Downloading" => {
                layer.current = step.progress_detail.current;
                layer.total = step.progress_detail.total.max(layer.current);
            }
            "Download complete" | "Verifying Checksum" => layer.current = layer.total,
            "Pull complete" | "Already exists" => {
                layer.is_there = true;
                layer.current = layer.total;
            }
            _ => {}
        }
    }

    /// What the pull has done, once it is over.
    pub(super) fn outcome(&self) -> Pulled {
        if self.is_new { Pulled::Image } else { Pulled::Nothing }
    }

    /// The line.
    pub(super) fn text(&self, image: &str) -> String {
        let there = self.layers.values().filter(|layer| layer.is_there).count();
        let sum = |part: fn(&Layer) -> u64| self.layers.values().map(part).sum::<u64>();
        let (current, total) = (sum(|layer| layer.current), sum(|layer| layer.total));
        let mib = |bytes: u64| format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20);
        let count = self.layers.len();
        format!(
            "Pulling image `{image}`: {there} of {count} layers, {} of {} downloaded",
            mib(current),
            mib(total)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_counted_and_their_bytes_added() {
        let mut progress = Progress::default();
        for line in [
            r#"{"status":"Pulling from library/nginx","id":"latest"}"#,
            r#"{"status":"Pulling fs layer","progressDetail":{},"id":"a"}"#,
            r#"{"status":"Pulling fs layer","progressDetail":{},"id":"b"}"#,
            r#"{"status":"Already exists","progressDetail":{},"id":"c"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":1048576,"total":4194304},"id":"a"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":524288,"total":1048576},"id":"b"}"#,
        ] {
            progress.take(&serde_json::from_str(line).unwrap());
        }
        assert_eq!(
            progress.text("nginx"),
            "Pulling image `nginx`: 1 of 3 layers, 1.5 MiB of 5.0 MiB downloaded"
        );
        progress.take(&serde_json::from_str(r#"{"status":"Pull complete","id":"a"}"#).unwrap());
        assert!(progress.text("nginx").contains("2 of 3 layers, 4.5 MiB of 5.0 MiB"));
        assert_eq!(progress.outcome(), Pulled::Nothing);
        let last = r#"{"status":"Status: Downloaded newer image for nginx:latest"}"#;
        progress.take(&serde_json::from_str(last).unwrap());
        assert_eq!(progress.outcome(), Pulled::Image);
    }
}
