//! `--default_network_name`: what a container network is called that a definition does not name.
//!
//! Source: marathon.md §6.3.

use wire::marathon::{PostedApp, PostedIpAddress};

use super::migrate::mode_of;

/// Names the container networks of a definition, or of an update, that have no name, in either form.
pub fn name_networks(posted: &mut PostedApp, default: &str) {
    let networks = posted.networks.iter_mut().flatten();
    for network in networks.filter(|network| mode_of(network) == "container") {
        network.name.get_or_insert_with(|| default.to_owned());
    }
    let docker = posted.container.as_ref().and_then(|container| container.docker.as_ref());
    let mode = docker.and_then(|docker| docker.network.as_deref());
    let is_user = mode.is_some_and(|mode| mode.eq_ignore_ascii_case("USER"));
    if is_user && posted.networks.as_ref().is_none_or(Vec::is_empty) {
        posted.ip_address.get_or_insert_with(PostedIpAddress::default);
    }
    if let Some(address) = &mut posted.ip_address {
        address.network_name.get_or_insert_with(|| default.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::run_spec::{Networking, RunSpec};

    fn network(more: Value) -> Result<Option<String>, String> {
        let mut body = json!({"id": "/a", "container": {"docker": {"image": "a"}}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut posted: PostedApp = serde_json::from_value(body).unwrap();
        name_networks(&mut posted, "blue");
        let spec = RunSpec::parse(posted).map_err(|refusal| refusal.to_string())?;
        Ok(match spec.networking() {
            Networking::Container { network, .. } => Some(network.name.clone()),
            Networking::Host { .. } | Networking::Bridge { .. } => None,
        })
    }

    #[test]
    fn a_network_without_a_name_gets_the_default_one_in_every_form() {
        let blue = Ok(Some("blue".to_owned()));
        let user = |more: Value| {
            let mut app = json!({"container": {"docker": {"image": "a", "network": "USER"}}});
            app.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            network(app)
        };
        assert_eq!(network(json!({"networks": [{"mode": "container"}]})), blue);
        assert_eq!(network(json!({"networks": [{}]})), blue);
        assert_eq!(network(json!({"ipAddress": {}})), blue);
        assert_eq!(user(json!({})), blue);
        assert_eq!(user(json!({"ipAddress": {"labels": {"a": "b"}}})), blue);
        let red = Ok(Some("red".to_owned()));
        assert_eq!(network(json!({"networks": [{"mode": "container", "name": "red"}]})), red);
        assert_eq!(user(json!({"ipAddress": {"networkName": "red"}})), red);
    }

    #[test]
    fn other_networks_stay_what_they_are() {
        for mode in ["host", "container/bridge"] {
            assert_eq!(network(json!({"networks": [{"mode": mode}]})), Ok(None));
        }
        assert_eq!(network(json!({})), Ok(None));
        let bridge = json!({"container": {"docker": {"image": "a", "network": "BRIDGE"}}});
        assert_eq!(network(bridge), Ok(None));
    }
}
