//! Waits for children in a thread of its own, orphans of theirs included, so that none stays behind as a zombie.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus};

/// What has become of the children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// The first process ended with this status.
    Exited(i32),
    /// This signal ended the first process.
    Signaled(i32),
    /// No process is left.
    NoneLeft,
}

/// Tells of the end of children; it can be polled.
pub(crate) struct Reaper(PipeReader);

const EXITED: u8 = b'x';
const SIGNALED: u8 = b's';
const NONE_LEFT: u8 = b'n';

impl Reaper {
    /// Begins to wait; `first` is the process whose end matters.
    pub(crate) fn start(first: Pid) -> io::Result<Self> {
        let (notes, teller) = io::pipe()?;
        std::thread::Builder::new().stack_size(64 << 10).spawn(move || reap(first, teller))?;
        Ok(Self(notes))
    }

    /// The next note; there is one when it can be read.
    pub(crate) fn note(&mut self) -> Note {
        let mut message = [0; 5];
        if self.0.read_exact(&mut message).is_err() {
            // The thread is gone, which it does only after its last word.
            return Note::NoneLeft;
        }
        let [kind, a, b, c, d] = message;
        let number = i32::from_le_bytes([a, b, c, d]);
        match kind {
            EXITED => Note::Exited(number),
            SIGNALED => Note::Signaled(number),
            _ => Note::NoneLeft,
        }
    }
}

impl AsFd for Reaper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn reap(first: Pid, mut teller: PipeWriter) {
    loop {
        let message = match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == first => told(status),
            Ok(_) | Err(Errno::INTR) => continue,
            Err(_no_children) => {
                let _ = teller.write_all(&[NONE_LEFT, 0, 0, 0, 0]);
                return;
            }
        };
        let _ = teller.write_all(&message);
    }
}

fn told(status: WaitStatus) -> [u8; 5] {
    let (kind, number) = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (EXITED, code),
        (None, Some(signal)) => (SIGNALED, signal),
        (None, None) => (EXITED, -1),
    };
    let [a, b, c, d] = number.to_le_bytes();
    [kind, a, b, c, d]
}
