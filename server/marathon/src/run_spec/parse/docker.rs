//! Rules of the options and volumes of a Docker container.

use wire::marathon::{PostedDocker, PostedVolume};

use super::unbuilt;
use crate::run_spec::{Container, Parameter, Violations, Volume};

/// The container; what is wrong with it is noted.
///
/// The parameters are not looked into: which options there are is known by the agent, which names what it refuses.
pub(super) fn parse(
    docker: &PostedDocker,
    volumes: &[PostedVolume],
    found: &mut Violations,
) -> Container {
    let image = docker.image.clone().unwrap_or_default();
    found.check(image.trim().is_empty(), "/container/docker/image", "must not be empty");
    let parameters = docker.parameters.iter().flatten().map(|parameter| Parameter {
        key: parameter.key.clone().unwrap_or_default(),
        value: parameter.value.clone().unwrap_or_default(),
    });
    let volumes = volumes.iter().enumerate().filter_map(|(at, given)| volume(at, given, found));
    Container {
        image,
        force_pull_image: docker.force_pull_image.unwrap_or(false),
        privileged: docker.privileged.unwrap_or(false),
        parameters: parameters.collect(),
        volumes: volumes.collect(),
    }
}

fn volume(index: usize, given: &PostedVolume, found: &mut Violations) -> Option<Volume> {
    let path = format!("/container/volumes({index})");
    for (is_asked, error) in [
        (given.persistent.is_some(), unbuilt::text("a persistent volume")),
        (given.external.is_some(), unbuilt::text("an external volume")),
        (
            given.secret.is_some(),
            "Feature secrets is not enabled. Enable with --enable_features secrets)".to_owned(),
        ),
    ] {
        if is_asked {
            found.add(path, error);
            return None;
        }
    }
    let (container_path, host_path) = (given.container_path.clone()?, given.host_path.clone()?);
    for (name, text) in [("containerPath", &container_path), ("hostPath", &host_path)] {
        found.check(text.is_empty(), format!("{path}/{name}"), "must not be empty");
        let is_broken = text.contains('\0');
        found.check(is_broken, format!("{path}/{name}"), "must not contain a NUL character");
    }
    let is_inside = |text: &str| !text.starts_with('/');
    let error = format!(
        "Both host_path '{host_path}' and container_path '{container_path}' of a volume are relative"
    );
    found.check(is_inside(&host_path) && is_inside(&container_path), path, error);
    let is_writable = given.mode.as_deref().is_some_and(|mode| mode.eq_ignore_ascii_case("RW"));
    Some(Volume { container_path, host_path, is_writable })
}
