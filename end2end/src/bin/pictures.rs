//! Takes the README's pictures from a cluster that runs the guide's applications: `cargo xtask pictures`.

#![expect(clippy::print_stdout, reason = "a command line tool talks on stdout")]

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use end2end::{
    browser::{Browser, Reader, hook},
    cluster::Cluster,
    curl::send,
    fixture,
};
use serde_json::json;

/// The most that the repository takes.
const MOST_BYTES: u64 = 200 * 1024;

#[tokio::main]
async fn main() -> Result<()> {
    let cluster = Cluster::start(2).await?;
    for name in ["nginx", "tomcat"] {
        cluster.post(&fixture(&format!("guide/{name}.json"))).await?.expect(201)?;
        cluster.settled(name, 1).await?;
    }
    send("PUT", &cluster.marathon("/v2/apps/tomcat"), &json!({"instances": 2}))
        .await?
        .expect(200)?;
    cluster.settled("tomcat", 2).await?;

    let (light, dark) = (Reader::ENGLISH, Reader::CHINESE_IN_THE_DARK);
    take("cluster-console", light, &cluster.master("/"), &hook("table-active-tasks")).await?;
    take("application-console", light, &cluster.marathon("/ui/apps"), &hook("table-apps")).await?;
    take(
        "application-in-chinese",
        dark,
        &cluster.marathon("/ui/apps/tomcat"),
        &hook("table-instances"),
    )
    .await
}

async fn take(name: &str, reader: Reader, address: &str, wanted: &str) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("evidence");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}.png"));
    Browser::read(name, reader, async |browser| {
        browser.go(address).await?;
        browser.find(&format!("{wanted} {}", hook("row"))).await?;
        browser.picture(&file).await
    })
    .await?;
    let bytes = fs::metadata(&file)?.len();
    ensure!(bytes <= MOST_BYTES, "{} has {bytes} bytes, {MOST_BYTES} are the most", file.display());
    println!("{} ({} KiB)", file.display(), bytes / 1024);
    Ok(())
}
