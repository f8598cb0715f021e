//! The last things that happened, for whoever replays a seed.

use std::collections::VecDeque;

use model::Instant;

/// Lines that are kept.
const KEPT: usize = 20_000;

/// A bounded record of lines; nothing is formatted unless it is kept.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    is_on: bool,
    lines: VecDeque<String>,
}

impl Trace {
    pub(crate) fn new(is_on: bool) -> Self {
        Self { is_on, lines: VecDeque::new() }
    }

    /// Keeps a line, forgetting the oldest beyond the limit.
    pub(crate) fn note(&mut self, now: Instant, line: impl FnOnce() -> String) {
        if !self.is_on {
            return;
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        let micros = now.as_nanos() / 1_000;
        let line = format!("{:>6}.{:06} {}", micros / 1_000_000, micros % 1_000_000, line());
        self.lines.push_back(line);
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}
