//! What both consoles promise on every page: live, in the reader's language and light, with the server's own words, without scripts.

use std::time::Duration;

use anyhow::{Result, ensure};
use end2end::{
    browser::{Browser, Reader, hook, row},
    cluster::Cluster,
    curl::delete,
    fixture,
};

#[tokio::test]
async fn a_reader_of_chinese_in_the_dark_gets_both() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    cluster.post(&fixture("guide/nginx.json")).await?.expect(201)?;
    cluster.settled("nginx", 1).await?;
    Browser::read("chinese-in-the-dark", Reader::CHINESE_IN_THE_DARK, async |browser| {
        for address in [cluster.master("/"), cluster.marathon("/ui/apps")] {
            browser.go(&address).await?;
            browser.find(&hook("navbar")).await?;
            let language = browser.script("return document.documentElement.lang;").await?;
            ensure!(language == "zh-CN", "{address} speaks {language}");
            let text = browser.text("body", |text| text.chars().any(is_chinese)).await?;
            ensure!(
                !text.contains("Applications") && !text.contains("Active Tasks"),
                "English is left: {text}"
            );
            // Perceived brightness of what is behind everything.
            let background =
                browser.script("return getComputedStyle(document.body).backgroundColor;").await?;
            let sum: u32 = background
                .as_str()
                .unwrap_or_default()
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|n| n.parse::<u32>().ok())
                .take(3)
                .sum();
            ensure!(sum < 200, "{address} is bright: {background}");
        }
        browser.find(&row("/nginx")).await?;
        Ok(())
    })
    .await
}

fn is_chinese(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

#[tokio::test]
async fn a_task_comes_and_goes_in_the_cluster_console_without_reloading() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    Browser::read("live-cluster-console", Reader::ENGLISH, async |browser| {
        browser.go(&cluster.master("/")).await?;
        browser.find(&hook("live-dot")).await?;
        browser.mark().await?;
        cluster.post(&fixture("guide/nginx.json")).await?.expect(201)?;
        let task = cluster.settled("nginx", 1).await?["tasks"][0]["id"].clone();
        let task = row(task.as_str().unwrap_or_default());
        browser.find(&format!("{} {task}", hook("table-active-tasks"))).await?;
        delete(&cluster.marathon("/v2/apps/nginx")).await?.expect(200)?;
        browser.find(&format!("{} {task}", hook("table-completed-tasks"))).await?;
        browser
            .gone(&format!("{} {task}", hook("table-active-tasks")), Duration::from_secs(60))
            .await?;
        browser.still_marked().await
    })
    .await
}

#[tokio::test]
async fn the_servers_refusal_stands_in_the_form() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    Browser::read("refused-in-the-form", Reader::ENGLISH, async |browser| {
        browser.go(&cluster.marathon("/ui/apps")).await?;
        browser.click(&hook("btn-create-app")).await?;
        browser.click(&hook("json-toggle")).await?;
        browser
            .paste(
                &hook("json-editor"),
                r#"{"id": "/x", "constraints": [["hostname", "NEAR"]], "cmd": "sleep 1"}"#,
            )
            .await?;
        browser.click(&hook("btn-submit-app")).await?;
        browser
            .text(&hook("form-errors"), |text| {
                text.contains("constraints(0)") && text.contains("operator must be one of")
            })
            .await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_scripts_every_page_can_be_read() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    cluster.post(&fixture("guide/nginx.json")).await?.expect(201)?;
    let task = cluster.settled("nginx", 1).await?["tasks"][0]["id"].clone();
    let reader = Reader { has_scripts: false, ..Reader::ENGLISH };
    Browser::read("without-scripts", reader, async |browser| {
        let task = row(task.as_str().unwrap_or_default());
        browser.go(&cluster.master("/")).await?;
        browser.find_by_reloading(&format!("{} {task}", hook("table-active-tasks"))).await?;
        // A link, not a script, leads to the sandbox and on to the log.
        browser.click(&format!("{task} {}", hook("sandbox-link"))).await?;
        let file = format!("[data-key$=\"stdout\"] {} a", hook("cell-name"));
        browser.find_by_reloading(&file).await?;
        browser.click(&file).await?;
        browser.find_by_reloading(&hook("log-view")).await?;
        browser.go(&cluster.master("/ui/agents")).await?;
        browser.find_by_reloading(&format!("{} {}", hook("table-agents"), hook("row"))).await?;
        browser.go(&cluster.marathon("/ui/apps")).await?;
        browser.find_by_reloading(&row("/nginx")).await?;
        browser
            .attribute(
                &format!("{} {}", row("/nginx"), hook("app-status")),
                "data-status",
                "running",
                Duration::from_secs(60),
            )
            .await?;
        browser.go(&cluster.marathon("/ui/apps/nginx")).await?;
        browser.find_by_reloading(&format!("{} {}", hook("table-instances"), hook("row"))).await?;
        ensure!(browser.is_without_scripts().await?, "scripts ran after all");
        Ok(())
    })
    .await
}
