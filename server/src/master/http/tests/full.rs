//! A master whose disk is full: reads and running tasks go on, what would have to be stored is refused.

use coordination::{NoRoom, Storage};

use super::*;

/// Commits at once; says as it is told whether there is room.
struct OnDisk(Storage);

impl Journal for OnDisk {
    type Pending = std::future::Ready<Result<coordination::Zxid, coordination::WriteError>>;

    async fn propose(&self, _: Vec<RecordWrite>) -> Self::Pending {
        std::future::ready(Ok(coordination::Zxid::default()))
    }

    fn storage(&self) -> Storage {
        self.0.clone()
    }
}

#[tokio::test]
async fn on_a_full_disk_subscriptions_and_teardowns_answer_503_with_the_reason_until_there_is_room()
{
    let (full, is_full) = watch::channel(None);
    let cluster = cluster_on(OnDisk(Storage::new(is_full))).await;
    let (stream, mut events) = cluster.subscribe(JSON).await;
    let framework = events.next().await.subscribed.unwrap().framework_id.value;
    full.send_replace(Some(NoRoom::DiskFull));
    let refused = (503, "the disk is full: the log cannot grow".to_owned());
    let subscribe =
        json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "u", "name": "n"}}});
    assert_eq!(cluster.post(None, &subscribe).await, refused);
    let teardown = || {
        let request = Request::builder().method(Method::POST).uri("/teardown");
        cluster.send(request, format!("frameworkId={framework}"))
    };
    assert_eq!(said(teardown().await).await, refused);
    let id = json!({"value": framework});
    let end = json!({"type": "TEARDOWN", "framework_id": id});
    let update = json!({
        "type": "UPDATE_FRAMEWORK", "framework_id": id,
        "update_framework": {"framework_info": {"user": "u", "name": "n", "id": id}},
    });
    for call in [end, update] {
        assert_eq!(cluster.post(Some(&stream), &call).await, refused, "{call}");
    }
    // Reads go on, and so do calls of a framework that is subscribed.
    let state = cluster.get_json("/state").await;
    assert_eq!(state["frameworks"][0]["id"], *framework);
    let revive = json!({"type": "REVIVE", "framework_id": {"value": framework}});
    assert_eq!(cluster.post(Some(&stream), &revive).await.0, 202);
    full.send_replace(Some(NoRoom::Failed("too many open files".into())));
    let told = (503, "the log cannot grow: too many open files".to_owned());
    assert_eq!(said(teardown().await).await, told);
    full.send_replace(None);
    assert_eq!(said(teardown().await).await, (200, String::new()));
}
