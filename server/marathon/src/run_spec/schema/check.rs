//! What the schema demands of the plain check (marathon.md §6.1).

use wire::marathon::PostedCheck;

use super::health::check_path;
use super::{MAX_INT, NO_LITERAL, within};
use crate::run_spec::Violations;

pub(super) fn check(found: &mut Violations, check: &PostedCheck) {
    let path = |name: &str| format!("/check/{name}");
    // Compat: the original takes an interval of 0, with which it asks without end.
    within(found, path("intervalSeconds"), check.interval_seconds, 1, MAX_INT);
    within(found, path("timeoutSeconds"), check.timeout_seconds, 0, MAX_INT);
    within(found, path("delaySeconds"), check.delay_seconds, 0, MAX_INT);
    if let Some(http) = &check.http {
        within(found, path("http/port"), http.port, 1, 65_535);
        within(found, path("http/portIndex"), http.port_index, 0, MAX_INT);
        check_path(found, &path("http"), http.path.as_deref());
        let scheme = http.scheme.as_deref();
        let is_known = scheme.is_none_or(|scheme| matches!(scheme, "HTTP" | "HTTPS"));
        found.check(!is_known, path("http/scheme"), NO_LITERAL);
    }
    if let Some(tcp) = &check.tcp {
        within(found, path("tcp/port"), tcp.port, 1, 65_535);
        within(found, path("tcp/portIndex"), tcp.port_index, 0, MAX_INT);
    }
}
