//! What of the host, and which volumes of the engine, a Docker task sees.
//!
//! Source: apache/mesos: src/docker/docker.cpp (`Docker::RunOptions::create`).

use wire::mesos::v1::container_info::DockerInfo;
use wire::mesos::v1::volume::{Mode, source};
use wire::mesos::v1::{ContainerInfo, Volume};

use super::{Refusal, Surroundings, unsupported};
use crate::container::BoundVolume;

/// The volumes, and the driver that they name.
pub(super) fn bound(
    container: &ContainerInfo,
    docker: &DockerInfo,
    around: Surroundings<'_>,
) -> Result<(Vec<BoundVolume>, Option<String>), Refusal> {
    let mut driver = docker.volume_driver.clone().filter(|name| !name.is_empty());
    let mut bound = Vec::with_capacity(container.volumes.len());
    for volume in &container.volumes {
        let source = match (&volume.host_path, &volume.source) {
            (Some(path), _) => host_path(path, volume, driver.is_some(), around)?,
            (None, Some(source)) => {
                let Some((name, of_volume)) = named(source)? else {
                    let (target, container) = (&volume.container_path, around.container_name);
                    tracing::warn!(container.name = %container, "container `{container}` is made without its volume at \
                        `{target}`: of the sources of a volume Docker knows DOCKER_VOLUME alone");
                    continue;
                };
                match (&driver, of_volume) {
                    (Some(known), Some(other)) if *known != other => {
                        return wrong("Only one volume driver is supported");
                    }
                    (_, Some(other)) => driver = Some(other),
                    (_, None) => {}
                }
                name
            }
            (None, None) => return wrong("Host path or volume source is required"),
        };
        let target = inside(&volume.container_path, around.sandbox_mount)?;
        bound.push(BoundVolume { source, target, is_writable: volume.mode == Mode::Rw as i32 });
    }
    Ok((bound, driver))
}

fn wrong<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Options(text.into()))
}

/// `path` itself when it is absolute, else what it names below `root`.
fn inside(path: &str, root: &str) -> Result<String, Refusal> {
    if path.is_empty() {
        return wrong("a path of a volume is empty");
    }
    Ok(if path.starts_with('/') { path.to_owned() } else { format!("{root}/{path}") })
}

fn host_path(
    path: &str,
    volume: &Volume,
    has_driver: bool,
    around: Surroundings<'_>,
) -> Result<String, Refusal> {
    let is_relative = !path.starts_with('/');
    if is_relative && !volume.container_path.starts_with('/') {
        let target = &volume.container_path;
        return wrong(format!(
            "Both host_path '{path}' and container_path '{target}' of a volume are relative"
        ));
    }
    // With a driver a relative path is the name of a volume.
    if is_relative && has_driver { Ok(path.to_owned()) } else { inside(path, around.sandbox) }
}

/// Name and driver of a volume of the engine; none for a source of another type, which is skipped (mesos.md §5.7).
fn named(
    source: &wire::mesos::v1::volume::Source,
) -> Result<Option<(String, Option<String>)>, Refusal> {
    if source.r#type != Some(source::Type::DockerVolume as i32) {
        return Ok(None);
    }
    let Some(volume) = source.docker_volume.as_ref() else {
        return unsupported("a volume with a source of type DOCKER_VOLUME has no `docker_volume`");
    };
    if volume.driver_options.as_ref().is_some_and(|options| !options.parameter.is_empty()) {
        return unsupported("`driver_options` of a volume is not supported yet");
    }
    Ok(Some((volume.name.clone(), volume.driver.clone().filter(|name| !name.is_empty()))))
}
