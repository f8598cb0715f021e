//! The processes that become the task's program, and programs beside it.
//!
//! The pipe on which such a process tells why it could not closes by itself once the program runs. It is the standard input of the
//! task's own process, and the standard output of one beside it, whose standard input is the question.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use executor::{Identity, Limit, Question, Spec, file};
use rustix::fs::{AtFlags, CWD, chownat};
use rustix::process::{Gid, Resource, Rlimit, Uid, geteuid, setrlimit, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin, stdout};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::account::Account;
use crate::supervise::write_whole;
use crate::volumes;

/// Becomes the task; never comes back when all goes well. The task's folder is the working directory.
pub(crate) fn run() -> ExitCode {
    report(stdin(), become_the_task)
}

/// Becomes a command beside the task.
pub(crate) fn run_beside() -> ExitCode {
    report(stdout(), become_a_command)
}

/// Tells on a pipe why it did not work.
fn report(pipe: impl AsFd, become_it: impl FnOnce() -> Result<Infallible, String>) -> ExitCode {
    let Ok(pipe) = rustix::io::fcntl_dupfd_cloexec(pipe, 3) else {
        return ExitCode::FAILURE;
    };
    match become_it() {
        Ok(never) => match never {},
        Err(message) => {
            // Nobody listens when the executor is gone, and then there is nothing to be told.
            let _ = File::from(pipe).write_all(message.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn become_the_task() -> Result<Infallible, String> {
    let spec = read_spec()?;
    setsid().map_err(|error| format!("could not begin a session: {error}"))?;
    // Before the program runs: whoever finds the folder later can tell its processes.
    let own = Identity::of(std::process::id()).map_err(|error| error.to_string())?;
    write_whole(file::TASK, &own.to_bytes())
        .map_err(|error| format!("could not record the process: {error}"))?;
    let account = enter_limits(&spec)?;
    let [stdout, stderr] = streams(&spec.sandbox, account.as_ref())?;
    volumes::mount(&spec, account.as_ref())?;
    enter_sandbox(&spec, account.as_ref())?;
    attach(&stdout, &stderr)?;
    let environment: Vec<_> = spec.environment.iter().collect();
    execute(&spec.program, &spec.arguments, &environment)
}

/// With nothing to read, and an output that nobody wants.
fn become_a_command() -> Result<Infallible, String> {
    let question = Question::read(&mut std::io::stdin().lock())
        .map_err(|error| format!("could not read the question: {error}"))?;
    let spec = read_spec()?;
    setsid().map_err(|error| format!("could not begin a session: {error}"))?;
    let account = enter_limits(&spec)?;
    volumes::join(&spec)?;
    enter_sandbox(&spec, account.as_ref())?;
    let nothing = OpenOptions::new().write(true).open("/dev/null");
    let nothing = nothing.map_err(|error| format!("could not open /dev/null: {error}"))?;
    attach(&nothing, &nothing)?;
    let program = question.line.first().ok_or_else(|| "the question has no program".to_owned())?;
    // Later ones win.
    let environment: Vec<_> = spec.environment.iter().chain(&question.environment).collect();
    execute(program, &question.line, &environment)
}

fn read_spec() -> Result<Spec, String> {
    let failed = |error: &dyn std::fmt::Display| format!("could not read the task: {error}");
    let spec = fs::read(file::SPEC).map_err(|error| failed(&error))?;
    Spec::from_bytes(&spec).map_err(|error| failed(&error))
}

/// Puts this process under the task's limits; who it is to become.
fn enter_limits(spec: &Spec) -> Result<Option<Account>, String> {
    for cgroup in &spec.cgroups {
        let procs = cgroup.join("cgroup.procs");
        fs::write(&procs, "0")
            .map_err(|error| format!("could not enter the cgroup {}: {error}", procs.display()))?;
    }
    if let Some(score) = spec.oom_score_adj {
        fs::write("/proc/self/oom_score_adj", score.to_string())
            .map_err(|error| format!("could not set oom_score_adj to {score}: {error}"))?;
    }
    for limit in &spec.limits {
        set_limit(limit)?;
    }
    Account::of(spec)
}

/// Becomes the task's user, in its sandbox.
fn enter_sandbox(spec: &Spec, account: Option<&Account>) -> Result<(), String> {
    if let Some(account) = account {
        switch(account).map_err(|error| {
            format!("could not become user `{}`: {error}", spec.user.as_deref().unwrap_or_default())
        })?;
    }
    std::env::set_current_dir(&spec.sandbox)
        .map_err(|error| format!("could not enter the sandbox {}: {error}", spec.sandbox.display()))
}

fn execute(
    program: &str,
    arguments: &[String],
    environment: &[&(String, String)],
) -> Result<Infallible, String> {
    let (name, arguments) =
        arguments.split_first().ok_or_else(|| "the task has no arguments".to_owned())?;
    let error = Command::new(program)
        .arg0(name)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .exec();
    Err(format!("could not execute `{program}`: {error}"))
}

/// Opens the task's output files, and gives them and the sandbox to the task's user.
fn streams(sandbox: &Path, account: Option<&Account>) -> Result<[File; 2], String> {
    let failed = |what: &Path, error: &dyn std::fmt::Display| {
        format!("could not prepare {}: {error}", what.display())
    };
    let open = |name: &str| {
        let path = sandbox.join(name);
        executor::sandbox::append(&path).map_err(|error| failed(&path, &error))
    };
    let streams = [open("stdout")?, open("stderr")?];
    if let Some(account) = account.filter(|account| account.user != geteuid().as_raw()) {
        let (user, group) = (Uid::from_raw(account.user), Gid::from_raw(account.group));
        for path in [sandbox.to_owned(), sandbox.join("stdout"), sandbox.join("stderr")] {
            chownat(CWD, &path, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|error| failed(&path, &error))?;
        }
    }
    Ok(streams)
}

fn attach(stdout: &File, stderr: &File) -> Result<(), String> {
    let attach = || {
        let nothing = OpenOptions::new().read(true).open("/dev/null");
        let nothing: OwnedFd = nothing.map_err(|_| rustix::io::Errno::NODEV)?.into();
        dup2_stdin(&nothing)?;
        dup2_stdout(stdout)?;
        dup2_stderr(stderr)
    };
    attach()
        .map_err(|error: rustix::io::Errno| format!("could not attach stdout and stderr: {error}"))
}

/// The process has one thread, so what the system does to a thread it does to the whole.
fn switch(account: &Account) -> rustix::io::Result<()> {
    if account.user == geteuid().as_raw() {
        return Ok(());
    }
    let groups: Vec<Gid> = account.groups.iter().map(|group| Gid::from_raw(*group)).collect();
    let (user, group) = (Uid::from_raw(account.user), Gid::from_raw(account.group));
    set_thread_groups(&groups)?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}

fn set_limit(limit: &Limit) -> Result<(), String> {
    let resource = resource(&limit.name)
        .ok_or_else(|| format!("limit `{}` is not known on this system", limit.name))?;
    setrlimit(resource, Rlimit { current: limit.soft, maximum: limit.hard })
        .map_err(|error| format!("could not set limit `{}`: {error}", limit.name))
}

/// Source: apache/mesos: include/mesos/mesos.proto (`RLimitInfo.RLimit.Type`).
fn resource(name: &str) -> Option<Resource> {
    Some(match name {
        "AS" => Resource::As,
        "CORE" => Resource::Core,
        "CPU" => Resource::Cpu,
        "DATA" => Resource::Data,
        "FSIZE" => Resource::Fsize,
        "LOCKS" => Resource::Locks,
        "MEMLOCK" => Resource::Memlock,
        "MSGQUEUE" => Resource::Msgqueue,
        "NICE" => Resource::Nice,
        "NOFILE" => Resource::Nofile,
        "NPROC" => Resource::Nproc,
        "RSS" => Resource::Rss,
        "RTPRIO" => Resource::Rtprio,
        "RTTIME" => Resource::Rttime,
        "SIGPENDING" => Resource::Sigpending,
        "STACK" => Resource::Stack,
        _ => return None,
    })
}
