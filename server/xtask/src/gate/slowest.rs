//! Reads the ten slowest tests out of the report that nextest leaves behind.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

/// How many are shown.
const SHOWN: usize = 10;

/// One test and how long it took.
#[derive(Debug, PartialEq)]
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) seconds: f64,
}

/// The slowest tests of the JUnit report at `path`; none where this run, which began `age` ago, wrote none.
pub(crate) fn read(path: &Path, age: Duration) -> Vec<Test> {
    let is_ours = fs::metadata(path)
        .and_then(|about| about.modified())
        .is_ok_and(|written| SystemTime::elapsed(&written).is_ok_and(|since| since <= age));
    if !is_ours {
        return Vec::new();
    }
    parse(&fs::read_to_string(path).unwrap_or_default())
}

fn parse(report: &str) -> Vec<Test> {
    let mut tests: Vec<Test> = report.split("<testcase ").skip(1).filter_map(test).collect();
    tests.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    tests.truncate(SHOWN);
    tests
}

fn test(text: &str) -> Option<Test> {
    let tag = text.split('>').next()?;
    let name = format!("{} {}", attribute(tag, "classname")?, attribute(tag, "name")?);
    Some(Test { name, seconds: attribute(tag, "time")?.parse().ok()? })
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("{name}=\"");
    // At the tag's start or after a blank: `name` also ends `classname`.
    let at = if tag.starts_with(&start) { 0 } else { tag.find(&format!(" {start}"))? + 1 };
    tag[at + start.len()..].split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_tests_come_first_and_only_ten_of_them() {
        let cases: String = (0..12)
            .map(|n| format!("<testcase name=\"a::test_{n}\" classname=\"model\" timestamp=\"x\" time=\"{n}.250\">\n</testcase>"))
            .collect();
        let tests = parse(&format!(
            "<testsuites><testsuite name=\"model\" time=\"99\">{cases}</testsuite></testsuites>"
        ));
        assert_eq!(tests.len(), SHOWN);
        assert_eq!(tests[0], Test { name: "model a::test_11".into(), seconds: 11.25 });
        assert_eq!(tests[9].name, "model a::test_2");
    }

    #[test]
    fn a_missing_report_names_no_test() {
        assert_eq!(read(Path::new("/nowhere/junit.xml"), Duration::MAX), []);
    }
}
