//! The process that becomes the task's program.
//!
//! Its standard input is the pipe on which it tells why it could not; the pipe closes by itself once the program runs.

use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use executor::{Identity, Limit, Spec, file};
use rustix::fs::{AtFlags, CWD, OFlags, chownat};
use rustix::process::{Gid, Resource, Rlimit, Uid, geteuid, setrlimit, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::account::Account;
use crate::supervise::write_whole;

/// Never comes back when all goes well. The task's folder is the working directory.
pub(crate) fn run() -> ExitCode {
    let Ok(report) = rustix::io::fcntl_dupfd_cloexec(stdin(), 3) else {
        return ExitCode::FAILURE;
    };
    match become_the_task() {
        Ok(never) => match never {},
        Err(message) => {
            // Nobody listens when the executor is gone, and then there is nothing to be told.
            let _ = File::from(report).write_all(message.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn become_the_task() -> Result<Infallible, String> {
    let spec = fs::read(file::SPEC).map_err(|error| format!("could not read the task: {error}"))?;
    let spec =
        Spec::from_bytes(&spec).map_err(|error| format!("could not read the task: {error}"))?;
    setsid().map_err(|error| format!("could not begin a session: {error}"))?;
    // Before the program runs: whoever finds the folder later can tell its processes.
    let own = Identity::of(std::process::id()).map_err(|error| error.to_string())?;
    write_whole(file::TASK, &own.to_bytes())
        .map_err(|error| format!("could not record the process: {error}"))?;
    for cgroup in &spec.cgroups {
        let procs = cgroup.join("cgroup.procs");
        fs::write(&procs, "0")
            .map_err(|error| format!("could not enter the cgroup {}: {error}", procs.display()))?;
    }
    for limit in &spec.limits {
        set_limit(limit)?;
    }
    let account = spec.user.as_deref().map(Account::find).transpose()?;
    let streams = streams(&spec.sandbox, account.as_ref())?;
    if let Some(account) = &account {
        switch(account).map_err(|error| {
            format!("could not become user `{}`: {error}", spec.user.as_deref().unwrap_or_default())
        })?;
    }
    std::env::set_current_dir(&spec.sandbox).map_err(|error| {
        format!("could not enter the sandbox {}: {error}", spec.sandbox.display())
    })?;
    attach(streams).map_err(|error| format!("could not attach stdout and stderr: {error}"))?;
    let (name, arguments) =
        spec.arguments.split_first().ok_or_else(|| "the task has no arguments".to_owned())?;
    let error = Command::new(&spec.program)
        .arg0(name)
        .args(arguments)
        .env_clear()
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .exec();
    Err(format!("could not execute `{}`: {error}", spec.program))
}

/// Opens the task's output files, and gives them and the sandbox to the task's user.
fn streams(sandbox: &Path, account: Option<&Account>) -> Result<[File; 2], String> {
    let failed = |what: &Path, error: &dyn std::fmt::Display| {
        format!("could not prepare {}: {error}", what.display())
    };
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    options.create(true).append(true).custom_flags(flags);
    let open = |name: &str| {
        let path = sandbox.join(name);
        options.open(&path).map_err(|error| failed(&path, &error))
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

fn attach([stdout, stderr]: [File; 2]) -> rustix::io::Result<()> {
    let nothing = OpenOptions::new().read(true).open("/dev/null");
    let nothing: OwnedFd = nothing.map_err(|_| rustix::io::Errno::NODEV)?.into();
    dup2_stdin(&nothing)?;
    dup2_stdout(&stdout)?;
    dup2_stderr(&stderr)
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
