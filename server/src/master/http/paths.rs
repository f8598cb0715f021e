//! Which handler a path belongs to.

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/api/v1/scheduler`.
    Scheduler,
    /// `/teardown`.
    Teardown,
    /// One of the classic endpoints.
    Classic(Classic),
}

/// The classic endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Classic {
    State,
    StateSummary,
    Slaves,
    Frameworks,
    Tasks,
    Roles,
    Flags,
    Health,
    Version,
    Redirect,
    Metrics,
}

/// The endpoint of the longest known prefix of `path`, with or without `/master` in front.
///
/// Compat: `.json` names ended with Mesos 1.8 and are still called by old tools (mesos.md trap 4).
pub(super) fn endpoint(path: &str) -> Option<Endpoint> {
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let path = path.trim_matches('/');
    let path = path.strip_prefix("master/").unwrap_or(path);
    let mut known = path;
    loop {
        if let Some(endpoint) = exact(known) {
            // Below /redirect there is nothing in the original.
            let is_below = known != path.trim_end_matches('/');
            let is_redirect = endpoint == Endpoint::Classic(Classic::Redirect);
            return (!(is_redirect && is_below)).then_some(endpoint);
        }
        known = known.rsplit_once('/')?.0;
    }
}

fn exact(path: &str) -> Option<Endpoint> {
    let classic = match path {
        "api/v1/scheduler" => return Some(Endpoint::Scheduler),
        "teardown" => return Some(Endpoint::Teardown),
        "state" | "state.json" => Classic::State,
        "state-summary" => Classic::StateSummary,
        "slaves" => Classic::Slaves,
        "frameworks" => Classic::Frameworks,
        "tasks" | "tasks.json" => Classic::Tasks,
        "roles" | "roles.json" => Classic::Roles,
        "flags" => Classic::Flags,
        "health" => Classic::Health,
        "version" => Classic::Version,
        "redirect" => Classic::Redirect,
        "metrics/snapshot" => Classic::Metrics,
        _ => return None,
    };
    Some(Endpoint::Classic(classic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_exists_with_and_without_the_process_name() {
        for path in ["/state", "/master/state", "/state/", "/master/state.json", "/state/more"] {
            assert_eq!(endpoint(path), Some(Endpoint::Classic(Classic::State)), "{path}");
        }
        assert_eq!(endpoint("/master/frameworks/"), Some(Endpoint::Classic(Classic::Frameworks)));
        assert_eq!(endpoint("/metrics/snapshot"), Some(Endpoint::Classic(Classic::Metrics)));
    }

    #[test]
    fn the_longest_prefix_answers() {
        assert_eq!(endpoint("/api/v1/scheduler/x"), Some(Endpoint::Scheduler));
        assert_eq!(endpoint("/master/api/v1/scheduler"), Some(Endpoint::Scheduler));
        assert_eq!(endpoint("/api/v1"), None);
    }

    #[test]
    fn what_does_not_exist_is_not_found() {
        for path in
            ["/", "/nothing", "/statement", "/state/../flags", "/redirect/x", "/slaves.json"]
        {
            assert_eq!(endpoint(path), None, "{path}");
        }
        assert_eq!(endpoint("/master/redirect"), Some(Endpoint::Classic(Classic::Redirect)));
    }
}
