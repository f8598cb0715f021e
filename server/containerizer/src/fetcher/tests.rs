//! Files from a web server of the test's own and from the machine, good ones and bad ones.

mod again;
mod archives;
mod caching;
mod tls;
mod web;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use self::web::Web;
use super::*;

/// A fetcher, its folders and a sandbox.
pub(super) struct Bench {
    pub(super) fetcher: Fetcher,
    folder: TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut FetcherConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = FetcherConfig {
            cache_dir: folder.path().join("cache"),
            cache_size: 1 << 20,
            stall_timeout: Duration::from_secs(20),
            frameworks_home: None,
            limit: 1 << 20,
        };
        change(&mut config);
        fs::create_dir(folder.path().join("sandbox")).unwrap();
        Self { fetcher: Fetcher::new(config).unwrap(), folder }
    }

    pub(super) fn sandbox(&self) -> PathBuf {
        self.folder.path().join("sandbox")
    }

    /// Writes a file beside the sandbox and returns its path.
    pub(super) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(super) async fn fetch(&self, items: &[FetchItem]) -> Result<(), FetchError> {
        self.fetcher.fetch(items, &self.sandbox(), None).await
    }

    /// What the sandbox holds, sorted.
    pub(super) fn listing(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.sandbox(), Path::new(""), &mut found);
        found.sort();
        found
    }

    pub(super) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.sandbox().join(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.sandbox().join(name)).unwrap().permissions().mode() & 0o7777
    }
}

fn list(folder: &Path, above: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = above.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), &name, found);
        } else {
            found.push(name.display().to_string());
        }
    }
}

pub(super) fn item(uri: impl Into<String>) -> FetchItem {
    FetchItem { uri: uri.into(), executable: false, extract: true, cache: false, output_file: None }
}

pub(super) fn path_item(path: &Path) -> FetchItem {
    item(path.display().to_string())
}

#[tokio::test]
async fn a_file_of_a_server_lies_in_the_sandbox_under_its_name() {
    let (bench, web) = (Bench::new(), Web::start().await);
    bench.fetch(&[item(web.url("/file.txt?token=1"))]).await.unwrap();
    assert_eq!(bench.listing(), ["file.txt"]);
    assert_eq!(bench.text("file.txt"), web::FILE);
    assert_eq!(bench.mode("file.txt"), 0o644);
}

#[tokio::test]
async fn a_redirect_is_followed_and_keeps_the_name_that_was_asked_for() {
    let (bench, web) = (Bench::new(), Web::start().await);
    bench.fetch(&[item(web.url("/moved"))]).await.unwrap();
    assert_eq!(bench.text("moved"), web::FILE);
}

#[tokio::test]
async fn a_program_of_the_machine_keeps_its_mode_and_any_file_can_become_one() {
    let bench = Bench::new();
    let program = bench.file("run.sh", b"#!/bin/sh\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4750)).unwrap();
    let as_program = FetchItem {
        executable: true,
        output_file: Some("bin/start".to_owned()),
        ..path_item(&program)
    };
    let as_url = item(format!("file://{}", program.display()));
    bench.fetch(&[as_url, as_program]).await.unwrap();
    assert_eq!(bench.listing(), ["bin/start", "run.sh"]);
    assert_eq!(bench.mode("run.sh"), 0o750, "a set-user-id bit is not carried over");
    assert_eq!(bench.mode("bin/start"), 0o755);
}

#[tokio::test]
async fn a_relative_path_is_found_under_the_frameworks_home() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("a.conf"), "x").unwrap();
    let bench = Bench::with(|config| config.frameworks_home = Some(home.path().to_owned()));
    bench.fetch(&[item("a.conf")]).await.unwrap();
    assert_eq!(bench.text("a.conf"), "x");
}

#[tokio::test]
async fn what_is_fetched_belongs_to_the_tasks_user() {
    use std::os::unix::fs::MetadataExt;
    let bench = Bench::new();
    let file = bench.file("a", b"x");
    let named = FetchItem { output_file: Some("in/a".to_owned()), ..path_item(&file) };
    let owner = Owner { uid: 12_345, gid: 54_321 };
    bench.fetcher.fetch(&[named], &bench.sandbox(), Some(owner)).await.unwrap();
    for path in ["", "in", "in/a"] {
        let found = fs::metadata(bench.sandbox().join(path)).unwrap();
        assert_eq!((found.uid(), found.gid()), (owner.uid, owner.gid), "{path}");
    }
}

#[tokio::test]
async fn the_answer_of_a_server_that_has_no_such_file_is_the_reason() {
    let (bench, web) = (Bench::new(), Web::start().await);
    let failed = bench.fetch(&[item(web.url("/none"))]).await.unwrap_err().to_string();
    assert_eq!(
        failed,
        format!("Failed to fetch `{}`: the server answered 404 Not Found", web.url("/none"))
    );
    assert!(bench.listing().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let bench = Bench::new();
    let failed = bench.fetch(&[item("http://127.0.0.1:1/x")]).await.unwrap_err().to_string();
    assert!(failed.contains("http://127.0.0.1:1/x") && failed.contains("refused"), "{failed}");
}

#[tokio::test]
async fn a_download_without_end_stops_at_the_limit() {
    let (bench, web) = (Bench::with(|config| config.limit = 300_000), Web::start().await);
    let failed = bench.fetch(&[item(web.url("/endless"))]).await.unwrap_err();
    assert!(matches!(failed, FetchError::TooLarge { limit: 300_000, .. }), "{failed}");
    assert!(failed.to_string().contains("--fetcher_size_limit"), "{failed}");
    assert!(bench.listing().is_empty(), "the part that came is removed");
}

#[tokio::test]
async fn the_limit_is_for_all_files_of_a_task_together() {
    let bench = Bench::with(|config| config.limit = 100);
    let (one, two) = (bench.file("one", &[b'x'; 60]), bench.file("two", &[b'x'; 60]));
    let failed = bench.fetch(&[path_item(&one), path_item(&two)]).await.unwrap_err();
    assert!(failed.to_string().contains("/two`"), "{failed}");
    assert_eq!(bench.listing(), ["one"]);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_not_waited_for() {
    let web = Web::start().await;
    let bench = Bench::with(|config| config.stall_timeout = Duration::from_millis(200));
    for path in ["/silent", "/stalls"] {
        let failed = bench.fetch(&[item(web.url(path))]).await.unwrap_err().to_string();
        assert!(failed.contains("no data for too long"), "{failed}");
    }
    assert!(bench.listing().is_empty());
}

#[tokio::test]
async fn half_of_a_file_is_no_file() {
    let (bench, web) = (Bench::new(), Web::start().await);
    let failed = bench.fetch(&[item(web.url("/half"))]).await;
    assert!(failed.is_err());
    assert!(bench.listing().is_empty());
}

#[tokio::test]
async fn what_is_no_ordinary_file_is_refused() {
    let bench = Bench::new();
    for path in ["/dev/zero", "/proc/self"] {
        let failed = bench.fetch(&[item(path)]).await.unwrap_err().to_string();
        assert!(failed.contains("no ordinary file"), "{failed}");
    }
    let failed = bench.fetch(&[item("/no/such/file")]).await.unwrap_err().to_string();
    assert!(failed.contains("`/no/such/file`") && failed.contains("No such file"), "{failed}");
}

#[tokio::test]
async fn later_items_do_not_write_through_links_that_earlier_ones_brought() {
    let bench = Bench::new();
    let other = tempfile::tempdir().unwrap();
    let trap = bench.file("trap.tar", &archives::tar_with_link("out", other.path()));
    let file = bench.file("a", b"x");
    let through = FetchItem { output_file: Some("out/a".to_owned()), ..path_item(&file) };
    let failed = bench.fetch(&[path_item(&trap), through]).await.unwrap_err().to_string();
    assert!(failed.contains("leads out of the sandbox"), "{failed}");
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
}
