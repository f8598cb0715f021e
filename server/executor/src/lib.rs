//! What an agent and the executor of one shell task tell one another, by files in a folder of the task's own.
//!
//! The agent writes `spec` and starts `ekiden-executor run FOLDER`; whoever links its identity to `claim` first is the executor, so a
//! task is started at most once however often it is asked for. `task` names the task's first process before its program runs, `exit`
//! says how it ended. A line in the fifo `control` asks for the end.
//!
//! `ekiden-executor ask FOLDER` runs a command beside the task: the [`Question`] comes on standard input, which then stays open for as
//! long as somebody wants to know, and the answer, an [`Ending`], goes to standard output.
//!
//! [`sandbox`] opens the files that both of them write where the task can put things too.
//!
//! Every file is written beside its place and put there in one step: what can be read is whole. The forms are read by later versions
//! of the agent and of the executor, so what they say now they go on to say.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod ending;
mod identity;
mod pairs;
mod question;
pub mod sandbox;
mod spec;

pub use crate::ending::{Ending, How, OutOfMemory, OutOfProcesses};
pub use crate::identity::{Identity, Status, boot_id};
pub use crate::pairs::Malformed;
pub use crate::question::Question;
pub use crate::spec::{Limit, MemoryCgroup, Spec, Volume};

/// Names of the files in a task's folder.
pub mod file {
    /// What is to be run: [`crate::Spec`].
    pub const SPEC: &str = "spec";
    /// The executor: [`crate::Identity`].
    pub const CLAIM: &str = "claim";
    /// The first process of the task: [`crate::Identity`].
    pub const TASK: &str = "task";
    /// How it ended: [`crate::Ending`].
    pub const EXIT: &str = "exit";
    /// The fifo that takes [`crate::stop_order`]s.
    pub const CONTROL: &str = "control";
}

/// What the executor says on its standard output once the task's program runs; anything else is why it does not.
pub const STARTED: &str = "started";

/// What it says when another executor has claimed the task, or the agent has given it up.
pub const CLAIMED: &str = "claimed";

/// The line that asks the executor to end its task within `grace_ms`.
#[must_use]
pub fn stop_order(grace_ms: u64) -> String {
    format!("{grace_ms}\n")
}

/// The shortest grace period among the lines of the fifo; none where no line is a number.
#[must_use]
pub fn shortest_grace(lines: &str) -> Option<u64> {
    lines.lines().filter_map(|line| line.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_of_several_orders_counts() {
        let orders = [stop_order(5_000), stop_order(0), stop_order(70)].concat();
        assert_eq!(shortest_grace(&orders), Some(0));
        assert_eq!(shortest_grace("nonsense\n"), None);
    }

    /// A running executor, its folder and whoever comes later find one another by these names and words.
    #[test]
    fn the_words_stay_what_they_are() {
        let names = [file::SPEC, file::CLAIM, file::TASK, file::EXIT, file::CONTROL];
        assert_eq!(names, ["spec", "claim", "task", "exit", "control"]);
        assert_eq!((STARTED, CLAIMED), ("started", "claimed"));
        assert_eq!(stop_order(5_000), "5000\n");
        // A word that only a later executor knows changes nothing.
        assert_eq!(shortest_grace("5000\npause 3\n"), Some(5_000));
    }
}
