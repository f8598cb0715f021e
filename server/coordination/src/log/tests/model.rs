//! The log against a plain vector, through appends, truncations and restarts in any order.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append {
        entries: u64,
        bytes: usize,
    },
    /// Drops this many of the newest entries.
    Truncate(usize),
    Reopen,
    /// Goes on as after a crash: what was acknowledged is there, nothing was closed.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..5_u64, 0..6_000_usize)
            .prop_map(|(entries, bytes)| Step::Append { entries, bytes }),
        2 => (0..12_usize).prop_map(Step::Truncate),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

/// Copies the folder as the disk has it while the log is open.
fn copy(folder: &Path) -> tempfile::TempDir {
    let copied = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        // A segment that is being made counts once it has its name.
        if file.file_name().to_string_lossy().ends_with(".new") {
            continue;
        }
        std::fs::copy(file.path(), copied.path().join(file.file_name())).unwrap();
    }
    copied
}

async fn run(steps: Vec<Step>) {
    let mut folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path()).unwrap();
    vote(&mut log, 1).await;
    let mut model: Vec<EntryOf<TypeConfig>> = Vec::new();
    let mut term = 1;
    for step in steps {
        match step {
            Step::Append { entries, bytes } => {
                let first = model.len() as u64;
                let new: Vec<_> = (first..first + entries)
                    .map(|index| {
                        EntryOf::<TypeConfig>::new(id(term, index), entry(index, bytes).payload)
                    })
                    .collect();
                model.extend(new.iter().cloned());
                append(&mut log, new).await;
            }
            Step::Truncate(count) => {
                model.truncate(model.len().saturating_sub(count));
                let after = model.last().map(|entry| entry.log_id());
                log.truncate_after(after).await.unwrap();
                term += 1;
                // A truncation counts once something after it was acknowledged.
                let index = model.len() as u64;
                let next = EntryOf::<TypeConfig>::new(id(term, index), EntryPayload::Blank);
                model.push(next.clone());
                append(&mut log, vec![next]).await;
            }
            Step::Reopen => {
                log.close().await;
                log = open(folder.path()).unwrap();
            }
            Step::Crash => {
                let copied = copy(folder.path());
                log.close().await;
                folder = copied;
                log = open(folder.path()).unwrap();
            }
        }
        let found = log.get_log_reader().await.try_get_log_entries(..).await.unwrap();
        assert_eq!(found, model);
        let middle = (model.len() / 3) as u64..(model.len() as u64 * 2).div_ceil(3);
        let found = log.get_log_reader().await.try_get_log_entries(middle.clone()).await.unwrap();
        let expected = model.iter().filter(|entry| middle.contains(&entry.index()));
        assert!(found.iter().eq(expected));
        let last = log.get_log_state().await.unwrap().last_log_id;
        assert_eq!(last, model.last().map(|entry| entry.log_id()));
    }
    log.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_log_reads_like_a_vector(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(run(steps));
    }
}
