//! Rules of a container: its type, its image and its volumes.

use std::path::{Component, Path};

use wire::marathon::{PostedApp, PostedContainer, PostedVolume};

use super::{docker, unbuilt};
use crate::run_spec::{Container, Violations, Volume};

/// DOCKER is the default of a container that names no type.
pub(super) fn is_docker(container: &PostedContainer) -> bool {
    container.kind.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("DOCKER"))
}

/// Whether there is an image, whose own command may do.
pub(super) fn has_image(container: &PostedContainer) -> bool {
    let image = container.docker.as_ref().and_then(|docker| docker.image.as_deref());
    is_docker(container) || image.is_some_and(|image| !image.trim().is_empty())
}

/// The container; what is wrong with it is noted.
pub(super) fn parse(posted: &PostedApp, found: &mut Violations) -> Option<Container> {
    let container = posted.container.as_ref()?;
    if is_docker(container) {
        let Some(docker) = &container.docker else {
            found.add("/container/docker", "not defined");
            return None;
        };
        let docker = Some(docker::parse(docker, found));
        return Some(Container { docker, volumes: volumes(container, found) });
    }
    check_no_image(container, found);
    let volumes = volumes(container, found);
    for (index, volume) in volumes.iter().enumerate() {
        check_no_parent(index, volume, found);
    }
    Some(Container { docker: None, volumes })
}

/// Of the agent's own containerizer there are commands only; what is said of an image would have no effect.
fn check_no_image(container: &PostedContainer, found: &mut Violations) {
    let error = unbuilt::text("an image in the MESOS containerizer");
    found.check(has_image(container), "/container/type", error);
    let Some(docker) = &container.docker else { return };
    let has_parameters = docker.parameters.as_ref().is_some_and(|given| !given.is_empty());
    for (name, is_given) in [
        ("forcePullImage", docker.force_pull_image == Some(true)),
        ("parameters", has_parameters),
        ("privileged", docker.privileged == Some(true)),
    ] {
        let path = format!("/container/docker/{name}");
        found.check(is_given, path, "is only possible with container type DOCKER");
    }
}

/// The agent refuses such a volume of a command, since links on the way decide where it leads.
fn check_no_parent(index: usize, volume: &Volume, found: &mut Violations) {
    for (name, text) in [("containerPath", &volume.container_path), ("hostPath", &volume.host_path)]
    {
        let has_parent = Path::new(text).components().any(|part| part == Component::ParentDir);
        let path = format!("/container/volumes({index})/{name}");
        found.check(has_parent, path, "must not contain `..`");
    }
}

fn volumes(container: &PostedContainer, found: &mut Violations) -> Vec<Volume> {
    let given = container.volumes.iter().flatten().enumerate();
    given.filter_map(|(index, given)| volume(index, given, found)).collect()
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
