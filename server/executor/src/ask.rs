//! Runs a command beside a task, to find out how the task does: ended whole when nobody wants to know any more, or the task has ended.
//!
//! It stands outside of the task's cgroups and takes in the orphans of the command, as the task's own executor does.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::{fs, fs::File};

use executor::{Ending, How, Identity, Question, file};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, set_child_subreaper, setsid,
};
use rustix::stdio::stdin;

use crate::reaper::{Note, Reaper};
use crate::tree;

/// Pause between two rounds of SIGKILL, and between two looks at an executor that cannot be polled.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Asks once; the answer goes to standard output.
pub(crate) fn run(folder: &Path) -> ExitCode {
    let how = ask(folder).unwrap_or_else(How::Failed);
    let ending = Ending::from(how);
    // Whoever asked may have lost interest.
    match io::stdout().write_all(&ending.to_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn ask(folder: &Path) -> Result<How, String> {
    let failed = |what: &'static str| move |error: io::Error| format!("could not {what}: {error}");
    std::env::set_current_dir(folder).map_err(failed("enter the folder of the task"))?;
    // Read from the descriptor itself: what is read ahead would be lost.
    let asked = rustix::io::fcntl_dupfd_cloexec(stdin(), 3).map_err(io::Error::from);
    let mut asked = File::from(asked.map_err(failed("take standard input"))?);
    let question = Question::read(&mut asked).map_err(failed("read the question"))?;
    let claim = fs::read(file::CLAIM).map_err(failed("read who runs the task"))?;
    let executor = Identity::from_bytes(&claim).map_err(|error| error.to_string())?;
    setsid().map_err(|error| format!("could not begin a session: {error}"))?;
    set_child_subreaper(Some(getpid()))
        .map_err(|error| format!("could not take in orphans: {error}"))?;

    let (report, reporter) = io::pipe().map_err(failed("make a pipe"))?;
    let mut command = Command::new("/proc/self/exe")
        .args(["enter-beside", "."])
        .stdin(Stdio::piped())
        .stdout(Stdio::from(OwnedFd::from(reporter)))
        .stderr(Stdio::null())
        .env_clear()
        .spawn()
        .map_err(failed("start a process"))?;
    if let Some(mut pipe) = command.stdin.take() {
        // One that has ended meanwhile says why in its report.
        let _ = pipe.write_all(&question.to_bytes());
    }
    let mut message = String::new();
    let heard = io::Read::read_to_string(&mut { report }, &mut message);
    let first = i32::try_from(command.id()).ok().and_then(Pid::from_raw);
    let first = first.ok_or_else(|| "a process without a number was started".to_owned())?;
    if !message.is_empty() || heard.is_err() {
        let _ = rustix::process::waitpid(Some(first), WaitOptions::empty());
        return Err(message);
    }
    let reaper = Reaper::start(first).map_err(failed("start a thread"))?;
    Ok(watch(reaper, &asked, &executor))
}

/// Waits for the end of the command, and sees to it that nothing of it is left.
fn watch(mut reaper: Reaper, asked: &File, executor: &Identity) -> How {
    let number = i32::try_from(executor.pid).ok().and_then(Pid::from_raw);
    let handle = number.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let mut ended = None;
    // Only a handle that was there before this look is certainly the executor's.
    let mut is_over = !executor.is_alive();
    loop {
        if is_over {
            tree::signal(Signal::KILL);
        }
        let mut watched = vec![PollFd::new(&reaper, PollFlags::IN)];
        if !is_over {
            // Nothing more is said there, so that it can only end.
            watched.push(PollFd::new(asked, PollFlags::IN));
            watched.extend(handle.as_ref().map(|handle| PollFd::new(handle, PollFlags::IN)));
        }
        let limit = (is_over || handle.is_none()).then_some(&PAUSE);
        if poll(&mut watched, limit).is_err() {
            continue; // Interrupted.
        }
        let happened: Vec<bool> = watched.iter().map(|it| !it.revents().is_empty()).collect();
        is_over |= happened.iter().skip(1).any(|happened| *happened);
        is_over |= handle.is_none() && !executor.is_alive();
        if happened[0] {
            match reaper.note() {
                Note::Exited(status) => ended = Some(How::Exited(status)),
                Note::Signaled(signal) => ended = Some(How::Signaled(signal)),
                Note::NoneLeft => return ended.unwrap_or(How::Exited(-1)),
            }
            // What the command leaves behind ends with it.
            is_over = true;
        }
    }
}
