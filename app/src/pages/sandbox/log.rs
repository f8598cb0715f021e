//! A growing file as lines. Pure: offsets are bytes, lines are what a reader sees.

use wire::console::FileChunk;

use super::ansi::{Span, read};

/// How many lines a page keeps; older ones are dropped.
const MAX_LINES: usize = 5000;

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Plain,
    Warning,
    Error,
}

impl Level {
    /// The line's class.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Warning => "w",
            Self::Error => "e",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The byte at which it begins.
    pub(super) offset: u64,
    /// Its number from 1, when the file was read from its beginning.
    pub(super) number: Option<u64>,
    /// What a reader sees: no escape sequences, no line end.
    pub(super) text: String,
    /// Its parts that have a style.
    pub(super) spans: Vec<Span>,
    /// Whether more of it may come.
    is_open: bool,
}

impl Line {
    /// What stays the same while the line does.
    pub(super) fn key(&self) -> (u64, usize) {
        (self.offset, self.text.len())
    }

    pub(super) fn level(&self) -> Level {
        level_of(&self.text)
    }
}

/// A part of a file, as lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// The byte at which the first line begins.
    pub(super) start: u64,
    /// The byte after the last one read.
    pub(super) end: u64,
    /// The lines, in order.
    pub(super) lines: Vec<Line>,
    /// The last line as it came, while it has no end.
    open: String,
}

impl Log {
    /// The lines of a file's part. When the part begins inside a line, that line is left out.
    pub(super) fn of(chunk: &FileChunk) -> Self {
        let (mut start, mut text) = (chunk.offset, chunk.data.as_str());
        if start > 0
            && let Some(line_end) = text.find('\n')
        {
            start += line_end as u64 + 1;
            text = &text[line_end + 1..];
        }
        let mut log = Self { start, end: start, ..Self::default() };
        log.add(text);
        log
    }

    /// Adds the file's next part; a part that does not follow is not added.
    pub(super) fn append(&mut self, chunk: &FileChunk) {
        if chunk.offset == self.end {
            self.add(&chunk.data);
        }
    }

    fn add(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            let begins_at = self.end - self.open.len() as u64;
            let number = match self.lines.last() {
                Some(last) if last.is_open => last.number,
                Some(last) => last.number.map(|number| number + 1),
                None => (self.start == 0).then_some(1),
            };
            if self.lines.last().is_some_and(|last| last.is_open) {
                self.lines.pop();
            }
            self.open.push_str(piece);
            self.end += piece.len() as u64;
            let is_open = !piece.ends_with('\n');
            let (text, spans) = read(&self.open);
            self.lines.push(Line { offset: begins_at, number, text, spans, is_open });
            if !is_open {
                self.open.clear();
            }
        }
        if self.lines.len() > MAX_LINES {
            self.lines.drain(..self.lines.len() - MAX_LINES);
            self.start = self.lines.first().map_or(self.end, |line| line.offset);
        }
    }
}

/// Guesses how loud a line is from the words that servers write.
fn level_of(text: &str) -> Level {
    let has = |words: &[&str]| {
        text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| words.contains(&word))
    };
    let bracketed = |words: &[&str]| words.iter().any(|word| text.contains(&format!("[{word}]")));
    if has(&["ERROR", "FATAL", "SEVERE", "PANIC", "CRITICAL"])
        || bracketed(&["error", "crit", "alert", "emerg"])
    {
        Level::Error
    } else if has(&["WARN", "WARNING"]) || bracketed(&["warn"]) {
        Level::Warning
    } else {
        Level::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(offset: u64, data: &str) -> FileChunk {
        FileChunk { offset, data: data.to_owned() }
    }

    fn texts(log: &Log) -> Vec<&str> {
        log.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn a_file_from_its_beginning_has_numbered_lines() {
        let log = Log::of(&chunk(0, "one\ntwo\nthr"));
        assert_eq!(texts(&log), ["one", "two", "thr"]);
        assert_eq!(
            log.lines.iter().map(|line| line.number.unwrap()).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_eq!(log.end, 11);
    }

    #[test]
    fn a_part_from_the_middle_begins_with_a_whole_line() {
        let log = Log::of(&chunk(100, "half\nwhole\n"));
        assert_eq!((texts(&log), log.start, log.lines[0].number), (vec!["whole"], 105, None));
    }

    #[test]
    fn an_open_line_grows() {
        let mut log = Log::of(&chunk(0, "a\nhal"));
        log.append(&chunk(5, "f\nnext"));
        assert_eq!(texts(&log), ["a", "half", "next"]);
        assert_eq!((log.lines[1].offset, log.lines[1].number), (2, Some(2)));
        assert_eq!((log.lines[2].offset, log.lines[2].number), (7, Some(3)));
    }

    #[test]
    fn offsets_are_bytes_in_chinese_too() {
        let mut log = Log::of(&chunk(0, "中文\n"));
        assert_eq!(log.end, 7);
        log.append(&chunk(7, "日志\n"));
        log.append(&chunk(3, "not the next part\n"));
        assert_eq!(texts(&log), ["中文", "日志"]);
    }

    #[test]
    fn old_lines_are_dropped_but_keep_their_numbers() {
        let mut log = Log::of(&chunk(0, ""));
        log.append(&chunk(0, &"x\n".repeat(MAX_LINES + 10)));
        assert_eq!((log.lines.len(), log.lines[0].number, log.start), (MAX_LINES, Some(11), 20));
    }

    #[test]
    fn errors_and_warnings_are_found_by_their_words() {
        assert_eq!(level_of("2026/11/22 [error] 7#7: open() failed"), Level::Error);
        assert_eq!(level_of("22-Nov-2026 WARNING [main] x"), Level::Warning);
        assert_eq!(level_of("GET /errors/warn HTTP/1.1"), Level::Plain);
    }
}
