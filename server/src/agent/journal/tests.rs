//! The journal as a file.

use agent_core::Entry;
use tempfile::TempDir;

use super::*;
use crate::agent::tests::small_disk::SmallDisk;

fn acknowledged(task: &str, uuid: u8) -> Record {
    Record::V1(Entry::Acknowledged {
        framework: "F".into(),
        task: task.into(),
        uuid: vec![uuid; 16],
    })
}

fn admitted() -> Record {
    Record::V1(Entry::Admitted { agent: "S0".into() })
}

#[tokio::test]
async fn records_are_there_after_opening_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("journal");
    assert!(Journal::read(&path).await.unwrap().is_empty());
    let mut journal = Journal::begin(&path, &[]).await.unwrap();
    let records = [admitted(), acknowledged("a", 1), acknowledged("b", 2)];
    journal.append(&records[..2]).await.unwrap();
    // A process killed while it wrote.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(&format::encode(&records[2..])[..11]);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(Journal::read(&path).await.unwrap(), records[..2]);
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "reading changes nothing");

    let mut journal = Journal::begin(&path, &records[..2]).await.unwrap();
    journal.append(&records[2..]).await.unwrap();
    assert_eq!(Journal::read(&path).await.unwrap(), records);
    journal.rewrite(&records[1..2]).await.unwrap();
    journal.append(&records[..1]).await.unwrap();
    assert_eq!(Journal::read(&path).await.unwrap(), [records[1].clone(), records[0].clone()]);
}

#[tokio::test]
async fn a_damaged_journal_is_refused_with_file_and_offset() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("journal");
    Journal::begin(&path, &[admitted(), acknowledged("a", 1)]).await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let refused = Journal::read(&path).await.unwrap_err().to_string();
    let offset = format::encode_file(&[admitted()]).len();
    assert!(
        refused.contains(&format!("{}` is damaged at byte {offset}", path.display())),
        "{refused}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "and left as it is");
}

#[tokio::test]
async fn a_journal_that_is_made_short_in_time_stays_short() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::begin(&path, &[admitted()]).await.unwrap();
    let many = vec![acknowledged("a-task-with-a-name-of-some-length", 1); 50_000];
    let mut longest = 0;
    for _ in 0..20 {
        journal.append(&many).await.unwrap();
        longest = longest.max(std::fs::metadata(&path).unwrap().len());
        if journal.is_long() {
            journal.rewrite(&[admitted()]).await.unwrap();
        }
    }
    assert!(longest < LONG + 5_000_000, "{longest} bytes");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), journal.length);
}

#[tokio::test]
async fn what_found_no_space_is_written_later_as_if_nothing_had_been_tried() {
    let disk = SmallDisk::of_mebibytes(16);
    let path = disk.path().join("journal");
    let mut journal = Journal::begin(&path, &[admitted()]).await.unwrap();
    assert!(journal.has_room());
    disk.fill();
    let many = vec![acknowledged("a", 1); 10_000];
    let mut written = vec![admitted()];
    let full = loop {
        match journal.append(&many).await {
            Ok(()) => written.extend(many.iter().cloned()),
            Err(full) => break full,
        }
    };
    assert!(full.is_disk_full(), "{full}");
    assert!(written.len() > 50_000, "{} records only in the reserve", written.len());
    assert!(!journal.has_room());
    assert!(journal.append(&many).await.unwrap_err().is_disk_full());
    assert!(journal.rewrite(&[admitted()]).await.unwrap_err().is_disk_full());
    assert!(!path.with_extension("new").exists());
    disk.free();
    journal.append(&many).await.unwrap();
    written.extend(many);
    assert_eq!(Journal::read(&path).await.unwrap(), written);
    assert!(journal.has_room());
}

#[tokio::test]
async fn a_journal_is_continued_behind_its_last_whole_record() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("journal");
    assert!(Journal::resume(&path).await.unwrap().is_none(), "there is none");
    Journal::begin(&path, &[admitted()])
        .await
        .unwrap()
        .append(&[acknowledged("a", 1)])
        .await
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(&format::encode(&[acknowledged("long".repeat(9).as_str(), 2)])[..40]);
    std::fs::write(&path, &bytes).unwrap();
    let mut journal = Journal::resume(&path).await.unwrap().unwrap();
    journal.append(&[acknowledged("b", 3)]).await.unwrap();
    let records = [admitted(), acknowledged("a", 1), acknowledged("b", 3)];
    assert_eq!(Journal::read(&path).await.unwrap(), records);
    std::fs::write(&path, include_bytes!("format/first-form.journal")).unwrap();
    assert!(Journal::resume(&path).await.unwrap().is_none(), "of another form");
}
