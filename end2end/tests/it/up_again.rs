//! What `up` promises: both addresses printed, Ctrl-C stops everything, the data is found again, each lack in one sentence.

use std::{fs, net::TcpListener, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use end2end::{cluster::Cluster, curl::get, fixture, waiting::until};

#[tokio::test]
async fn a_second_start_finds_the_app_and_its_container_again() -> Result<()> {
    let mut cluster = Cluster::start(1).await?;
    until("both addresses are printed", Duration::from_secs(60), async || {
        let printed = cluster.printed();
        ensure!(
            printed.contains(&cluster.master("/")) && printed.contains(&cluster.marathon("/ui/")),
            "{printed}"
        );
        Ok(())
    })
    .await?;
    cluster.post(&fixture("guide/nginx.json")).await?.expect(201)?;
    let before = cluster.settled("nginx", 1).await?["tasks"][0]["id"].clone();

    cluster.stop().await?;
    ensure!(get(&cluster.marathon("/ping")).await.is_err(), "Marathon still answers");
    ensure!(cluster.running("docker.io/nginx").await?.len() == 1, "Ctrl-C ended the container");

    cluster.run().await?;
    let after = cluster.settled("nginx", 1).await?["tasks"][0]["id"].clone();
    ensure!(before == after, "{before} became {after}");
    ensure!(cluster.containers().await?.len() == 1, "another container was started");
    Ok(())
}

#[tokio::test]
async fn without_its_history_the_cluster_runs_on() -> Result<()> {
    let mut cluster = Cluster::start(1).await?;
    cluster.post(&fixture("guide/nginx.json")).await?.expect(201)?;
    let before = cluster.settled("nginx", 1).await?["tasks"][0]["id"].clone();
    cluster.stop().await?;
    let folder = cluster.data().join("master-1");
    let is_history = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("history.sqlite"))
    };
    let files = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path()));
    let files: Vec<PathBuf> = files.collect::<Result<_>>()?;
    let history: Vec<&PathBuf> = files.iter().filter(|path| is_history(path)).collect();
    ensure!(!history.is_empty(), "there is no history among {files:?}");
    for file in history {
        fs::remove_file(file)?;
    }
    cluster.run().await?;
    let after = cluster.settled("nginx", 1).await?["tasks"][0]["id"].clone();
    ensure!(before == after, "{before} became {after}");
    ensure!(cluster.containers().await?.len() == 1, "another container was started");
    Ok(())
}

#[tokio::test]
async fn a_fresh_start_is_empty_and_removes_its_own_containers_alone() -> Result<()> {
    let (mut ours, theirs) = tokio::try_join!(Cluster::start(1), Cluster::start(1))?;
    for cluster in [&ours, &theirs] {
        cluster.post(&fixture("guide/nginx.json")).await?.expect(201)?;
        cluster.settled("nginx", 1).await?;
    }
    ours.stop().await?;
    ours.run_fresh().await?;
    ensure!(ours.containers().await?.is_empty(), "containers of the cluster before are left");
    let apps = get(&ours.marathon("/v2/apps")).await?.expect(200)?;
    ensure!(apps == serde_json::json!({"apps": []}), "it still knows {apps}");
    ensure!(
        theirs.running("docker.io/nginx").await?.len() == 1,
        "another cluster lost its container"
    );
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_one_sentence_that_names_it() -> Result<()> {
    let cluster = Cluster::prepare(1, &[])?;
    let agent = cluster.network().address(11);
    let _holder = TcpListener::bind((agent, 5051))?;
    let start = cluster.command()?.stdin(Stdio::null()).output();
    let ended =
        tokio::time::timeout(Duration::from_secs(60), start).await.context("it did not end")??;
    let words = String::from_utf8_lossy(&ended.stdout).into_owned()
        + String::from_utf8_lossy(&ended.stderr).as_ref();
    ensure!(!ended.status.success() && words.contains(&format!("{agent}:5051")), "{words}");
    ensure!(words.trim().lines().count() == 1, "more than one sentence: {words}");
    Ok(())
}

#[tokio::test]
async fn without_an_engine_the_cluster_runs_and_says_what_cannot() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--docker_socket=/nowhere/docker.sock"]).await?;
    let printed = cluster.printed();
    ensure!(printed.contains("/nowhere/docker.sock") && printed.contains("docker.io"), "{printed}");
    ensure!(get(&cluster.master("/health")).await?.status == 200, "the master is not healthy");
    Ok(())
}
