//! The wire formats against worked examples and against arbitrary messages.
//!
//! The examples under `golden/` are one invented cluster: master `master1`, agent `node1`, a
//! framework `marathon` over HTTP, a task `web` that runs and a task `batch` that has finished.
//! Documents are compared as parsed values: the order of keys carries no meaning.

#[cfg(feature = "v1")]
mod arbitrary;
#[cfg(feature = "v1")]
mod executor;
#[cfg(feature = "v1")]
mod json_rules;
#[cfg(feature = "v1")]
mod link;
#[cfg(feature = "v1")]
mod roundtrip;
#[cfg(feature = "v1")]
mod scheduler;
mod v0;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads the document as a `T`, and checks that writing it gives the document again.
fn reads_and_writes<T: DeserializeOwned + Serialize>(document: &str) -> T {
    let read: T = serde_json::from_str(document).expect("the document is valid");
    let expected: Value = serde_json::from_str(document).expect("the document is JSON");
    let written = serde_json::to_value(&read).expect("what was read can be written");
    assert_eq!(written, expected);
    read
}

/// Cuts a golden stream into its records.
#[cfg(feature = "v1")]
fn records(stream: &[u8]) -> Vec<String> {
    let mut decoder = wire::recordio::Decoder::new(10_000);
    decoder.feed(stream);
    let mut records = Vec::new();
    while let Some(record) = decoder.next_frame().expect("the stream is well formed") {
        records.push(String::from_utf8(record.to_vec()).expect("the record is text"));
    }
    assert!(decoder.is_between_frames());
    records
}
