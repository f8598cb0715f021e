//! Sandboxes are shown, the rest of the machine is not.

use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// A work directory with one sandbox of agent `S0`, and the sandbox's path.
fn work_dir() -> (TempDir, PathBuf, PathBuf) {
    let folder = TempDir::new().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    let runs = root.join("slaves/S0/frameworks/F/executors/nginx.1/runs");
    let sandbox = runs.join("c1");
    fs::create_dir_all(sandbox.join("logs")).unwrap();
    fs::write(sandbox.join("stdout"), "hello\n").unwrap();
    fs::write(root.join("secret"), "no").unwrap();
    symlink("c1", runs.join("latest")).unwrap();
    symlink(root.join("secret"), sandbox.join("out")).unwrap();
    symlink("stdout", sandbox.join("in")).unwrap();
    (folder, root, sandbox)
}

fn found(root: &Path, path: &str) -> Result<PathBuf, Refusal> {
    resolve(root, Some("S0"), path)
}

#[test]
fn a_sandbox_is_found_under_its_three_names() {
    let (_folder, root, sandbox) = work_dir();
    let latest = sandbox.with_file_name("latest");
    for name in [
        sandbox.display().to_string(),
        latest.display().to_string(),
        "/frameworks/F/executors/nginx.1/runs/latest".to_owned(),
    ] {
        assert_eq!(found(&root, &name), Ok(sandbox.clone()), "{name}");
        assert_eq!(found(&root, &format!("{name}/stdout")), Ok(sandbox.join("stdout")), "{name}");
    }
    assert_eq!(found(&root, &format!("{}/in", sandbox.display())), Ok(sandbox.join("stdout")));
}

#[test]
fn a_path_that_leaves_its_sandbox_is_refused() {
    let (_folder, root, sandbox) = work_dir();
    let sandbox = sandbox.display();
    for path in [
        format!("{sandbox}/out"),
        format!("{sandbox}/../../../../../../../../secret"),
        format!("{sandbox}/../latest/out"),
    ] {
        assert_eq!(
            found(&root, &path),
            Err(Refusal::Invalid(format!("'{path}' is inaccessible"))),
            "{path}"
        );
    }
}

#[test]
fn whatever_is_no_sandbox_does_not_exist() {
    let (_folder, root, _) = work_dir();
    let secret = root.join("secret").display().to_string();
    let above = root.join("slaves/S0").display().to_string();
    let up = format!("{}/slaves/../frameworks/F/executors/nginx.1/runs/c1", root.display());
    let gone = "/frameworks/F/executors/other/runs/latest".to_owned();
    for path in
        ["/etc/passwd".to_owned(), "/".to_owned(), "relative".to_owned(), secret, above, up, gone]
    {
        assert_eq!(found(&root, &path), Err(Refusal::NotFound(path.clone())), "{path}");
    }
}

#[test]
fn a_listing_is_sorted_and_follows_links() {
    let (_folder, root, sandbox) = work_dir();
    let runs = sandbox.parent().unwrap();
    let entries = listing("/x/", &sandbox).unwrap();
    let names: Vec<_> =
        entries.iter().map(|entry| (entry.path.as_str(), &entry.mode[..1])).collect();
    assert_eq!(names, [("/x/in", "-"), ("/x/logs", "d"), ("/x/out", "-"), ("/x/stdout", "-")]);
    assert_eq!(entries[3].size, 6);
    assert_eq!(listing("/x", &sandbox.join("stdout")), Ok(Vec::new()));
    assert!(
        listing("/r", runs)
            .unwrap()
            .iter()
            .any(|entry| entry.path == "/r/latest" && entry.mode.starts_with('d'))
    );
    assert!(root.is_dir());
}

#[test]
fn one_range_is_served_and_odd_ones_mean_everything() {
    let of = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::try_from(text).unwrap());
        range(&headers, 100)
    };
    assert_eq!(of("bytes=0-9"), Range::Part { first: 0, last: 9 });
    assert_eq!(of("bytes=90-"), Range::Part { first: 90, last: 99 });
    assert_eq!(of("bytes=-5"), Range::Part { first: 95, last: 99 });
    assert_eq!(of("bytes=50-1000"), Range::Part { first: 50, last: 99 });
    assert_eq!(of("bytes=100-"), Range::Outside);
    assert_eq!(of("bytes=0-1,5-6"), Range::Whole);
    assert_eq!(of("lines=1-2"), Range::Whole);
    assert_eq!(range(&HeaderMap::new(), 100), Range::Whole);
}

#[test]
fn a_files_name_survives_the_header() {
    assert_eq!(disposition("stdout"), "attachment; filename=stdout");
    assert_eq!(disposition("my \"log\".txt"), "attachment; filename=\"my _log_.txt\"");
    assert_eq!(disposition("a\nb"), "attachment");
}
