//! Members of a definition that have no effect yet: refused by name unless they say nothing.
//!
//! Accepting them would promise what does not happen. Where the original refuses the same input for a
//! reason of its own, its message is used.

use serde_json::Value;
use wire::marathon::PostedApp;

use super::is_blank;
use crate::run_spec::Violations;

/// The message for something that has no effect yet.
pub(super) fn text(what: &str) -> String {
    format!("{what} is not supported yet")
}

/// Notes every member that asks for something which has no effect yet.
pub(super) fn check(posted: &PostedApp, found: &mut Violations) {
    for (name, value) in [
        ("executorResources", &posted.executor_resources),
        ("storeUrls", &posted.store_urls),
        ("residency", &posted.residency),
    ] {
        refuse(found, &format!("/{name}"), name, value.as_ref());
    }
    let executor = posted.executor.as_deref().unwrap_or_default();
    let is_other = !matches!(executor, "" | "//cmd");
    found.check(is_other, "/executor", text("an executor other than //cmd"));
    found.check(posted.tty == Some(true), "/tty", text("tty"));
    // The two of the original, which has neither feature enabled by default.
    let error = "GPU resources only work with the Mesos containerizer";
    found.check(posted.gpus.is_some_and(|count| count > 0), "/", error);
    check_secrets(posted, found);
    check_container(posted, found);
}

fn refuse(found: &mut Violations, path: &str, name: &str, value: Option<&Value>) {
    found.check(value.is_some_and(|value| !is_blank(value)), path, text(name));
}

fn check_secrets(posted: &PostedApp, found: &mut Violations) {
    let has_secrets = posted.secrets.as_ref().is_some_and(|secrets| !is_blank(secrets));
    let error = "Feature secrets is not enabled. Enable with --enable_features secrets)";
    found.check(has_secrets, "/secrets", error);
    let in_env = posted.env.iter().flatten().any(|(_, value)| value.is_object());
    let error =
        "use of secret-references in the environment requires the secrets feature to be enabled";
    found.check(in_env, "/env", error);
}

fn check_container(posted: &PostedApp, found: &mut Violations) {
    let Some(container) = &posted.container else { return };
    refuse(found, "/container/linuxInfo", "linuxInfo", container.linux_info.as_ref());
    let Some(docker) = &container.docker else { return };
    refuse(found, "/container/docker/credential", "credential", docker.credential.as_ref());
    let has_config = docker.pull_config.is_some();
    let error = "pullConfig is not supported with Docker containerizer";
    found.check(has_config, "/container/docker/pullConfig", error);
}
