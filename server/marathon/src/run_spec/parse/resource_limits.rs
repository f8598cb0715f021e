//! `resourceLimits` of a definition.

use serde_json::Value;
use wire::marathon::PostedApp;

use super::{is_blank, quantity, unbuilt};
use crate::run_spec::Violations;
use crate::run_spec::resource_limits::{Limit, ResourceLimits};

/// Reads the limits; absent and empty ones are none.
pub(super) fn parse(posted: &PostedApp, found: &mut Violations) -> Option<ResourceLimits> {
    let given = posted.resource_limits.as_ref().filter(|given| !is_blank(given))?;
    let Value::Object(members) = given else {
        found.add("/resourceLimits", "error.expected.jsobject");
        return None;
    };
    let mut limits = ResourceLimits::default();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let (limit, request) = match name.as_str() {
            "cpus" => (&mut limits.cpus, quantity(posted.cpus, 1.0)),
            "mem" => (&mut limits.mem, quantity(posted.mem, 128.0)),
            _ => {
                let what = format!("a limit of {}", name.escape_debug());
                found.add("/resourceLimits", unbuilt::text(&what));
                continue;
            }
        };
        match Limit::read(value, request) {
            Ok(read) => *limit = Some(read),
            Err(error) => found.add(format!("/resourceLimits/{name}"), error),
        }
    }
    (limits != ResourceLimits::default()).then_some(limits)
}
