//! Archives of every kind, honest and hostile.

use std::io::{Cursor, Write};

use flate2::write::GzEncoder;

use super::*;

const SCRIPT: &[u8] = b"#!/bin/sh\necho hello\n";

/// A tar file with a program in a folder and a link to it.
fn tar_file() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o4755);
    header.set_size(SCRIPT.len() as u64);
    tar.append_data(&mut header, "app/run.sh", SCRIPT).unwrap();
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    tar.append_link(&mut link, "app/start", "run.sh").unwrap();
    tar.into_inner().unwrap()
}

/// A tar file with nothing but a link.
pub(super) fn tar_with_link(name: &str, target: &Path) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    tar.append_link(&mut link, name, target).unwrap();
    tar.into_inner().unwrap()
}

/// A tar file with links of both kinds, and a folder that may not be written to with a file and a hard link in it.
pub(super) fn tar_with_everything() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let header = |kind, mode, size| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header
    };
    let mut folder = |name: &str, mode| {
        let mut header = header(tar::EntryType::Directory, mode, 0);
        tar.append_data(&mut header, name, &b""[..]).unwrap();
    };
    folder("app/", 0o755);
    folder("shut/", 0o555);
    for name in ["app/run.sh", "shut/in"] {
        let mut header = header(tar::EntryType::Regular, 0o644, 3);
        tar.append_data(&mut header, name, &b"tar"[..]).unwrap();
    }
    for (kind, name, target) in [
        (tar::EntryType::Link, "app/hard", "app/run.sh"),
        (tar::EntryType::Symlink, "app/soft", "run.sh"),
        (tar::EntryType::Link, "shut/same", "shut/in"),
        // It is itself, and stays.
        (tar::EntryType::Link, "shut/same", "shut/same"),
    ] {
        tar.append_link(&mut header(kind, 0o644, 0), name, target).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A tar file with an entry of any name, however wrong, of any kind.
fn tar_with_entry(name: &str, kind: tar::EntryType) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(1);
    let field = &mut header.as_gnu_mut().unwrap().name;
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header, &b"x"[..]).unwrap();
    tar.into_inner().unwrap()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// `tar.xz` of [`tar_file`]'s kind, made by xz 5.4: its decoder is what is tested, nothing here encodes.
fn xz(content: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new("xz")
        .args(["-c", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(content).unwrap();
    child.wait_with_output().unwrap().stdout
}

pub(super) fn zip_with(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    for (name, content) in entries {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn a_tar_file_is_unpacked_beside_itself_whatever_its_compression() {
    let tar = tar_file();
    for (name, content) in [
        ("a.tar", tar.clone()),
        ("a.tar.gz", gzip(&tar)),
        ("a.tgz", gzip(&tar)),
        ("a.tar.bz2", bzip2(&tar)),
        ("a.tbz2", bzip2(&tar)),
        ("a.tar.xz", xz(&tar)),
        ("a.txz", xz(&tar)),
    ] {
        let bench = Bench::new();
        let file = bench.file(name, &content);
        bench.fetch(&[path_item(&file)]).await.unwrap();
        assert_eq!(bench.listing(), [name, "app/run.sh", "app/start"], "{name}");
        assert_eq!(bench.text("app/start").as_bytes(), SCRIPT);
        assert_eq!(bench.mode("app/run.sh"), 0o755, "{name}: without its set-user-id bit");
    }
}

#[tokio::test]
async fn a_zip_file_and_a_single_gzipped_file_are_unpacked_too() {
    let bench = Bench::new();
    let zip = bench.file("a.zip", &zip_with(&[("app/run.sh", SCRIPT), ("b", b"y")]));
    let gz = bench.file("notes.txt.gz", &gzip(b"notes"));
    bench.fetch(&[path_item(&zip), path_item(&gz)]).await.unwrap();
    assert_eq!(bench.listing(), ["a.zip", "app/run.sh", "b", "notes.txt", "notes.txt.gz"]);
    assert_eq!(bench.mode("app/run.sh"), 0o755);
    assert_eq!(bench.text("notes.txt"), "notes");
}

#[tokio::test]
async fn an_archive_stays_packed_when_that_is_wanted_or_it_is_a_program() {
    for change in [
        (|item: &mut FetchItem| item.extract = false) as fn(&mut FetchItem),
        |item| item.executable = true,
        |item| item.output_file = Some("plain".to_owned()),
    ] {
        let bench = Bench::new();
        let file = bench.file("a.tar", &tar_file());
        let mut wanted = path_item(&file);
        change(&mut wanted);
        bench.fetch(&[wanted]).await.unwrap();
        assert_eq!(bench.listing().len(), 1);
    }
}

#[tokio::test]
async fn the_output_files_name_says_what_an_archive_is() {
    let (bench, web) = (Bench::new(), Web::start().await);
    let named = FetchItem { output_file: Some("a.tar".to_owned()), ..item(web.url("/file.txt")) };
    let failed = bench.fetch(&[named]).await.unwrap_err();
    assert!(matches!(failed, FetchError::Archive { .. }), "{failed}");
}

#[tokio::test]
async fn entries_that_lead_out_of_the_sandbox_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    let through = {
        let mut tar = tar::Builder::new(Vec::new());
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        tar.append_link(&mut link, "out", outside.path()).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(1);
        tar.append_data(&mut header, "out/x", &b"x"[..]).unwrap();
        tar.into_inner().unwrap()
    };
    for (name, content) in [
        ("up.tar", tar_with_entry("../x", tar::EntryType::Regular)),
        ("through.tar", through),
        ("up.zip", zip_with(&[("../x", b"x")])),
    ] {
        let bench = Bench::new();
        let file = bench.file(name, &content);
        let failed = bench.fetch(&[path_item(&file)]).await.unwrap_err();
        assert!(matches!(failed, FetchError::Archive { .. }), "{name}: {failed}");
        assert!(!bench.sandbox().join("../x").exists(), "{name}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn devices_and_pipes_are_refused() {
    for kind in [tar::EntryType::Char, tar::EntryType::Block, tar::EntryType::Fifo] {
        let bench = Bench::new();
        let file = bench.file("a.tar", &tar_with_entry("node", kind));
        let failed = bench.fetch(&[path_item(&file)]).await.unwrap_err().to_string();
        assert!(failed.contains("`node` is a device or a pipe"), "{failed}");
        assert_eq!(bench.listing(), ["a.tar"]);
    }
}

#[tokio::test]
async fn an_archive_that_grows_without_end_stops_at_the_limit() {
    let zeros = vec![0; 8 << 20];
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(zeros.len() as u64);
    tar.append_data(&mut header, "zeros", &zeros[..]).unwrap();
    let tar = tar.into_inner().unwrap();
    for (name, content) in [
        ("a.tar.gz", gzip(&tar)),
        ("a.gz", gzip(&zeros)),
        ("a.zip", zip_with(&[("zeros", &zeros)])),
    ] {
        let bench = Bench::new();
        let file = bench.file(name, &content);
        let failed = bench.fetch(&[path_item(&file)]).await.unwrap_err();
        assert!(matches!(failed, FetchError::TooLarge { .. }), "{name}: {failed}");
        let size = |name: &String| fs::metadata(bench.sandbox().join(name)).unwrap().len();
        let written: u64 = bench.listing().iter().map(size).sum();
        assert!(written <= 1 << 20, "{name}: {written} bytes were written");
    }
}

#[tokio::test]
async fn what_is_no_archive_although_it_says_so_is_the_tasks_failure() {
    for name in ["a.tar.gz", "a.tgz", "a.tbz2", "a.txz", "a.zip", "a.gz"] {
        let bench = Bench::new();
        let file = bench.file(name, b"<html>Not found</html>");
        let failed = bench.fetch(&[path_item(&file)]).await.unwrap_err();
        assert!(matches!(failed, FetchError::Archive { .. }), "{name}: {failed}");
    }
}

#[tokio::test]
async fn unpacking_ends_soon_after_nobody_wants_it_any_more() {
    let bench = Bench::new();
    let source = Source::File(bench.file("a", b"x"));
    let budget = Budget::of(10);
    let place = Place::prepare(&path_item(Path::new("/a")), &source, &bench.sandbox()).await;
    let place = place.unwrap();
    let unpacking = place.unpack(Archive::Gzip, Path::new("/nowhere"), &budget);
    drop(unpacking); // Never polled: nothing was begun, nothing is taken.
    assert!(budget.take(1, &source).is_ok());
    let mut unpacking = Box::pin(place.unpack(Archive::Gzip, Path::new("/nowhere"), &budget));
    let polled = futures_util::poll!(&mut unpacking);
    drop(unpacking);
    assert!(polled.is_ready() || budget.take(1, &source).is_err());
}
