//! Images of registries that want credentials, and of slow ones.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    containers::docker,
    curl::{delete, get, send},
    registry::{PASSWORD, Registry, USER},
    waiting::until,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(60);

/// Posts an app of one sleeping container from `image`, pulled anew, which fetches `uris` before.
async fn post(cluster: &Cluster, id: &str, image: &str, uris: &[String]) -> Result<()> {
    let fetch: Vec<Value> = uris.iter().map(|uri| json!({"uri": uri})).collect();
    let app = json!({
        "id": format!("/{id}"), "cpus": 0.01, "mem": 32, "instances": 1, "cmd": "sleep 600", "fetch": fetch,
        "backoffSeconds": 1, "maxLaunchDelaySeconds": 2,
        "container": {"type": "DOCKER", "docker": {"image": image, "network": "HOST", "forcePullImage": true}}
    });
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    Ok(())
}

/// Why the app's task failed.
async fn failure(cluster: &Cluster, id: &str) -> Result<String> {
    until("a failure is told", PATIENCE, async || {
        let app = cluster.app(id).await?;
        let failure = &app["lastTaskFailure"];
        ensure!(failure["state"] == "TASK_FAILED", "{failure}");
        Ok(failure["message"].as_str().context("no message")?.to_owned())
    })
    .await
}

/// The app runs; it and its image are taken away again.
async fn runs(cluster: &Cluster, id: &str, image: &str) -> Result<()> {
    cluster.settled(id, 1).await.with_context(|| format!("`{id}`"))?;
    ensure!(cluster.running(image).await?.len() == 1, "`{id}` has no container of `{image}`");
    delete(&cluster.marathon(&format!("/v2/apps/{id}"))).await?.expect(200)?;
    cluster.idle().await
}

/// An archive as the original's users fetch it: `.docker/config.json` in `docker.tar.gz`.
async fn archive(folder: &Path, config: &str) -> Result<String> {
    fs::create_dir(folder.join(".docker"))?;
    fs::write(folder.join(".docker/config.json"), config)?;
    let file = folder.join("docker.tar.gz");
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--gzip").arg("--file").arg(&file);
    let made = tar.arg("--directory").arg(folder).arg(".docker").status().await?;
    ensure!(made.success(), "`tar` failed");
    Ok(format!("file://{}", file.display()))
}

/// Nobody but the test's owner may read what holds a password.
fn private_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}

#[tokio::test]
async fn a_private_image_is_pulled_with_what_the_task_has_fetched_and_not_without() -> Result<()> {
    let mut registry = Registry::start_private().await?;
    let image = registry.push("private").await?;
    let folder = TempDir::new()?;
    let cluster = Cluster::start(1).await?;

    post(&cluster, "stranger", &image, &[]).await?;
    let why = failure(&cluster, "stranger").await?;
    ensure!(
        why.contains("failed to pull image") && why.contains("no basic auth credentials"),
        "{why}"
    );
    delete(&cluster.marathon("/v2/apps/stranger")).await?.expect(200)?;

    let wrong = folder.path().join(".dockercfg");
    private_file(&wrong, &registry.credentials("wrong"))?;
    post(&cluster, "wrong", &image, &[format!("file://{}", wrong.display())]).await?;
    let why = failure(&cluster, "wrong").await?;
    ensure!(why.contains("unauthorized"), "{why}");
    delete(&cluster.marathon("/v2/apps/wrong")).await?.expect(200)?;

    // A program that keeps credentials is the agent's business, and the task's owner is told so.
    private_file(&wrong, &json!({"credsStore": "desktop"}).to_string())?;
    post(&cluster, "keeper", &image, &[format!("file://{}", wrong.display())]).await?;
    let why = failure(&cluster, "keeper").await?;
    let told = "`docker-credential-desktop` is not asked, since a task names it";
    ensure!(why.contains("no basic auth credentials") && why.contains(told), "{why}");
    delete(&cluster.marathon("/v2/apps/keeper")).await?.expect(200)?;

    let archive = archive(folder.path(), &registry.credentials(PASSWORD)).await?;
    post(&cluster, "in-archive", &image, &[archive]).await?;
    runs(&cluster, "in-archive", &image).await?;
    private_file(&wrong, &registry.credentials(PASSWORD))?;
    post(&cluster, "in-file", &image, &[format!("file://{}", wrong.display())]).await?;
    runs(&cluster, "in-file", &image).await?;

    // It leaves no trace in any log.
    for file in fs::read_dir(cluster.data().join("logs"))? {
        let file = file?.path();
        let text = fs::read_to_string(&file)?;
        ensure!(!text.contains(PASSWORD), "{} holds the password", file.display());
    }
    Ok(())
}

#[tokio::test]
async fn a_private_image_is_pulled_with_the_agents_own_credentials() -> Result<()> {
    let mut registry = Registry::start_private().await?;
    let image = registry.push("private").await?;

    // The flag, then the file of the agent's user, then a program that the file names.
    let folder = TempDir::new()?;
    let given = folder.path().join("given.json");
    private_file(&given, &registry.credentials(PASSWORD))?;
    let home = folder.path().join("home");
    fs::create_dir_all(home.join(".docker"))?;
    private_file(&home.join(".docker/config.json"), &registry.credentials(PASSWORD))?;
    let asking = folder.path().join("asking");
    fs::create_dir_all(asking.join(".docker"))?;
    let helpers = json!({"credHelpers": {registry.address(): "ekiden-test"}});
    private_file(&asking.join(".docker/config.json"), &helpers.to_string())?;
    let program = folder.path().join("docker-credential-ekiden-test");
    let answer = json!({"ServerURL": registry.address(), "Username": USER, "Secret": PASSWORD});
    let storing = folder.path().join("storing");
    fs::create_dir_all(storing.join(".docker"))?;
    let store = json!({"credsStore": "ekiden-test"});
    private_file(&storing.join(".docker/config.json"), &store.to_string())?;
    let script = format!(
        "#!/bin/sh\nread server\n[ \"$1 $server\" = 'get {}' ] && echo '{answer}'\n",
        registry.address()
    );
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
    let path = std::env::var("PATH")?;
    let path = format!("{}:{path}", folder.path().display());

    let (given, nowhere) = (format!("file://{}", given.display()), folder.path().display());
    for (id, variables) in [
        ("by-flag", [("MESOS_DOCKER_CONFIG", given), ("HOME", nowhere.to_string())]),
        ("by-home", [("HOME", home.display().to_string()), ("LC_ALL", "C".to_owned())]),
        ("by-program", [("HOME", asking.display().to_string()), ("PATH", path.clone())]),
        ("by-store", [("HOME", storing.display().to_string()), ("PATH", path)]),
    ] {
        let mut cluster = Cluster::prepare(1, &[])?;
        for (name, value) in variables {
            cluster.set(name, &value);
        }
        cluster.run().await?;
        post(&cluster, id, &image, &[]).await?;
        runs(&cluster, id, &image).await?;
        docker(&["rmi", "--force", &image]).await?;
    }
    // Without the program there is nothing but its name to go by.
    let mut cluster = Cluster::prepare(1, &[])?;
    cluster.set("HOME", &storing.display().to_string());
    cluster.run().await?;
    post(&cluster, "by-nobody", &image, &[]).await?;
    let why = failure(&cluster, "by-nobody").await?;
    let told = "`docker-credential-ekiden-test` could not be asked: ";
    ensure!(why.contains(told) && why.contains(&storing.display().to_string()), "{why}");
    Ok(())
}

/// Posts an app of an image that is pulled anew for each task, or is not.
async fn post_forcing(cluster: &Cluster, id: &str, image: &str, force: Option<bool>) -> Result<()> {
    let mut app = json!({
        "id": format!("/{id}"), "cpus": 0.01, "mem": 32, "instances": 1, "cmd": "sleep 600",
        "container": {"type": "DOCKER", "docker": {"image": image, "network": "HOST"}}
    });
    if let Some(force) = force {
        app["container"]["docker"]["forcePullImage"] = json!(force);
    }
    send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
    cluster.settled(id, 1).await?;
    Ok(())
}

#[tokio::test]
async fn the_registry_is_asked_for_each_task_that_forces_it_and_for_no_other_whose_image_is_there()
-> Result<()> {
    let mut registry = Registry::start().await?;
    let image = registry.push("forced").await?;
    let cluster = Cluster::start(1).await?;
    ensure!(registry.manifests() == 0, "{} manifests before the first task", registry.manifests());
    post_forcing(&cluster, "missing", &image, Some(false)).await?;
    let first = registry.manifests();
    ensure!(first > 0, "an image that was missing came without its manifest");
    for (id, force) in [("present", Some(false)), ("unsaid", None)] {
        post_forcing(&cluster, id, &image, force).await?;
        ensure!(registry.manifests() == first, "`{id}` asked for an image that was there");
    }

    post_forcing(&cluster, "forced", &image, Some(true)).await?;
    let mut asked = registry.manifests();
    ensure!(asked > first, "the first forced task asked nobody");
    for instances in 2..=3 {
        let url = cluster.marathon("/v2/apps/forced");
        send("PUT", &url, &json!({"instances": instances})).await?.expect(200)?;
        cluster.settled("forced", instances).await?;
        let now = registry.manifests();
        ensure!(now > asked, "task {instances} asked nobody");
        asked = now;
    }
    Ok(())
}

/// What the master's console shows of the app's task: its state, and how far its launch has come.
async fn told(cluster: &Cluster) -> Result<(String, String)> {
    let page = get(&cluster.master("/ui/api/v1/tasks")).await?.expect(200)?;
    let row = &page["rows"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok((text(&row["state"]), text(&row["news"])))
}

/// The MiB in "… 0.4 MiB of 4.0 MiB downloaded".
fn downloaded(message: &str) -> Option<f64> {
    let (_, amounts) = message.split_once("layers, ")?;
    amounts.split_once(" MiB of ")?.0.parse().ok()
}

#[tokio::test]
async fn a_slow_pull_tells_how_far_it_has_come_everywhere_and_then_runs() -> Result<()> {
    let mut registry = Registry::start().await?;
    let image = registry.push("slow").await?;
    let cluster = Cluster::start(1).await?;
    registry.slow_down(128 << 10);
    post(&cluster, "slow", &image, &[]).await?;

    let mut seen = Vec::new();
    until("the pull is seen to come on", PATIENCE, async || {
        let (state, message) = told(&cluster).await?;
        ensure!(state == "TASK_STAGING" && message.contains(&image), "{state}: {message}");
        let amount = downloaded(&message).with_context(|| message.clone())?;
        if seen.last().is_none_or(|last| *last < amount) {
            seen.push(amount);
        }
        ensure!(seen.len() >= 3, "seen {seen:?}");
        Ok(())
    })
    .await?;
    // The framework has heard it too, and its console says so.
    let detail = get(&cluster.marathon("/ui/api/v1/app?id=/slow")).await?.expect(200)?;
    let news = detail["instances"][0]["news"].as_str().unwrap_or_default();
    ensure!(news.starts_with("Pulling image"), "{detail}");
    let page = get(&cluster.marathon("/ui/apps/slow")).await?;
    ensure!(page.body.contains("Pulling image"), "the page says nothing of the pull");

    registry.open();
    runs(&cluster, "slow", &image).await
}
