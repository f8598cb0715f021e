//! What of the host a command sees in other places, and nobody else.

use std::fs;

use agent_core::container::{BoundVolume, Exit, ProcessExit};
use containerizer::{Containerizer, Inside};

use crate::commands::{NAME, World};

fn volume(source: impl Into<String>, target: impl Into<String>, is_writable: bool) -> BoundVolume {
    BoundVolume { source: source.into(), target: target.into(), is_writable }
}

/// Runs a script to its end; how it ended.
async fn run(world: &World, script: &str, volumes: Vec<BoundVolume>) -> Exit {
    let mut spec = world.spec(script);
    spec.volumes = volumes;
    world.process.create_process(&spec).await.expect("it can be made");
    world.process.start(NAME).await.expect("it can be started");
    let exit = world.process.wait(NAME).await;
    world.process.remove(NAME).await.expect("it can be removed");
    exit
}

#[tokio::test]
async fn a_command_sees_a_folder_of_the_host_and_the_host_sees_no_mount() {
    let world = World::new();
    let host = world.folder.path().join("host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("given"), "given\n").unwrap();
    let host = host.display().to_string();
    let elsewhere = world.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let elsewhere = elsewhere.display().to_string();
    let volumes = vec![
        volume(&host, "data/rw", true),
        volume(&host, "data/ro", false),
        volume(format!("{host}/given"), "file", false),
        volume("own", &elsewhere, true),
    ];
    let script = format!(
        "cat data/rw/given data/ro/given file; touch data/rw/made; touch data/ro/no 2> /dev/null || echo read-only; \
         echo own > {elsewhere}/x; cat own/x"
    );
    let exit = run(&world, &script, volumes).await;
    assert_eq!(exit, Exit::Process(ProcessExit::Exited(0)), "{}", world.output());
    assert_eq!(world.output(), "given\ngiven\ngiven\nread-only\nown\n");
    assert!(fs::exists(format!("{host}/made")).unwrap());
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "the mount is the command's alone");
    assert_eq!(fs::read_dir(world.sandbox().join("data/rw")).unwrap().count(), 0);
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&world.folder.path().display().to_string()), "{mounts}");
}

#[tokio::test]
async fn a_command_beside_sees_the_volumes_too() {
    let world = World::new();
    let host = world.folder.path().join("host");
    fs::create_dir(&host).unwrap();
    let mut spec = world.spec("echo up > data/up; echo up; sleep 1000");
    spec.volumes = vec![volume(host.display().to_string(), "data", true)];
    world.process.create_process(&spec).await.unwrap();
    world.process.start(NAME).await.unwrap();
    world.prints("up").await;
    let line = ["/bin/sh", "-c", "grep -q up data/up && test \"$PWD\" = \"$MESOS_SANDBOX\""];
    assert_eq!(world.process.run(NAME, &line.map(str::to_owned), &[]).await.unwrap(), 0);
    world.process.remove(NAME).await.unwrap();
}

#[tokio::test]
async fn a_volume_that_cannot_be_made_fails_the_start_with_the_reason() {
    let world = World::new();
    std::os::unix::fs::symlink("/etc", world.sandbox().join("link")).unwrap();
    for (given, wanted) in [
        (volume("/no/such/folder", "data", true), "volume data of /no/such/folder"),
        (volume("/tmp", "/no/such/place", true), "volume /no/such/place of /tmp"),
        (volume("/tmp", "link/data", true), "volume link/data of /tmp"),
    ] {
        let mut spec = world.spec("echo never");
        spec.volumes = vec![given];
        world.process.create_process(&spec).await.unwrap();
        let error = world.process.start(NAME).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        world.process.remove(NAME).await.unwrap();
    }
    assert_eq!(world.output(), "");
}
