//! `--image_gc_config`: when images go again that an agent has pulled.
//!
//! Source: apache/mesos: src/messages/flags.proto (`ImageGcConfig`), docs/container-image.md. The defaults are those of DC/OS.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use crate::agent::ImageGc;

/// The word for never.
const OFF: &str = "off";

/// The value of the flag.
#[derive(Debug, Clone)]
pub(crate) struct FlagImageGc {
    text: String,
    gc: Option<ImageGc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "headroom")]
    image_disk_headroom: f64,
    #[serde(default = "interval")]
    image_disk_watch_interval: Interval,
    #[serde(default)]
    excluded_images: Vec<Image>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interval {
    nanoseconds: u64,
}

/// An `Image` of Mesos, as far as Docker's are described by it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "type")]
    kind: String,
    docker: Named,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

fn headroom() -> f64 {
    0.1
}

fn interval() -> Interval {
    Interval { nanoseconds: 300_000_000_000 }
}

impl FlagImageGc {
    /// What the agent does.
    pub(crate) fn of_agent(&self) -> Option<ImageGc> {
        self.gc.clone()
    }
}

impl FromStr for FlagImageGc {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == OFF {
            return Ok(Self { text: text.to_owned(), gc: None });
        }
        let path = text.strip_prefix("file://").or_else(|| text.starts_with('/').then_some(text));
        let json = match path {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("could not read `{path}`: {error}"))?,
            None => text.to_owned(),
        };
        let wrong = |why: String| format!("it is neither `{OFF}` nor an ImageGcConfig: {why}");
        let config: Config =
            serde_json::from_str(&json).map_err(|error| wrong(error.to_string()))?;
        if !(0.0..=1.0).contains(&config.image_disk_headroom) {
            return Err(wrong("image_disk_headroom has to be between 0 and 1".to_owned()));
        }
        let watch_interval = Duration::from_nanos(config.image_disk_watch_interval.nanoseconds);
        if watch_interval < Duration::from_millis(100) {
            return Err(wrong("image_disk_watch_interval has to be 0.1 s or more".to_owned()));
        }
        if config.excluded_images.iter().any(|image| image.kind != "DOCKER") {
            return Err(wrong("excluded_images may name images of type DOCKER only".to_owned()));
        }
        let excluded = config.excluded_images.into_iter().map(|image| image.docker.name).collect();
        let disk_headroom = config.image_disk_headroom;
        let gc = Some(ImageGc { disk_headroom, watch_interval, excluded });
        Ok(Self { text: text.to_owned(), gc })
    }
}

impl fmt::Display for FlagImageGc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_example_is_read_and_what_is_wrong_is_told() {
        let text = r#"{"image_disk_headroom": 0.2, "image_disk_watch_interval": {"nanoseconds": 3600000000000},
            "excluded_images": [{"type": "DOCKER", "docker": {"name": "busybox:latest"}}]}"#;
        let wanted = ImageGc {
            disk_headroom: 0.2,
            watch_interval: Duration::from_secs(3_600),
            excluded: vec!["busybox:latest".to_owned()],
        };
        assert_eq!(text.parse::<FlagImageGc>().unwrap().of_agent(), Some(wanted));
        assert_eq!("off".parse::<FlagImageGc>().unwrap().of_agent(), None);
        let default = "{}".parse::<FlagImageGc>().unwrap().of_agent().unwrap();
        assert_eq!((default.disk_headroom, default.watch_interval.as_secs()), (0.1, 300));
        for (wrong, told) in [
            ("on", "neither `off`"),
            (r#"{"image_disk_headroom": 2}"#, "between 0 and 1"),
            (r#"{"image_disk_watch_interval": {"nanoseconds": 0}}"#, "0.1 s"),
            (r#"{"excluded": []}"#, "unknown field"),
            (r#"{"excluded_images": [{"type": "APPC", "docker": {"name": "x"}}]}"#, "type DOCKER"),
            ("/no/such/file", "could not read `/no/such/file`"),
        ] {
            let error = wrong.parse::<FlagImageGc>().unwrap_err();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
