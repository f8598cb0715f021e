//! The executor proper: claims the task, starts it, ends it on demand, and leaves word of its end.
//!
//! What must always hold: of all executors of one folder only one starts the task; when `exit` is there, no process of the task is left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use executor::{Ending, How, Identity, Spec, file};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getpid, set_child_subreaper, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::time::{ClockId, clock_gettime};

use crate::memory::Memory;
use crate::processes;
use crate::reaper::{Note, Reaper};
use crate::tree;

/// Pauses between two rounds of SIGKILL: the first, and the longest that doubling leads to.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Runs the task of a folder to its end.
pub(crate) fn run(folder: &Path) -> ExitCode {
    // From here on every path is relative: a folder that is removed meanwhile does not come back as another.
    if let Err(error) = std::env::set_current_dir(folder) {
        return give_up(&format!("could not enter {}: {error}", folder.display()));
    }
    match claim() {
        Ok(true) => {}
        Ok(false) => return give_up(executor::CLAIMED),
        Err(error) => return give_up(&format!("could not claim the task: {error}")),
    }
    match start() {
        Ok(started) => {
            say(executor::STARTED);
            detach();
            started.watch()
        }
        Err(message) => {
            let ending = Ending::from(How::Failed(message.clone()));
            let _ = write_whole(file::EXIT, &ending.to_bytes());
            give_up(&message)
        }
    }
}

/// Tells the agent, which may have ended meanwhile.
fn say(message: &str) {
    let _ = io::stdout().write_all(message.as_bytes());
    let _ = io::stdout().flush();
}

fn give_up(message: &str) -> ExitCode {
    say(message);
    ExitCode::FAILURE
}

/// Closes what ties it to the agent.
fn detach() {
    if let Ok(nothing) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&nothing);
        let _ = dup2_stdout(&nothing);
        let _ = dup2_stderr(&nothing);
    }
}

/// Writes a file beside its place and puts it there in one step.
pub(crate) fn write_whole(name: &str, content: &[u8]) -> io::Result<()> {
    let new = format!("{name}.new");
    fs::write(&new, content)?;
    fs::rename(&new, name)
}

/// Makes the task this executor's own; whether it was free.
fn claim() -> io::Result<bool> {
    let own = Identity::of(std::process::id())?;
    let new = format!("{}.{}", file::CLAIM, own.pid);
    fs::write(&new, own.to_bytes())?;
    // A link is there whole or not at all, and never replaces another.
    let claimed = fs::hard_link(&new, file::CLAIM);
    fs::remove_file(&new)?;
    match claimed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// A task whose program runs.
struct Started {
    control: File,
    memory: Option<Memory>,
    /// The cgroup that bounds the number of processes.
    pids: Option<PathBuf>,
    reaper: Reaper,
}

fn start() -> Result<Started, String> {
    let failed = |what: &'static str| move |error: io::Error| format!("could not {what}: {error}");
    let spec = fs::read(file::SPEC).map_err(failed("read the task"))?;
    let spec =
        Spec::from_bytes(&spec).map_err(|error| format!("could not read the task: {error}"))?;
    // A session of its own: no terminal and no process group of the agent reaches it.
    setsid().map_err(|error| format!("could not begin a session: {error}"))?;
    set_child_subreaper(Some(getpid()))
        .map_err(|error| format!("could not take in orphans: {error}"))?;
    let control = open_control().map_err(failed("make the control fifo"))?;
    let memory = spec.memory.map(Memory::watch);

    let (report, reporter) = io::pipe().map_err(failed("make a pipe"))?;
    let task = Command::new("/proc/self/exe")
        .args(["enter", "."])
        .stdin(Stdio::from(OwnedFd::from(reporter)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .env_clear()
        .spawn()
        .map_err(failed("start a process"))?;
    let mut message = String::new();
    let heard = { report }.read_to_string(&mut message);
    let task = i32::try_from(task.id()).ok().and_then(Pid::from_raw);
    let task = task.ok_or_else(|| "a process without a number was started".to_owned())?;
    if !message.is_empty() || heard.is_err() {
        let _ = rustix::process::waitpid(Some(task), WaitOptions::empty());
        return Err(message);
    }
    let reaper = Reaper::start(task).map_err(failed("start a thread"))?;
    Ok(Started { control, memory, pids: spec.pids, reaper })
}

/// The fifo, open both ways so that it never ends.
fn open_control() -> io::Result<File> {
    match mkfifoat(CWD, file::CONTROL, Mode::RUSR | Mode::WUSR) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(file::CONTROL)
}

/// Time that goes on while the machine sleeps.
fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let part = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or_default()) + Duration::from_nanos(part)
}

/// How far the end of the task has come.
#[derive(Default)]
struct Progress {
    ended: Option<How>,
    is_empty: bool,
    is_asked: bool,
    /// From here on SIGKILL is sent.
    kill_at: Option<Duration>,
    pause: Option<Duration>,
    is_short_of_memory: bool,
}

impl Progress {
    fn kill_by(&mut self, moment: Duration) {
        self.kill_at = Some(self.kill_at.map_or(moment, |before| before.min(moment)));
    }

    /// Asks all processes to end, once, and sees to it that they do.
    fn stop(&mut self, grace: Duration) {
        if !self.is_asked && !grace.is_zero() {
            tree::signal(Signal::TERM);
            // One that was stopped takes the signal only when it goes on.
            tree::signal(Signal::CONT);
        }
        self.is_asked = true;
        self.kill_by(now().saturating_add(grace));
    }

    /// Sends SIGKILL when its time has come, again and again: what is forked meanwhile is in the next round.
    fn kill_if_due(&mut self) {
        let moment = now();
        if !self.is_empty && self.kill_at.is_some_and(|at| at <= moment) {
            tree::signal(Signal::KILL);
            let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
            self.pause = Some(pause);
            self.kill_at = Some(moment + pause);
        }
    }

    fn timeout(&self) -> Option<Timespec> {
        let left = self.kill_at.filter(|_| !self.is_empty)?.saturating_sub(now());
        // A number of seconds that is too large for the system is as good as for ever.
        Timespec::try_from(left).ok()
    }
}

impl Started {
    fn watch(mut self) -> ExitCode {
        let mut progress = Progress::default();
        while progress.ended.is_none() || !progress.is_empty {
            self.wait(&mut progress);
            progress.kill_if_due();
        }
        let is_told = progress.is_short_of_memory;
        let memory = self.memory.as_ref();
        let how = progress.ended.unwrap_or(How::Exited(-1));
        let ending = Ending {
            how,
            out_of_memory: memory.and_then(|memory| memory.shortage(is_told)),
            out_of_processes: self.pids.as_deref().and_then(processes::shortage),
        };
        match write_whole(file::EXIT, &ending.to_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            // The agent finds no word and takes the task as failed.
            Err(_) => ExitCode::FAILURE,
        }
    }

    /// Waits until something happens or is due, and takes note of it.
    fn wait(&mut self, progress: &mut Progress) {
        let alarm = self.memory.as_ref().and_then(Memory::alarm);
        let mut watched = vec![
            PollFd::new(&self.reaper, PollFlags::IN),
            PollFd::new(&self.control, PollFlags::IN),
        ];
        if let Some(alarm) = alarm.filter(|_| !progress.is_short_of_memory) {
            watched.push(PollFd::from_borrowed_fd(alarm.as_fd(), PollFlags::IN));
        }
        if poll(&mut watched, progress.timeout().as_ref()).is_err() {
            return; // Interrupted; the loop comes back.
        }
        let happened: Vec<bool> = watched.iter().map(|it| !it.revents().is_empty()).collect();
        if happened.get(2) == Some(&true) {
            progress.is_short_of_memory = true;
            progress.kill_by(now());
        }
        if happened[1] {
            let mut orders = [0; 4_096];
            let length = self.control.read(&mut orders).unwrap_or_default();
            let orders = String::from_utf8_lossy(&orders[..length]);
            if let Some(grace) = executor::shortest_grace(&orders) {
                progress.stop(Duration::from_millis(grace));
            }
        }
        if happened[0] {
            self.take_note(progress);
        }
    }

    fn take_note(&mut self, progress: &mut Progress) {
        match self.reaper.note() {
            Note::Exited(status) => progress.ended = Some(How::Exited(status)),
            Note::Signaled(signal) => progress.ended = Some(How::Signaled(signal)),
            Note::NoneLeft => {
                progress.ended.get_or_insert(How::Exited(-1));
                progress.is_empty = true;
                return;
            }
        }
        // What the program leaves behind ends with it.
        progress.kill_by(now());
    }
}
