//! Reading on: the end of the file while it is followed, older and newer parts as a reader scrolls to them.

use std::time::Duration;

use leptos::html::Div;
use leptos::prelude::*;
use wire::console::{FilePart, Found, PartQuery, SearchQuery};

use super::log::{Log, MAX_BYTES};
use super::view;
use crate::api::files::{Opened, SandboxQuery, WINDOW, read, search};
use crate::backend::ConsoleError;

/// Seconds that the agent may wait for the file to grow; no longer, since a reader who goes elsewhere is still waited for.
const WAIT: u64 = 2;
/// Pause after something came, so that a busy file is not shown line by line.
const PACE: Duration = Duration::from_millis(50);
/// Pause after nothing came.
const IDLE: Duration = Duration::from_millis(100);
/// Pause after a failure, and while nobody sees the page.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a reader's hand may be ahead of the lines.
const HAND: Duration = Duration::from_millis(700);
/// So many pixels from an end the next part is read.
const NEAR: i32 = 24;

/// An open file that is read on.
#[derive(Debug, Clone)]
pub(super) struct Followed {
    agent: String,
    path: String,
    pub(super) log: RwSignal<Log>,
    pub(super) follow: RwSignal<bool>,
    pub(super) lines: NodeRef<Div>,
    /// The file's size when it was last read.
    pub(super) bytes: RwSignal<u64>,
    /// Whether the last attempt to read failed.
    pub(super) has_failed: RwSignal<bool>,
    is_paging: RwSignal<bool>,
    /// Moves to the end: how many have been begun, and which one was the last to be over.
    moves: StoredValue<(u32, u32)>,
    /// Whether the reader's hand moves the lines.
    has_hand: StoredValue<bool>,
    /// Which loop follows: one that was stopped does not come back beside another.
    turn: StoredValue<u32>,
}

impl Followed {
    /// A file as it was opened.
    pub(super) fn new(query: Memo<SandboxQuery>, opened: &Opened) -> Self {
        let is_at_end = query.with_untracked(|query| query.offset.is_none());
        Self {
            agent: query.with_untracked(|query| query.agent.clone()),
            path: opened.path.clone(),
            log: RwSignal::new(Log::of(&opened.part)),
            follow: RwSignal::new(is_at_end),
            lines: NodeRef::new(),
            bytes: RwSignal::new(opened.part.size),
            has_failed: RwSignal::new(false),
            is_paging: RwSignal::new(false),
            moves: StoredValue::new((0, 0)),
            has_hand: StoredValue::new(false),
            turn: StoredValue::new(0),
        }
    }

    fn part(&self, offset: i64, length: u64, wait: u64) -> PartQuery {
        PartQuery { agent: self.agent.clone(), path: self.path.clone(), offset, length, wait }
    }

    fn onward(&self, offset: u64, wait: u64) -> PartQuery {
        self.part(i64::try_from(offset).unwrap_or(i64::MAX), WINDOW, wait)
    }

    /// Scrolling up stops following; at an end of what is loaded the part beyond is read, and at the file's end following resumes if it may.
    pub(super) fn scrolled(&self, may_resume: bool) {
        let Some(lines) = self.lines.get_untracked() else { return };
        let rest = lines.scroll_height() - lines.scroll_top() - lines.client_height();
        if rest >= NEAR {
            // What has just come moves the end away from the reader, not the reader away from the end.
            let is_reader =
                self.has_hand.get_value() || self.moves.with_value(|(begun, over)| begun == over);
            if self.follow.get_untracked() && is_reader {
                self.follow.set(false);
            }
            if lines.scroll_top() < NEAR {
                self.page(true);
            }
            return;
        }
        self.has_hand.set_value(false);
        if !self.follow.get_untracked() {
            let end = self.log.with_untracked(|log| log.end);
            if end < self.bytes.get_untracked() {
                self.page(false);
            } else if may_resume {
                self.follow.set(true);
            }
        }
    }

    /// The reader turns upwards. When nothing moves soon, that was all.
    pub(super) fn turned_up(&self) {
        self.has_hand.set_value(true);
        let hand = self.has_hand;
        let over = move || {
            hand.try_set_value(false);
        };
        set_timeout(over, HAND);
    }

    /// Reads the part before the first line, or after the last, unless that is under way.
    fn page(&self, is_back: bool) {
        let (start, end) = self.log.with_untracked(|log| (log.start, log.end));
        if self.is_paging.get_untracked() || (is_back && start == 0) {
            return;
        }
        let query = if is_back {
            let before = start.saturating_sub(WINDOW);
            let offset = i64::try_from(before).unwrap_or(i64::MAX);
            self.part(offset, start - before, 0)
        } else {
            self.onward(end, 0)
        };
        self.is_paging.set(true);
        let file = self.clone();
        leptos::task::spawn_local(async move {
            let part = read(query).await;
            file.has_failed.try_set(part.is_err());
            if let Ok(part) = part {
                file.bytes.try_set(part.size);
                if is_back {
                    file.off_the_edge();
                    file.log.try_update(|log| log.prepend(&part));
                } else {
                    file.log.try_update(|log| log.append(&part));
                }
            }
            file.is_paging.try_set(false);
        });
    }

    /// Where a search begins: behind the line `at`, or in front of it; or of what is in view, when that line is not.
    ///
    /// Lines that begin at the bound or behind it come next; those in front of it come before.
    pub(super) fn bound(&self, at: Option<u64>, is_back: bool) -> u64 {
        let seen = view::seen(self.lines);
        self.log.with_untracked(|log| bound(log, at, seen, is_back))
    }

    /// Brings a loaded line into view.
    pub(super) fn bring_into_view(&self, offset: u64) {
        view::bring(self.lines, offset);
    }

    /// Asks for the nearest match in the file.
    pub(super) async fn search(
        &self,
        query: impl FnOnce(String, String) -> SearchQuery,
    ) -> Result<Found, ConsoleError> {
        search(query(self.agent.clone(), self.path.clone())).await
    }

    /// The lines around a byte.
    pub(super) async fn read_around(&self, byte: u64) -> Result<Log, ConsoleError> {
        let begin = i64::try_from(byte.saturating_sub(WINDOW / 2)).unwrap_or(i64::MAX);
        let part = read(self.part(begin, WINDOW, 0)).await?;
        self.bytes.try_set(part.size);
        Ok(Log::around(&part, byte))
    }

    /// The end of the file as it is now.
    pub(super) async fn read_end(&self) -> Result<Log, ConsoleError> {
        let part = read(self.part(-1, WINDOW, 0)).await?;
        self.bytes.try_set(part.size);
        Ok(Log::of(&part))
    }

    /// Shows these lines, the last of the file, and goes on from there: a file that has just begun anew may be empty still.
    pub(super) fn show_end(&self, log: Log) {
        self.log.try_set(log);
        self.to_end();
        self.follow.try_set(true);
    }

    /// Browsers keep the lines in their places when others come above them, but not at the very top.
    fn off_the_edge(&self) {
        if let Some(lines) = self.lines.try_get_untracked().flatten()
            && lines.scroll_top() == 0
        {
            lines.set_scroll_top(1);
        }
    }

    fn to_end(&self) {
        let (lines, moves) = (self.lines, self.moves);
        let Some(turn) = moves.try_update_value(|(begun, _)| {
            *begun = begun.wrapping_add(1);
            *begun
        }) else {
            return;
        };
        request_animation_frame(move || {
            if let Some(lines) = lines.try_get_untracked().flatten() {
                lines.set_scroll_top(lines.scroll_height());
            }
            // The page hears of that at the beginning of the next frame.
            request_animation_frame(move || {
                moves.try_update_value(|(_, over)| *over = turn);
            });
        });
    }

    /// Takes what came from the file's end on; whether the reader has to jump to the end, and the pause before the next question.
    fn take(&self, part: &FilePart, is_jump: bool) -> (bool, Duration) {
        self.bytes.try_set(part.size);
        if is_jump {
            self.log.try_set(Log::of(part));
            self.to_end();
            return (false, PACE);
        }
        let end = self.log.try_with_untracked(|log| log.end).unwrap_or_default();
        // Begun anew, or so far behind that all of it would be dropped again.
        if part.size < end || part.size - end > MAX_BYTES {
            return (true, Duration::ZERO);
        }
        if part.data.is_empty() {
            return (false, IDLE);
        }
        self.log.try_update(|log| log.append(part));
        self.to_end();
        (false, if part.end() + WINDOW / 2 < part.size { Duration::ZERO } else { PACE })
    }
}

/// Reads on while following; the server renders once and never runs effects.
pub(super) fn follow_file(file: &Followed) {
    let file = file.clone();
    Effect::new(move |_| {
        if file.follow.get() {
            let turn = file.turn.with_value(|turn| turn + 1);
            file.turn.set_value(turn);
            file.has_hand.set_value(false);
            file.to_end();
            read_on(file.clone(), turn, false);
        }
    });
}

/// Asks for the next part, then again after a while, until following stops or the page has gone.
fn read_on(file: Followed, turn: u32, is_jump: bool) {
    leptos::task::spawn_local(async move {
        let is_mine = |file: &Followed| {
            file.follow.try_get_untracked() == Some(true) && file.turn.try_get_value() == Some(turn)
        };
        let Some(end) = file.log.try_with_untracked(|log| log.end).filter(|_| is_mine(&file))
        else {
            return;
        };
        let is_seen = is_seen();
        let query = if is_jump {
            file.part(-1, WINDOW, 0)
        } else {
            file.onward(end, if is_seen { WAIT } else { 0 })
        };
        let next = read(query).await;
        if !is_mine(&file) {
            return;
        }
        file.has_failed.try_set(next.is_err());
        let (jump, pause) = match next {
            Ok(part) => file.take(&part, is_jump),
            Err(_) => (is_jump, PAUSE),
        };
        let pause = if is_seen { pause } else { pause.max(PAUSE) };
        set_timeout(move || read_on(file, turn, jump), pause);
    });
}

/// Whether the page is in front; a browser has few connections to give away.
#[cfg(feature = "hydrate")]
fn is_seen() -> bool {
    !document().hidden()
}

#[cfg(not(feature = "hydrate"))]
fn is_seen() -> bool {
    true
}

/// See [`Followed::bound`]; `seen` are the first and the last line in view.
fn bound(log: &Log, at: Option<u64>, seen: Option<(u64, u64)>, is_back: bool) -> u64 {
    let (first, last) = seen.unwrap_or((log.start, log.end));
    let at = at.filter(|at| seen.is_none() || (first..=last).contains(at));
    let behind = |offset: u64| {
        let next = log.lines.partition_point(|line| line.offset <= offset);
        log.lines.get(next).map_or(log.end, |line| line.offset)
    };
    match (at, is_back) {
        (Some(at), true) => at,
        (Some(at), false) => behind(at),
        (None, true) => behind(last),
        (None, false) => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_begins_where_the_reader_looks() {
        let part = FilePart { offset: 0, data: "a\nb\nc\nd\ne".to_owned(), size: 9 };
        let log = Log::of(&part);
        let seen = Some((2, 6));
        for (at, seen, is_back, wanted) in [
            (None, seen, false, 2),
            (None, seen, true, 8),
            (Some(4), seen, false, 6),
            (Some(4), seen, true, 4),
            // The line was scrolled out of view.
            (Some(0), seen, false, 2),
            (Some(8), seen, true, 8),
            // The last line is in view.
            (Some(8), Some((2, 8)), false, 9),
            (None, Some((2, 8)), true, 9),
            // Nothing is known of the view.
            (None, None, false, 0),
            (None, None, true, 9),
            (Some(4), None, true, 4),
        ] {
            assert_eq!(bound(&log, at, seen, is_back), wanted, "{at:?} {seen:?} {is_back}");
        }
    }
}
