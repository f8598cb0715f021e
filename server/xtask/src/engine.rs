//! A Docker engine for the tests, where none answers: own data, own socket, stopped afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{Failure, Result, command::succeeds, machine, packages, waiting::wait_until};

/// An engine that the tests may use; one that was started here stops when this is dropped.
pub(crate) struct Engine {
    own: Option<Own>,
}

struct Own {
    daemon: Child,
    socket: String,
}

/// Where an engine of our own lies.
struct Place<'a> {
    /// Its data and its log.
    state: &'a Path,
    /// Its socket.
    run: &'a Path,
    /// What `dockerd` is started through, such as another network namespace.
    through: &'a [&'a str],
}

impl Engine {
    /// Takes the engine that answers, or starts one.
    pub(crate) fn ensure() -> Result<Self> {
        if machine::docker_answers() {
            return Ok(Self { own: None });
        }
        if !machine::is_root() || !machine::has_debian_packages() {
            return Err(Failure::new(
                "no Docker engine answers, and only root on Debian can start one from here; \
                 start it with `sudo systemctl start docker`, or install it with `sudo apt-get install docker.io`",
            ));
        }
        packages::ensure(&["docker.io"], "running containers in the tests")?;
        // Installing it may have started it.
        if machine::docker_answers() {
            return Ok(Self { own: None });
        }
        let place = Place {
            state: Path::new("/var/lib/ekiden-test-engine"),
            run: Path::new("/run/ekiden-test-engine"),
            through: &[],
        };
        Own::start(&place).map(|own| Self { own: Some(own) })
    }

    /// Where the engine listens, if not at the usual place.
    pub(crate) fn socket(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.socket.as_str())
    }
}

impl Own {
    fn start(place: &Place<'_>) -> Result<Self> {
        let Place { state, run, through } = *place;
        for folder in [state, run] {
            fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))?;
        }
        // The machine's own settings are for its own engine; some clash with the flags below.
        let settings = state.join("daemon.json");
        fs::write(&settings, "{}\n").map_err(|error| Failure::file("write", &settings, &error))?;
        let log_path = state.join("dockerd.log");
        let log = fs::File::create(&log_path)
            .map_err(|error| Failure::file("write", &log_path, &error))?;
        let errors = log.try_clone().map_err(|error| Failure::file("write", &log_path, &error))?;
        let socket = run.join("docker.sock").display().to_string();
        let host = format!("unix://{socket}");
        println!("no Docker engine answers: starting one of our own on {host}");
        let mut words = through.iter().map(PathBuf::from).chain([dockerd()]);
        let mut command = Command::new(words.next().unwrap_or_else(dockerd));
        let daemon = command
            .args(words)
            .args(["--host", &host])
            .arg("--config-file")
            .arg(&settings)
            .arg("--data-root")
            .arg(state.join("data"))
            .arg("--exec-root")
            .arg(run.join("exec"))
            .arg("--pidfile")
            .arg(run.join("docker.pid"))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| Failure::new(format!("could not start `dockerd`: {error}")))?;
        let mut own = Self { daemon, socket };
        let mut is_over = false;
        let answers = wait_until(Duration::from_secs(60), || {
            is_over = matches!(own.daemon.try_wait(), Ok(Some(_)));
            is_over || succeeds(Command::new("docker").args(["--host", &host, "version"]))
        });
        if answers && !is_over {
            return Ok(own);
        }
        let words = last_lines(&log_path, 5);
        Err(Failure::new(format!(
            "the Docker engine that was started for the tests does not answer; {} ends with:\n{words}",
            log_path.display()
        )))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // The daemon ends its containers by itself on SIGTERM.
        let _ = succeeds(Command::new("kill").args(["-TERM", &self.daemon.id().to_string()]));
        let _ = self.daemon.wait();
    }
}

fn dockerd() -> PathBuf {
    let sbin = PathBuf::from("/usr/sbin/dockerd");
    if sbin.is_file() { sbin } else { PathBuf::from("dockerd") }
}

fn last_lines(file: &Path, count: usize) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a network namespace: two engines of one network take each other's bridge away.
    #[test]
    fn an_engine_of_our_own_answers_until_it_is_dropped() {
        if !machine::is_root() {
            return; // Whoever may not start one is told so instead.
        }
        packages::ensure(&["docker.io"], "running containers in the tests").unwrap();
        let folder = std::env::temp_dir().join(format!("ekiden-engine-{}", std::process::id()));
        let (state, run) = (folder.join("state"), folder.join("run"));
        let through = &["unshare", "--net"];
        let own = Own::start(&Place { state: &state, run: &run, through }).unwrap();
        let host = format!("unix://{}", own.socket);
        let answers = || succeeds(Command::new("docker").args(["--host", &host, "version"]));
        assert!(answers());
        drop(own);
        assert!(!answers());
        fs::remove_dir_all(folder).unwrap();
    }
}
