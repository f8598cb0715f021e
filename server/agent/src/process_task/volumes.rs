//! What of the host a command sees in other places.
//!
//! Source: apache/mesos: src/slave/containerizer/mesos/isolators/volume/host_path.cpp.

use std::path::{Component, Path};

use wire::mesos::v1::volume::Mode;
use wire::mesos::v1::{ContainerInfo, Volume};

use super::unsupported;
use crate::container::BoundVolume;
use crate::docker_task::Refusal;

/// The volumes of a command; relative paths are relative to its sandbox.
pub(super) fn bound(container: Option<&ContainerInfo>) -> Result<Vec<BoundVolume>, Refusal> {
    container.into_iter().flat_map(|container| &container.volumes).map(volume).collect()
}

fn volume(volume: &Volume) -> Result<BoundVolume, Refusal> {
    let target = path(&volume.container_path)?;
    if volume.source.is_some() || volume.image.is_some() {
        let text =
            "`container.volumes` of a command with a `source` or an `image` are not supported yet";
        return unsupported(text);
    }
    let Some(source) = &volume.host_path else {
        return unsupported(format!("volume `{target}` of a command has no `host_path`"));
    };
    let source = path(source)?;
    if !source.starts_with('/') && !target.starts_with('/') {
        return unsupported(format!(
            "Both host_path '{source}' and container_path '{target}' of a volume are relative"
        ));
    }
    Ok(BoundVolume { source, target, is_writable: volume.mode == Mode::Rw as i32 })
}

fn path(text: &str) -> Result<String, Refusal> {
    if text.is_empty() || text.contains('\0') {
        return unsupported("a path of a volume is empty or contains a NUL");
    }
    if Path::new(text).components().any(|part| part == Component::ParentDir) {
        return unsupported(format!("`{text}` of a volume contains `..`"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(source: Option<&str>, target: &str, mode: Mode) -> Result<Vec<BoundVolume>, Refusal> {
        let volume = Volume {
            mode: mode as i32,
            container_path: target.to_owned(),
            host_path: source.map(str::to_owned),
            ..Volume::default()
        };
        bound(Some(&ContainerInfo { volumes: vec![volume], ..ContainerInfo::default() }))
    }

    #[test]
    fn a_folder_of_the_host_and_one_of_the_sandbox_may_be_seen_elsewhere() {
        assert_eq!(bound(None), Ok(Vec::new()));
        let text = str::to_owned;
        let wanted =
            BoundVolume { source: text("/srv"), target: text("data/x"), is_writable: false };
        assert_eq!(one(Some("/srv"), "data/x", Mode::Ro), Ok(vec![wanted]));
        let wanted = BoundVolume { source: text("own"), target: text("/opt"), is_writable: true };
        assert_eq!(one(Some("own"), "/opt", Mode::Rw), Ok(vec![wanted]));
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        let refusal = |source, target| one(source, target, Mode::Rw).unwrap_err().to_string();
        assert!(refusal(None, "x").contains("no `host_path`"));
        assert!(refusal(Some("a"), "b").contains("are relative"));
        assert!(refusal(Some("/a"), "../b").contains("`..`"));
        assert!(refusal(Some("/a/../b"), "b").contains("`..`"));
        assert!(refusal(Some("/a"), "").contains("empty"));
    }
}
