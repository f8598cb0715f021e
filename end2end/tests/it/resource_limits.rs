//! Tasks that may have more than they reserve, read back from the engine and from the kernel.

use anyhow::{Context, Result, ensure};
use end2end::{
    cluster::Cluster,
    curl::{get, send},
};
use serde_json::{Value, json};

/// Posts an app and waits until its one instance runs.
async fn run(cluster: &Cluster, app: &Value) -> Result<Value> {
    send("POST", &cluster.marathon("/v2/apps"), app).await?.expect(201)?;
    let id = app["id"].as_str().context("the app has no id")?.trim_start_matches('/');
    cluster.settled(id, 1).await
}

#[tokio::test]
async fn limits_reach_the_engine_and_mesos_and_survive_an_update() -> Result<()> {
    let cluster = Cluster::start(1).await?;
    let limits = json!({"cpus": 1.5, "mem": "unlimited"});
    let app = json!({
        "id": "/limited", "cmd": "exec sleep 600", "cpus": 0.1, "mem": 48, "instances": 1,
        "resourceLimits": limits, "networks": [{"mode": "container/bridge"}],
        "container": {"type": "DOCKER", "docker": {"image": "docker.io/busybox"}},
    });
    let settled = run(&cluster, &app).await?;
    ensure!(settled["resourceLimits"] == limits, "{settled}");
    let running = cluster.running("docker.io/busybox").await?;
    let container = running.first().context("no container runs")?;
    for (pointer, wanted) in [
        ("/HostConfig/CpuShares", 102),
        ("/HostConfig/CpuQuota", 150_000),
        ("/HostConfig/Memory", 0),
        ("/HostConfig/MemoryReservation", 48 << 20),
    ] {
        let found = container.at(pointer);
        ensure!(*found == wanted, "{pointer} is {found}, not {wanted}");
    }
    let tasks = get(&cluster.master("/tasks")).await?.expect(200)?;
    let told = &tasks["tasks"][0]["limits"];
    ensure!(*told == json!({"cpus": 1.5, "mem": "Infinity"}), "{told}");

    let change = json!({"labels": {"a": "b"}});
    send("PUT", &cluster.marathon("/v2/apps/limited"), &change).await?.expect(200)?;
    cluster.idle().await?;
    let changed = cluster.app("limited").await?;
    ensure!(changed["resourceLimits"] == limits && changed["labels"]["a"] == "b", "{changed}");
    Ok(())
}

#[tokio::test]
async fn a_command_may_have_the_memory_that_it_does_not_reserve() -> Result<()> {
    let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
    // It says what the kernel grants it, in whichever version of cgroups there is.
    let command = "cat /sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)/memory.limit_in_bytes \
                   || cat /sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.max; sleep 600";
    let app = json!({"id": "/command", "cmd": command, "cpus": 0.1, "mem": 48, "instances": 1,
        "resourceLimits": {"mem": 160}, "portDefinitions": []});
    let settled = run(&cluster, &app).await?;
    let task = settled["tasks"][0]["id"].as_str().context("no task")?;
    let sandboxes = cluster.data().join("agent-1/slaves");
    end2end::waiting::until(
        "the command says its limit",
        std::time::Duration::from_secs(30),
        async || {
            let found = std::process::Command::new("find")
                .arg(&sandboxes)
                .args([
                    "-path",
                    &format!("*/executors/{task}/runs/*/stdout"),
                    "-not",
                    "-path",
                    "*/latest/*",
                ])
                .output()?;
            let found = String::from_utf8(found.stdout)?;
            let file = found.lines().next().context("no stdout yet")?;
            let said = std::fs::read_to_string(file)?;
            // With the executor's allowance of 32 MB.
            ensure!(said.trim() == (192_u64 << 20).to_string(), "{said}");
            Ok(())
        },
    )
    .await
}
