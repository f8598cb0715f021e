//! Fetches into a sandbox in which an earlier attempt was cut off, and archives that are unpacked over themselves.

use std::os::unix::fs::{MetadataExt, symlink};

use super::archives::tar_with_everything;
use super::*;
use crate::fetcher::archive::Unpacking;

/// Fetches until a part of the file has come, and gives up.
async fn cut_off(bench: &Bench, items: &[FetchItem]) {
    let has_begun = async {
        let is_partial = |name: &String| name.contains("fetching");
        while !bench.listing().iter().any(is_partial) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = bench.fetch(items) => panic!("it has ended: {ended:?}"),
        () = has_begun => {}
    }
}

#[tokio::test]
async fn a_fetch_that_was_called_off_begins_again_in_the_same_sandbox() {
    let (bench, web) = (Bench::new(), Web::start().await);
    let stalls = FetchItem { output_file: Some("in/a".to_owned()), ..item(web.url("/stalls")) };
    let other = FetchItem { output_file: Some("in/a".to_owned()), ..item(web.url("/file.txt")) };
    cut_off(&bench, &[item(web.url("/file.txt")), stalls]).await;
    bench.fetch(&[item(web.url("/file.txt")), other]).await.unwrap();
    assert_eq!(bench.listing(), ["file.txt", "in/a"]);
    assert_eq!(bench.text("in/a"), web::FILE);
}

#[tokio::test]
async fn what_a_fetch_has_written_goes_when_it_is_called_off() {
    let (bench, web) = (Bench::new(), Web::start().await);
    cut_off(&bench, &[item(web.url("/stalls"))]).await;
    let gone = tokio::time::timeout(Duration::from_secs(20), async {
        while !bench.listing().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(gone.await.is_ok(), "{:?}", bench.listing());
}

#[tokio::test]
async fn what_a_killed_agent_has_left_is_removed_and_no_link_of_it_is_followed() {
    let (bench, web) = (Bench::new(), Web::start().await);
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    fs::write(&precious, "x").unwrap();
    let left = |name: &str| bench.sandbox().join(name);
    fs::write(left("stdout"), "said").unwrap();
    fs::write(left("file.txt.fetching"), "half").unwrap();
    fs::write(left(".fetching-0"), "half").unwrap();
    fs::create_dir_all(left("file.txt/a/b")).unwrap();
    symlink(outside.path(), left("in")).unwrap();
    symlink(&precious, left("b")).unwrap();
    symlink(outside.path(), left("file.txt/a/out")).unwrap();
    let named =
        |name: &str| FetchItem { output_file: Some(name.to_owned()), ..item(web.url("/file.txt")) };
    let owner = Owner { uid: 12_345, gid: 54_321 };
    let items = [named("file.txt"), named("in/a"), named("b")];
    bench.fetcher.fetch(&items, &bench.sandbox(), Some(owner)).await.unwrap();
    assert_eq!(bench.listing(), ["b", "file.txt", "in/a", "stdout"]);
    assert_eq!(bench.text("stdout"), "said");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "x");
    assert_eq!(fs::metadata(&precious).unwrap().uid(), fs::metadata("/proc/self").unwrap().uid());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn an_archive_is_unpacked_over_itself() {
    let bench = Bench::new();
    let file = bench.file("a.tar", &tar_with_everything());
    let zip = bench.file("a.zip", &archives::zip_with(&[("app/run.sh", b"zip"), ("b", b"y")]));
    for _ in 0..2 {
        let items = [&file, &file, &zip, &zip].map(|path| path_item(path));
        bench.fetch(&items).await.unwrap();
        let names =
            ["a.tar", "a.zip", "app/hard", "app/run.sh", "app/soft", "b", "shut/in", "shut/same"];
        assert_eq!(bench.listing(), names);
        assert_eq!(bench.text("app/run.sh"), "zip");
        assert_eq!(bench.text("app/hard"), "tar", "the zip file's is another file");
        assert_eq!(fs::read_link(bench.sandbox().join("app/soft")).unwrap(), Path::new("run.sh"));
        assert_eq!(bench.mode("shut"), 0o555);
        let number = |name: &str| fs::metadata(bench.sandbox().join(name)).unwrap().ino();
        assert_eq!(number("shut/in"), number("shut/same"));
    }
}

/// Folders that may not be written to hinder everybody but root, so somebody else unpacks here.
#[tokio::test]
async fn folders_that_are_read_only_hinder_no_agent_of_another_user() {
    use rustix::process::{Gid, Uid, geteuid};
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

    let bench = Bench::new();
    let (user, group) = (12_345, 54_321);
    let file = bench.file("a.tar", &tar_with_everything());
    fs::set_permissions(bench.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    if geteuid().is_root() {
        std::os::unix::fs::chown(bench.sandbox(), Some(user), Some(group)).unwrap();
    }
    let unpacking = Unpacking {
        source: Source::File(file.clone()),
        file,
        name: "a.tar".to_owned(),
        sandbox: bench.sandbox().canonicalize().unwrap(),
        budget: Budget::of(1 << 20),
    };
    let somebody = std::thread::spawn(move || {
        if geteuid().is_root() {
            let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
            set_thread_res_gid(group, group, group).unwrap();
            set_thread_res_uid(user, user, user).unwrap();
        }
        let archive = Archive::by_name("a.tar").unwrap();
        archive.unpack(&unpacking).unwrap();
        archive.unpack(&unpacking).unwrap();
        let mode = fs::metadata(unpacking.sandbox.join("shut")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o555);
        leftovers::clear(&unpacking.sandbox).unwrap();
        assert_eq!(fs::read_dir(&unpacking.sandbox).unwrap().count(), 0);
    });
    tokio::task::spawn_blocking(|| somebody.join()).await.unwrap().unwrap();
}
