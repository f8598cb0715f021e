//! `fetch` and `uris`.

use serde_json::{Value, json};

use super::{nginx, refused, rendered, spec, with};

fn fetched(change: Value) -> Value {
    rendered(&with(nginx(), change))["fetch"].clone()
}

#[test]
fn what_is_not_said_of_a_file_has_the_originals_defaults() {
    let fetch = fetched(json!({"fetch": [{"uri": "http://files/app.tgz"}]}));
    let full = json!([
        {"uri": "http://files/app.tgz", "extract": true, "executable": false, "cache": false}
    ]);
    assert_eq!(fetch, full);
    assert_eq!(fetched(json!({ "fetch": full })), full, "what is answered may be posted");
}

#[test]
fn a_file_may_get_another_name_in_words_of_either_version() {
    for word in ["destPath", "outputFile"] {
        let fetch = fetched(json!({"fetch": [{"uri": "/opt/run", word: "bin/run"}]}));
        assert_eq!(fetch[0]["destPath"], "bin/run");
    }
}

#[test]
fn old_uris_become_files_and_archives_are_unpacked_by_their_name() {
    let fetch = fetched(json!({"uris": ["http://h/a.tar.gz?x=1", "/b.txt", "/c.zip"]}));
    let unpacked: Vec<_> = fetch.as_array().unwrap().iter().map(|one| &one["extract"]).collect();
    assert_eq!(unpacked, [&json!(true), &json!(false), &json!(true)]);
    let shown = rendered(&with(nginx(), json!({"uris": ["/b.txt"]})));
    assert_eq!(shown.get("uris"), None);
}

#[test]
fn nothing_to_fetch_is_not_shown() {
    assert_eq!(rendered(&with(nginx(), json!({"fetch": [], "uris": []}))).get("fetch"), None);
}

#[test]
fn what_cannot_be_fetched_is_refused_at_its_place() {
    let long = format!("http://h/{}", "x".repeat(1_024));
    for (change, path) in [
        (json!({"fetch": [{"uri": "/a"}, {"uri": ""}]}), "/fetch(1)/uri"),
        (json!({"fetch": [{}]}), "/fetch(0)/uri"),
        (json!({"fetch": [{"uri": "http://h/a b"}]}), "/fetch(0)/uri"),
        (json!({"fetch": [{"uri": long}]}), "/fetch(0)/uri"),
        (json!({"fetch": [{"uri": "/a", "destPath": "../b"}]}), "/fetch(0)/destPath"),
        (json!({"fetch": [{"uri": "/a", "destPath": "/b"}]}), "/fetch(0)/destPath"),
        (json!({"fetch": [{"uri": "/a"}], "uris": ["/b"]}), "/uris"),
        (json!({"uris": ["\n"]}), "/uris"),
    ] {
        let (status, body) = refused(&with(nginx(), change.clone()));
        assert_eq!((status, &body["details"][0]["path"]), (422, &json!(path)), "{change}: {body}");
    }
}

#[test]
fn another_file_replaces_the_instances() {
    let (old, new) = (spec(&nginx()), spec(&with(nginx(), json!({"fetch": [{"uri": "/a"}]}))));
    assert!(new.is_upgrade_from(&old));
}
