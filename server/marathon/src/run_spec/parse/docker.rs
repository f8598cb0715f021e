//! Rules of the options of a Docker container.

use wire::marathon::PostedDocker;

use crate::run_spec::{Docker, Parameter, Violations};

/// The options; what is wrong with them is noted.
///
/// The parameters are not looked into: which options there are is known by the agent, which names what it refuses.
pub(super) fn parse(docker: &PostedDocker, found: &mut Violations) -> Docker {
    let image = docker.image.clone().unwrap_or_default();
    found.check(image.trim().is_empty(), "/container/docker/image", "must not be empty");
    let parameters = docker.parameters.iter().flatten().map(|parameter| Parameter {
        key: parameter.key.clone().unwrap_or_default(),
        value: parameter.value.clone().unwrap_or_default(),
    });
    Docker {
        image,
        force_pull_image: docker.force_pull_image.unwrap_or(false),
        privileged: docker.privileged.unwrap_or(false),
        parameters: parameters.collect(),
    }
}
