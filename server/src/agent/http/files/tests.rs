//! Sandboxes are shown, the rest of the machine is not.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use axum::http::{HeaderValue, header};
use tempfile::TempDir;

use super::download::{Range, disposition, range};
use super::listing::entries;
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
    Place::find(root, Some("S0"), path).map(|place| place.sandbox.join(place.below))
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

/// Found under the sandbox's real name.
fn place(root: &Path, path: &Path) -> Place {
    Place::find(root, Some("S0"), &path.display().to_string()).unwrap()
}

#[test]
fn a_listing_is_sorted_and_follows_links_that_stay_inside() {
    let (_folder, root, sandbox) = work_dir();
    symlink("logs", sandbox.join("logs-link")).unwrap();
    symlink("nowhere", sandbox.join("lost")).unwrap();
    let entries_of = |path: &Path| entries("/x/", &place(&root, path)).unwrap();
    let found = entries_of(&sandbox);
    let names: Vec<_> = found.iter().map(|entry| (entry.path.as_str(), &entry.mode[..1])).collect();
    assert_eq!(
        names,
        [
            ("/x/in", "-"),
            ("/x/logs", "d"),
            ("/x/logs-link", "d"),
            ("/x/lost", "l"),
            ("/x/out", "l"),
            ("/x/stdout", "-")
        ]
    );
    assert_eq!((found[0].size, found[5].size), (6, 6));
    // The size of a link is the length of its target's name, and tells nothing of what is there.
    assert_eq!(found[4].size, root.join("secret").display().to_string().len() as u64);
    assert_eq!(entries_of(&sandbox.join("stdout")), Vec::new());
    assert_eq!(entries_of(&sandbox.join("logs")), Vec::new());
}

#[test]
fn a_link_put_in_the_way_meanwhile_is_not_followed() {
    let (_folder, root, sandbox) = work_dir();
    fs::write(sandbox.join("logs/app.log"), "mine").unwrap();
    let (file, folder) =
        (place(&root, &sandbox.join("stdout")), place(&root, &sandbox.join("logs/app.log")));
    fs::remove_file(sandbox.join("stdout")).unwrap();
    symlink(root.join("secret"), sandbox.join("stdout")).unwrap();
    fs::rename(sandbox.join("logs"), sandbox.join("moved")).unwrap();
    symlink(&root, sandbox.join("logs")).unwrap();
    fs::write(root.join("app.log"), "no").unwrap();
    let inaccessible = Refusal::Invalid("'/p' is inaccessible".to_owned());
    assert_eq!(file.open("/p").map(drop), Err(inaccessible));
    assert_eq!(folder.open("/p").map(drop), Err(Refusal::NotFound("/p".to_owned())));
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
    assert_eq!(of("bytes=-500"), Range::Part { first: 0, last: 99 });
    assert_eq!(of("bytes=-0"), Range::Outside);
    assert_eq!(of("bytes=9-3"), Range::Whole);
    assert_eq!(of("bytes=0-1,5-6"), Range::Whole);
    assert_eq!(of("lines=1-2"), Range::Whole);
    assert_eq!(range(&HeaderMap::new(), 100), Range::Whole);
    let mut headers = HeaderMap::new();
    headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-9"));
    assert_eq!(range(&headers, 0), Range::Outside);
    headers.insert(header::IF_RANGE, HeaderValue::from_static("\"v1\""));
    assert_eq!(range(&headers, 100), Range::Whole);
}

#[test]
fn a_files_name_survives_the_header() {
    assert_eq!(disposition("stdout"), "attachment; filename=stdout");
    assert_eq!(disposition("my \"log\".txt"), "attachment; filename=\"my _log_.txt\"");
    assert_eq!(disposition("a\nb"), "attachment");
}
