//! `cargo xtask tidy`: the rules of the house that no compiler checks.
//!
//! Each rule is a function over the text of the checkout's files and has its own tests;
//! it reports every breach, so that one run shows all there is to mend.

use std::{fs, process::Command};

use crate::{Failure, Result, Workspace, command::capture};

mod layout;
mod purity;
mod text;

/// A file of the checkout: its path from the root, and its content.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl File {
    /// The content, where it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|text| !text.contains('\0'))
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Tests have rules of their own: no size, freedom to unwrap.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("end2end/")
            || self.path.split('/').any(|part| matches!(part, "tests" | "benches"))
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
    }

    fn is_generated(&self) -> bool {
        self.text().is_some_and(|text| text.lines().take(3).any(|line| line.contains("@generated")))
    }
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Worth mending soon.
    Warning(String),
    /// Breaks the house's rules.
    Breach(String),
}

/// Runs all rules over the files that git knows or would take.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let files = read(workspace)?;
    let mut breaches = 0_usize;
    for finding in check(&files) {
        match finding {
            Finding::Warning(words) => println!("warning: {words}"),
            Finding::Breach(words) => {
                breaches += 1;
                println!("{words}");
            }
        }
    }
    if breaches == 0 {
        println!("{} files are tidy", files.len());
        return Ok(());
    }
    Err(Failure::new(format!("{breaches} breach(es) of the house's rules")))
}

fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(text::trailing_blanks(file));
        findings.extend(text::forbidden_words(file));
        findings.extend(layout::large_file(file));
        findings.extend(layout::banned_name(file));
        if file.is_rust() {
            findings.extend(layout::size(file));
            findings.extend(layout::header(file));
            findings.extend(purity::source(file));
        }
        findings.extend(purity::manifest(file));
        findings.extend(layout::members(file));
    }
    findings.extend(layout::top_level(files));
    findings
}

fn read(workspace: &Workspace) -> Result<Vec<File>> {
    let listed = capture(Command::new("git").current_dir(workspace.root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        let full = workspace.root().join(path);
        // A file that was deleted but not yet committed is still listed.
        if full.is_file() {
            let bytes = fs::read(&full).map_err(|error| Failure::file("read", &full, &error))?;
            files.push(File { path: path.to_owned(), bytes });
        }
    }
    Ok(files)
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
}

#[cfg(test)]
fn breaches(findings: impl IntoIterator<Item = Finding>) -> Vec<String> {
    findings
        .into_iter()
        .filter_map(|finding| match finding {
            Finding::Breach(words) => Some(words),
            Finding::Warning(_) => None,
        })
        .collect()
}
