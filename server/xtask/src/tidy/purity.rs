//! The one dependency rule: the deciding crates do no I/O and know no clock, thread or chance.

use super::{File, Finding};

/// The crates that decide.
const PURE: [&str; 6] = [
    "server/model",
    "server/allocator",
    "server/master",
    "server/agent",
    "server/marathon",
    "server/zookeeper",
];

/// What a pure crate may depend on: other pure crates, `wire`, and crates that only compute.
const ALLOWED: [&str; 25] = [
    "agent-core",
    "allocator",
    "master-core",
    "marathon-core",
    "model",
    "wire",
    "zookeeper-core",
    "base64",
    "bytes",
    "foldhash",
    "imbl",
    "indexmap",
    "jiff",
    "percent-encoding",
    "postcard",
    "prost",
    "rangemap",
    "regex",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "sha1",
    "sha2",
    "thiserror",
    "tracing",
];

/// What a pure source may not name, and why. Test code may not either: a pure test needs none of it.
const BANNED: [(&str, &str); 21] = [
    ("std::fs", "file access"),
    // Addresses are values; sockets are not.
    ("TcpListener", "network access"),
    ("TcpStream", "network access"),
    ("UdpSocket", "network access"),
    ("ToSocketAddrs", "network access"),
    ("std::thread", "threads"),
    ("std::process", "processes"),
    ("std::env", "the environment"),
    ("Instant::now", "the machine's clock"),
    ("SystemTime", "the machine's clock"),
    ("Timestamp::now", "the machine's clock"),
    ("Zoned::now", "the machine's clock"),
    ("HashMap", "an order that differs from run to run"),
    ("HashSet", "an order that differs from run to run"),
    ("tokio::", "a runtime"),
    ("axum::", "HTTP"),
    ("openraft::", "consensus"),
    ("sqlx::", "a database"),
    ("bollard::", "Docker"),
    ("leptos::", "the user interface"),
    ("rand::", "chance"),
];

/// The one hash map: `model::Index` wraps it and offers no iteration, so its order never shows.
const INDEX: &str = "server/model/src/index.rs";

/// Checks one manifest; `[dev-dependencies]` are free, tests may use what they like.
pub(super) fn manifest(file: &File) -> Vec<Finding> {
    let Some(krate) = PURE.iter().find(|krate| file.path == format!("{krate}/Cargo.toml")) else {
        return Vec::new();
    };
    let Some(text) = file.text() else { return Vec::new() };
    let mut findings = Vec::new();
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_inside = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
            if let Some(name) =
                line.strip_prefix("[dependencies.").and_then(|rest| rest.strip_suffix(']'))
            {
                findings.extend(unless_allowed(krate, name));
            }
            continue;
        }
        let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
        if is_inside && !name.is_empty() && !name.starts_with('#') {
            findings.extend(unless_allowed(krate, name));
        }
    }
    findings
}

fn unless_allowed(krate: &str, name: &str) -> Option<Finding> {
    (!ALLOWED.contains(&name)).then(|| {
        Finding::Breach(format!("{krate}/Cargo.toml: a pure crate may not depend on `{name}` (the list is in xtask's tidy/purity.rs)"))
    })
}

/// Checks one source file; comments may name what the code may not.
pub(super) fn source(file: &File) -> Vec<Finding> {
    if !PURE.iter().any(|krate| file.path.starts_with(&format!("{krate}/src/"))) {
        return Vec::new();
    }
    let Some(text) = file.text() else { return Vec::new() };
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (word, what) in BANNED {
            let is_exempt = file.path == INDEX && word == "HashMap";
            if names(code, word) && !is_exempt {
                findings.push(Finding::Breach(format!(
                    "{}:{}: `{word}` brings {what} into a pure crate",
                    file.path,
                    at + 1
                )));
            }
        }
        if names(code, "async fn") {
            findings.push(Finding::Breach(format!(
                "{}:{}: a pure crate has no `async fn`",
                file.path,
                at + 1
            )));
        }
    }
    findings
}

/// Whether `code` holds `word` and not only as the end of a longer name.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        !code[..at]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || before == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{breaches, file},
        *,
    };

    #[test]
    fn a_pure_manifest_may_only_name_listed_crates() {
        let text = "[package]\nname = \"model\"\n[dependencies]\nwire.workspace = true\n\nserde = { workspace = true }\ntokio.workspace = true\n\
                    [dependencies.rand]\nversion = \"1\"\n[dev-dependencies]\nproptest.workspace = true\n";
        let found = breaches(manifest(&file("server/model/Cargo.toml", text)));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`tokio`") && found[1].contains("`rand`"), "{found:?}");
        assert_eq!(manifest(&file("server/containerizer/Cargo.toml", text)), []);
    }

    #[test]
    fn a_pure_source_may_not_touch_the_outside() {
        for line in [
            "use std::fs;",
            "let now = std::time::Instant::now();",
            "use std::collections::{BTreeMap, HashMap};",
            "async fn go() {}",
        ] {
            assert_eq!(breaches(source(&file("server/master/src/a.rs", line))).len(), 1, "{line}");
        }
        assert_eq!(source(&file("server/src/master/a.rs", "use std::fs;")), []);
    }

    #[test]
    fn the_hash_map_without_iteration_is_the_one_exception() {
        assert_eq!(source(&file(INDEX, "struct Index(HashMap<K, V>);")), []);
        assert_eq!(
            breaches(source(&file("server/model/src/resources.rs", "HashMap<K, V>"))).len(),
            1
        );
    }

    #[test]
    fn comments_and_longer_names_are_left_alone() {
        for line in [
            "// unlike a HashMap, this is ordered",
            "let brand::X = y;",
            "use model::Instant;",
            "use std::net::Ipv4Addr;",
        ] {
            assert_eq!(source(&file("server/master/src/a.rs", line)), [], "{line}");
        }
    }
}
