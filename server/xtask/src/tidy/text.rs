//! Rules about the text itself: blanks at line ends, words that must not get in.

use super::{File, Finding};

/// Files that hold other people's text as it came.
const VERBATIM: [&str; 4] = [".md", "Cargo.lock", "LICENSE", ".png"];

/// No line ends with a blank, and a text file ends with a line break.
pub(super) fn trailing_blanks(file: &File) -> Vec<Finding> {
    let Some(text) = file.text() else { return Vec::new() };
    if is_fixture(file) || VERBATIM.iter().any(|end| file.path.ends_with(end)) {
        return Vec::new();
    }
    let mut findings: Vec<Finding> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.ends_with([' ', '\t']))
        .map(|(at, _)| Finding::Breach(format!("{}:{}: ends with a blank", file.path, at + 1)))
        .collect();
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::Breach(format!("{}: ends without a line break", file.path)));
    }
    findings
}

/// No folder of somebody's machine and no registry's host: a clone builds anywhere.
pub(super) fn forbidden_words(file: &File) -> Vec<Finding> {
    let Some(text) = file.text() else { return Vec::new() };
    // A lock file names the registry that every build uses.
    if file.path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    let words = forbidden();
    let lines = text.lines().enumerate();
    let hits = lines.flat_map(|(at, line)| {
        words.iter().filter(|word| line.contains(*word)).map(move |word| (at, word))
    });
    hits.map(|(at, word)| Finding::Breach(format!("{}:{}: says `{word}`", file.path, at + 1)))
        .collect()
}

/// Put together here, so that this file passes its own rule.
fn forbidden() -> Vec<String> {
    let folders = ["work", "farm", "home"].map(|folder| format!("/{folder}/"));
    let hosts = [
        ("crates", "io"),
        ("pypi", "org"),
        ("deb.debian", "org"),
        ("npmjs", "org"),
        ("static.rust-lang", "org"),
    ];
    let jobs = format!("/tmp/{}", "bash");
    folders
        .into_iter()
        .chain(hosts.map(|(name, end)| format!("{name}.{end}")))
        .chain([jobs])
        .collect()
}

fn is_fixture(file: &File) -> bool {
    file.path.contains("/fixtures/") || file.path.contains("/golden/")
}

#[cfg(test)]
mod tests {
    use super::{
        super::{breaches, file},
        *,
    };

    #[test]
    fn a_blank_at_a_lines_end_is_reported_with_its_line() {
        assert_eq!(
            breaches(trailing_blanks(&file("a.rs", "one\ntwo \n"))),
            ["a.rs:2: ends with a blank"]
        );
        assert_eq!(
            breaches(trailing_blanks(&file("a.rs", "one"))),
            ["a.rs: ends without a line break"]
        );
        assert_eq!(trailing_blanks(&file("end2end/fixtures/a.json", "one")), []);
    }

    #[test]
    fn machine_folders_and_registry_hosts_are_refused() {
        for word in forbidden() {
            let found = breaches(forbidden_words(&file("a.rs", &format!("see {word}x\n"))));
            assert_eq!(found, [format!("a.rs:1: says `{word}`")]);
        }
        assert_eq!(forbidden_words(&file("a.rs", "docker.io/nginx\n")), []);
    }
}
