//! `cargo xtask test`: every check, as CI runs it, with the minutes of each step at the end.
//!
//! Changes no file of the checkout. What the tests need is installed from Debian's
//! packages and said so; Docker and browser tests are never left out.

use std::{process::Command, time::Duration};

use crate::{
    Failure, Result, Workspace,
    command::{line, run as execute, succeeds},
    engine::Engine,
    images, kernel, machine, packages, tidy,
    waiting::Stopwatch,
    web,
    workspace::Profile,
};

mod slowest;

/// The whole run is stopped after this long.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// What the tests use from Debian's packages.
const PACKAGES: [&str; 8] = [
    "chromium",
    "chromium-driver",
    "fonts-wqy-zenhei",
    "python3-venv",
    "curl",
    "iproute2",
    "busybox-static",
    "docker-registry",
];

/// Everything that runs on this machine; the browser's half is built for another target.
const WORKSPACE: [&str; 3] = ["--workspace", "--exclude", "frontend"];

/// Runs all steps in order and stops at the first that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut gate =
        Gate { workspace, whole: Stopwatch::start(), times: Vec::new(), environment: Vec::new() };
    let outcome = gate.steps();
    gate.report();
    outcome
}

struct Gate<'a> {
    workspace: &'a Workspace,
    whole: Stopwatch,
    times: Vec<(&'static str, Duration)>,
    /// For every program from here on.
    environment: Vec<(&'static str, String)>,
}

impl Gate<'_> {
    fn steps(&mut self) -> Result<()> {
        let engine = self.step("what the tests need", |gate| {
            machine::check_compilers()?;
            packages::ensure(&PACKAGES, "testing")?;
            gate.ensure_nextest()?;
            gate.ensure_clients()?;
            Engine::ensure()
        })?;
        if cfg!(target_arch = "x86_64") {
            let kernel = self.step("a kernel for tests", |gate| kernel::ensure(gate.workspace))?;
            self.environment.push(("EKIDEN_TEST_KERNEL", kernel.display().to_string()));
        }
        if let Some(socket) = engine.socket() {
            self.environment.push(("DOCKER_HOST", format!("unix://{socket}")));
            // The same for the agents of the tests' clusters.
            self.environment.push(("MESOS_DOCKER_SOCKET", socket.to_owned()));
        }
        self.step("format", |gate| {
            gate.execute(gate.workspace.cargo().args(["fmt", "--all", "--check"]))
        })?;
        self.step("tidy", |gate| tidy::run(gate.workspace))?;
        self.browser_half()?;
        self.host_checks()?;
        self.step("images", |_| images::make_all(engine.socket()))?;
        self.step("documentation tests", |gate| {
            gate.cargo(&["test", "--doc", "--profile", "ci"], &[])
        })?;
        let program = self.workspace.program(Profile::Ci, "ekiden");
        self.environment.push(("EKIDEN_PROGRAM", program.display().to_string()));
        self.step("tests", |gate| {
            gate.cargo(&["nextest", "run", "--cargo-profile", "ci", "--profile", "ci"], &[])
        })
    }

    /// The clients that others wrote, from Python's package index; asked more than once, since no test should fail for its sake.
    fn ensure_clients(&self) -> Result<()> {
        let script = self.workspace.root().join("end2end/clients/pymesos_install.py");
        let folder = self.workspace.target().join("clients/pymesos");
        let install = || {
            let mut command = Command::new("python3");
            execute(command.arg(&script).arg(&folder))
        };
        install().or_else(|_| install()).or_else(|_| install())
    }

    /// First, since the server embeds what comes out: with another bundle it would be compiled again.
    fn browser_half(&mut self) -> Result<()> {
        self.step("clippy for the browser", |gate| {
            gate.execute(&mut web::check(gate.workspace, Profile::Ci)?)
        })?;
        let bundle = self.step("browser bundle", |gate| {
            web::build(gate.workspace, Profile::Ci, &|command| gate.execute(command))
        })?;
        self.environment.push(("EKIDEN_BUNDLE_DIR", bundle.display().to_string()));
        Ok(())
    }

    fn host_checks(&mut self) -> Result<()> {
        self.step("clippy", |gate| {
            gate.cargo(
                &["clippy", "--profile", "ci", "--all-targets"],
                &["--", "--deny", "warnings"],
            )
        })?;
        self.step("docs", |gate| {
            let mut docs = gate.workspace.cargo();
            docs.args(["doc", "--no-deps", "--profile", "ci"]).args(WORKSPACE);
            gate.execute(docs.env("RUSTDOCFLAGS", "--deny warnings"))
        })?;
        self.step("build", |gate| gate.cargo(&["build", "--profile", "ci", "--all-targets"], &[]))
    }

    /// Runs one step, telling its name before and keeping its time.
    fn step<T>(&mut self, name: &'static str, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        println!("\n== {name}");
        let watch = Stopwatch::start();
        let outcome = work(self);
        self.times.push((name, watch.elapsed()));
        outcome.map_err(|failure| Failure::new(format!("{name}: {failure}")))
    }

    /// Runs cargo over the workspace: `command`, the packages, then `rest`.
    fn cargo(&self, command: &[&str], rest: &[&str]) -> Result<()> {
        self.execute(self.workspace.cargo().args(command).args(WORKSPACE).args(rest))
    }

    /// Runs `command` in the environment of this run, for at most the time that is left.
    fn execute(&self, command: &mut Command) -> Result<()> {
        let left = LIMIT.saturating_sub(self.whole.elapsed()).as_secs().max(1);
        let mut limited = Command::new("timeout");
        // In the foreground Ctrl-C still reaches the command.
        limited.args(["--foreground", "--kill-after=30s", &format!("{left}s")]);
        limited.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        limited.envs(self.environment.iter().map(|(name, value)| (name, value)));
        limited.current_dir(self.workspace.root());
        let status = limited
            .status()
            .map_err(|error| Failure::new(format!("could not start `timeout`: {error}")))?;
        match status.code() {
            Some(0) => Ok(()),
            Some(124 | 137) if self.whole.elapsed() >= LIMIT => Err(Failure::new(format!(
                "`{}` was stopped: the run may take {} minutes",
                line(command),
                LIMIT.as_secs() / 60
            ))),
            _ => Err(Failure::new(format!("`{}` failed ({status})", line(command)))),
        }
    }

    /// `cargo-nextest`, which runs the tests.
    fn ensure_nextest(&self) -> Result<()> {
        if succeeds(self.workspace.cargo().args(["nextest", "--version"])) {
            return Ok(());
        }
        println!("testing needs cargo-nextest: installing it with cargo");
        let mut install = self.workspace.cargo();
        // Not `--locked`: a registry that lags behind may lack a version that its lock file names.
        // Outside the checkout, whose compiler flags and target are no business of a tool.
        install.current_dir(std::env::temp_dir()).args(["install", "cargo-nextest"]);
        execute(&mut install)
    }

    fn report(&self) {
        println!("\n== minutes");
        for (name, time) in &self.times {
            println!("{:>7.1}  {name}", time.as_secs_f64() / 60.0);
        }
        println!("{:>7.1}  in all", self.whole.elapsed().as_secs_f64() / 60.0);
        let slowest = slowest::read(
            &self.workspace.target().join("nextest/ci/junit.xml"),
            self.whole.elapsed(),
        );
        if !slowest.is_empty() {
            println!("\n== the slowest tests, in seconds");
        }
        for test in slowest {
            println!("{:>7.1}  {}", test.seconds, test.name);
        }
    }
}
