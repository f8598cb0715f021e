//! The guide's journey in Chromium: paste, watch it run, read its log, scale, destroy, all without reloading.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use end2end::{
    browser::{Browser, Reader, hook, row},
    cluster::Cluster,
    curl::get,
    fixture,
    waiting::until,
};
use serde_json::Value;

/// A container may have to be made.
const RUNS: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_guides_nginx_runs_is_read_scaled_and_destroyed_in_the_browser() -> Result<()> {
    let cluster = Cluster::start(2).await?;
    Browser::read("browser-journey", Reader::ENGLISH, async |browser| {
        create(&cluster, browser, "nginx").await?;
        let task = cluster.settled("nginx", 1).await?["tasks"][0].clone();
        the_page_is_fetched(&task).await?;
        the_cluster_console_shows_it(&cluster, browser, &task).await?;
        its_log_is_read_in_the_cluster_console(browser).await?;
        its_log_is_read_in_the_application_console(&cluster, browser).await?;
        create(&cluster, browser, "tomcat").await?;
        scale_to_two(&cluster, browser).await?;
        destroy(&cluster, browser).await?;
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "the browser's console has errors: {errors:?}");
        Ok(())
    })
    .await
}

/// Creates an application out of the guide's file, pasted in JSON Mode.
async fn create(cluster: &Cluster, browser: &Browser, name: &str) -> Result<()> {
    browser.go(&cluster.marathon("/ui/apps")).await?;
    browser.find(&hook("btn-create-app")).await?;
    browser.mark().await?;
    browser.click(&hook("btn-create-app")).await?;
    browser.click(&hook("json-toggle")).await?;
    browser
        .paste(&hook("json-editor"), &fs::read_to_string(fixture(&format!("guide/{name}.json")))?)
        .await?;
    browser.click(&hook("btn-submit-app")).await?;
    let status = format!("{} {}", row(&format!("/{name}")), hook("app-status"));
    browser.attribute(&status, "data-status", "running", RUNS).await?;
    browser.still_marked().await
}

async fn the_page_is_fetched(task: &Value) -> Result<()> {
    let url = format!("http://{}:{}/", task["host"].as_str().context("no host")?, task["ports"][0]);
    until("nginx serves its page", Duration::from_secs(30), async || {
        let page = get(&url).await?;
        ensure!(page.body.contains("Welcome to nginx!"), "{}", page.body);
        Ok(())
    })
    .await
}

async fn the_cluster_console_shows_it(
    cluster: &Cluster,
    browser: &Browser,
    task: &Value,
) -> Result<()> {
    browser.go(&cluster.master("/")).await?;
    let id = task["id"].as_str().context("no task id")?;
    browser.find(&format!("{} {}", hook("table-active-tasks"), row(id))).await?;
    Ok(())
}

async fn its_log_is_read_in_the_cluster_console(browser: &Browser) -> Result<()> {
    browser.click(&format!("{} {}", hook("table-active-tasks"), hook("sandbox-link"))).await?;
    let stdout = format!("{} [data-testid=\"row\"][data-key$=\"stdout\"]", hook("table-files"));
    browser.click(&format!("{stdout} a[href*=\"download\"]")).await?;
    browser.download(|content| content.contains("GET / HTTP/1.1")).await?;
    browser.click(&format!("{stdout} {} a", hook("cell-name"))).await?;
    browser.text(&hook("log-view"), |text| text.contains("GET / HTTP/1.1")).await?;
    Ok(())
}

async fn its_log_is_read_in_the_application_console(
    cluster: &Cluster,
    browser: &Browser,
) -> Result<()> {
    browser.go(&cluster.marathon("/ui/apps/nginx")).await?;
    let cell = format!("{} {}", hook("table-instances"), hook("cell-stdout"));
    browser.click(&format!("{cell} a[href*=\"download\"]")).await?;
    browser.download(|content| content.contains("GET / HTTP/1.1")).await?;
    browser.click(&format!("{cell} a:not([href*=\"download\"])")).await?;
    browser.text(&hook("log-view"), |text| text.contains("GET / HTTP/1.1")).await?;
    Ok(())
}

async fn scale_to_two(cluster: &Cluster, browser: &Browser) -> Result<()> {
    browser.go(&cluster.marathon("/ui/apps/tomcat")).await?;
    browser.find(&hook("btn-scale")).await?;
    browser.mark().await?;
    browser.click(&hook("btn-scale")).await?;
    browser.paste(&hook("dialog-input"), "2").await?;
    browser.click(&hook("dialog-confirm")).await?;
    until("two rows are shown", RUNS, async || {
        let rows = browser.script("return document.querySelectorAll('[data-testid=\"table-instances\"] [data-testid=\"row\"]').length;").await?;
        ensure!(rows == 2, "{rows} rows");
        Ok(())
    })
    .await?;
    let app = cluster.settled("tomcat", 2).await?;
    ensure!(app["tasks"][0]["host"] != app["tasks"][1]["host"], "{}", app["tasks"]);
    browser.still_marked().await
}

async fn destroy(cluster: &Cluster, browser: &Browser) -> Result<()> {
    browser.go(&cluster.marathon("/ui/apps/nginx")).await?;
    browser.find(&hook("btn-gear")).await?;
    browser.mark().await?;
    browser.click(&hook("btn-gear")).await?;
    browser.click(&hook("btn-destroy")).await?;
    browser.paste(&hook("dialog-input"), "nginx").await?;
    browser.click(&hook("dialog-confirm")).await?;
    browser.find(&row("/tomcat")).await?;
    browser.gone(&row("/nginx"), RUNS).await?;
    browser.still_marked().await?;
    // The application is gone from the list at once; its container gets the time to end by itself.
    until("the container has ended", RUNS, async || {
        let containers = cluster.containers().await?;
        let nginx = containers.iter().find(|container| container.image() == "docker.io/nginx");
        let state = nginx.context("the container was removed")?.state();
        ensure!(state == "exited", "it is {state}");
        Ok(())
    })
    .await
}
