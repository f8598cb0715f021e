//! Bodies and errors as the original's users know them, member for member.

use std::fs;

use anyhow::{Context, Result, ensure};
use end2end::{cluster::Cluster, curl, fixture, shape};
use serde_json::json;

fn golden(name: &str) -> Result<String> {
    let file = fixture(&format!("golden/{name}.json"));
    fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))
}

#[tokio::test]
async fn an_accepted_and_a_running_app_have_the_originals_bodies() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    for name in ["nginx-fixed-port", "tomcat"] {
        let created = cluster.post(&fixture(&format!("guide/{name}.json"))).await?.expect(201)?;
        shape::compare(&golden(&format!("created-{name}"))?, &created)
            .with_context(|| format!("201 of {name}"))?;
    }
    cluster.settled("nginx", 1).await?;
    let running = curl::get(&cluster.marathon("/v2/apps/nginx")).await?.expect(200)?;
    shape::compare(&golden("running-nginx-fixed-port")?, &running).context("GET /v2/apps/nginx")?;

    let again = cluster.post(&fixture("guide/nginx-fixed-port.json")).await?.expect(409)?;
    shape::compare(r#"{"message":"An app with id [/nginx] already exists."}"#, &again)?;
    Ok(())
}

#[tokio::test]
async fn refusals_have_the_originals_status_and_body() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    let apps = cluster.marathon("/v2/apps");
    let cases = [
        (
            json!({"id": "/Foo_Bar", "cmd": "sleep 1"}),
            422,
            r#"{"message":"Invalid JSON","details":[{"path":"/id","errors":["error.pattern"]}]}"#,
        ),
        (
            json!({"id": "/x"}),
            422,
            r#"{"message":"Object is not valid","details":[{"path":"/","errors":["AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."]}]}"#,
        ),
        (
            json!({"id": 1}),
            422,
            r#"{"message":"Invalid JSON","details":[{"path":"/id","errors":["error.expected.jsstring"]}]}"#,
        ),
        (
            json!({"id": "/x", "cmd": "sleep 1", "cpus": -1}),
            422,
            r#"{"message":"Invalid JSON","details":[{"path":"/cpus","errors":["error.min"]}]}"#,
        ),
    ];
    for (posted, status, wanted) in cases {
        let found = curl::send("POST", &apps, &posted)
            .await?
            .expect(status)
            .with_context(|| posted.to_string())?;
        shape::compare(wanted, &found).with_context(|| posted.to_string())?;
    }

    let broken = curl::curl(&[
        "-X",
        "POST",
        &apps,
        "-H",
        "Content-Type: application/json",
        "-d",
        "{\"id\":\"/x\",",
    ])
    .await?;
    shape::compare(r#"{"message":"Invalid JSON","details":"<text>"}"#, &broken.expect(400)?)?;
    let unknown = curl::get(&cluster.marathon("/v2/apps/nope")).await?.expect(404)?;
    shape::compare(r#"{"message":"App '/nope' does not exist","details":[]}"#, &unknown)?;
    let unbuilt = curl::get(&cluster.marathon("/v2/nothing-of-this-name")).await?;
    ensure!(matches!(unbuilt.status, 404 | 501), "{}", unbuilt.status);
    unbuilt.json()?;
    Ok(())
}
