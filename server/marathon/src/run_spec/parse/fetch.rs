//! `fetch`, and `uris`, its older form.

use wire::marathon::PostedApp;

use crate::run_spec::{Fetch, Violations};

/// Longest URI in characters.
const MAX_URI: usize = 1_024;

/// Names of what `uris` unpacks. Source: marathon.md §6.1.
const ARCHIVES: [&str; 9] =
    [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".gz", ".tgz", ".tbz2", ".txz", ".zip"];

/// What is fetched; what is wrong is noted.
pub(super) fn parse(posted: &PostedApp, found: &mut Violations) -> Vec<Fetch> {
    let (fetch, uris) =
        (posted.fetch.as_deref().unwrap_or_default(), posted.uris.as_deref().unwrap_or_default());
    let error = "may not be set in conjunction with fetch";
    found.check(!fetch.is_empty() && !uris.is_empty(), "/uris", error);
    let mut all = Vec::with_capacity(fetch.len() + uris.len());
    for (index, given) in fetch.iter().enumerate() {
        let path = format!("/fetch({index})");
        let uri = given.uri.clone().unwrap_or_default();
        check_uri(&uri, &format!("{path}/uri"), found);
        if let Some(name) = &given.dest_path {
            let error = "must be a relative path inside the sandbox without '..'";
            found.check(!stays_inside(name), format!("{path}/destPath"), error);
        }
        all.push(Fetch {
            uri,
            extract: given.extract.unwrap_or(true),
            executable: given.executable.unwrap_or(false),
            cache: given.cache.unwrap_or(false),
            dest_path: given.dest_path.clone(),
        });
    }
    for uri in uris {
        check_uri(uri, "/uris", found);
        let file = uri.split(['?', '#']).next().unwrap_or_default();
        all.push(Fetch {
            uri: uri.clone(),
            extract: ARCHIVES.iter().any(|ending| file.ends_with(ending)),
            executable: false,
            cache: false,
            dest_path: None,
        });
    }
    all
}

fn check_uri(uri: &str, path: &str, found: &mut Violations) {
    found.check(uri.chars().count() > MAX_URI, path, "must not be longer than 1024 characters");
    let is_wrong = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\'' | '\\');
    let is_nothing = uri.trim().is_empty();
    found.check(is_nothing || uri.contains(is_wrong), path, "URI has invalid syntax.");
}

/// Says whether a path names a file below the folder that it is relative to.
fn stays_inside(path: &str) -> bool {
    path != "." && path.split('/').all(|part| !matches!(part, "" | ".."))
}
