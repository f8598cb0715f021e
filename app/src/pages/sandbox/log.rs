//! A growing file as lines. Pure: offsets are bytes, lines are what a reader sees.
//!
//! Whatever the file holds, a page keeps a bounded part of it: so many lines, so many bytes, and no line longer than a screen or two.

use wire::console::{FilePart, SUBSTITUTE};

use super::ansi::{Span, open_escape, read};

/// How many lines a page keeps.
const MAX_LINES: usize = 2_000;
/// How many bytes of the file it keeps.
pub(super) const MAX_BYTES: u64 = 1 << 20;
/// What is longer is shown as several lines.
const MAX_LINE: usize = 8_192;
/// The most bytes in front of a character that was cut.
const CUT: usize = 3;

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

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With a line end.
    Whole,
    /// It is too long; the next one goes on with it.
    Cut,
    /// More of it may come.
    Open,
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
    end: End,
}

impl Line {
    /// What stays the same while the line does.
    pub(super) fn key(&self) -> (u64, usize, Option<u64>) {
        (self.offset, self.text.len(), self.number)
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
    /// Whether bytes were read that are no text.
    pub(super) is_binary: bool,
    /// The last line as it came, while it has no end.
    open: String,
}

impl Log {
    /// The lines of a file's part. When the part begins inside a line, that line is left out.
    pub(super) fn of(part: &FilePart) -> Self {
        let mut log = Self::all_of(part);
        log.drop_oldest();
        log
    }

    fn all_of(part: &FilePart) -> Self {
        let (mut start, mut text) = (part.offset, part.data.as_str());
        if start > 0 {
            let cut = match text.find('\n') {
                Some(line_end) => line_end + 1,
                // Nothing but one long line: it may begin inside a character.
                None => text.bytes().take(CUT).take_while(|byte| *byte == SUBSTITUTE as u8).count(),
            };
            start += cut as u64;
            text = &text[cut..];
        }
        let mut log = Self { start, end: start, ..Self::default() };
        log.add(text);
        log
    }

    /// The lines around a byte: the line that has it is there whole, or from the part's beginning on.
    pub(super) fn around(part: &FilePart, wanted: u64) -> Self {
        let mut log = Self::begun_before(part, wanted);
        let at = log.lines.iter().rposition(|line| line.offset <= wanted).unwrap_or(0);
        log.keep_first(MAX_LINES.max(at + MAX_LINES / 2));
        log.drop_oldest();
        log
    }

    fn begun_before(part: &FilePart, wanted: u64) -> Self {
        let Ok(begin) = usize::try_from(wanted.saturating_sub(part.offset)) else {
            return Self::all_of(part);
        };
        let has_line_end = part.data.bytes().take(begin).any(|byte| byte == b'\n');
        if part.offset == 0 || has_line_end {
            return Self::all_of(part);
        }
        // One long line up to there: what `of` would leave out is what is wanted.
        let is_cut = |byte: &u8| *byte == SUBSTITUTE as u8;
        let cut = part.data.bytes().take(CUT).take_while(is_cut).count();
        let start = part.offset + cut as u64;
        let mut log = Self { start, end: start, ..Self::default() };
        log.add(&part.data[cut..]);
        log
    }

    /// The line that has this byte.
    pub(super) fn line_at(&self, byte: u64) -> Option<&Line> {
        let is_here = (self.start..self.end).contains(&byte);
        self.lines.iter().rfind(|line| line.offset <= byte).filter(|_| is_here)
    }

    /// Where the lines end that will not change any more.
    pub(super) fn settled_end(&self) -> u64 {
        self.end - self.open.len() as u64
    }

    /// Adds the file's next part; a part that does not follow is not added.
    pub(super) fn append(&mut self, part: &FilePart) {
        if part.offset == self.end {
            self.add(&part.data);
            self.drop_oldest();
        }
    }

    /// Puts the part before the first line in front; one that does not reach it is left out.
    pub(super) fn prepend(&mut self, part: &FilePart) {
        let Some(reach) = self.start.checked_sub(part.offset).filter(|reach| *reach > 0) else {
            return;
        };
        let missing = self.start.saturating_sub(part.end());
        let mut whole = part.clone();
        if missing > CUT as u64 {
            return;
        }
        whole.data.extend((0..missing).map(|_| SUBSTITUTE));
        let reach = whole.data.floor_char_boundary(usize::try_from(reach).unwrap_or(usize::MAX));
        whole.data.truncate(reach);
        let mut before = Self::of(&whole);
        if before.lines.last().is_some_and(|line| line.end == End::Open) {
            // What follows begins a line: this one was too long to be shown in one.
            if let Some(last) = before.lines.last_mut() {
                last.end = End::Cut;
            }
        }
        self.start = before.start;
        self.is_binary |= before.is_binary;
        before.lines.append(&mut self.lines);
        self.lines = before.lines;
        if self.start == 0 {
            self.number_from_one();
        }
        self.drop_newest();
    }

    fn number_from_one(&mut self) {
        let (mut number, mut end) = (0, End::Whole);
        for line in &mut self.lines {
            number += u64::from(end == End::Whole);
            line.number = Some(number);
            end = line.end;
        }
    }

    fn add(&mut self, mut text: &str) {
        self.is_binary |= text.bytes().any(|byte| byte == 0 || byte == SUBSTITUTE as u8);
        while !text.is_empty() {
            let room = text.floor_char_boundary(MAX_LINE.saturating_sub(self.open.len()));
            let line_end = text.as_bytes()[..room].iter().position(|byte| *byte == b'\n');
            let (piece, end) = match line_end {
                Some(at) => (at + 1, End::Whole),
                None if room < text.len() => (self.room_for_whole_escapes(text, room), End::Cut),
                None => (room, End::Open),
            };
            self.add_piece(&text[..piece], end);
            text = &text[piece..];
        }
    }

    /// Where a line is cut that has to be cut at `room`: a sequence of the terminal stays whole, if that leaves something.
    fn room_for_whole_escapes(&self, text: &str, room: usize) -> usize {
        let piece = format!("{}{}", self.open, &text[..room]);
        let open = open_escape(&piece);
        match room.checked_sub(open) {
            Some(less) if less > 0 => less,
            _ => room,
        }
    }

    /// Adds to the open line, or begins one.
    fn add_piece(&mut self, piece: &str, end: End) {
        let offset = self.end - self.open.len() as u64;
        let number = match self.lines.last() {
            Some(last) if last.end == End::Whole => last.number.map(|number| number + 1),
            Some(last) => last.number,
            None => (self.start == 0).then_some(1),
        };
        if self.lines.last().is_some_and(|last| last.end == End::Open) {
            self.lines.pop();
        }
        self.open.push_str(piece);
        self.end += piece.len() as u64;
        let (text, spans) = read(&self.open);
        self.lines.push(Line { offset, number, text, spans, end });
        if end != End::Open {
            self.open.clear();
        }
    }

    fn drop_oldest(&mut self) {
        let too_many = self.lines.len().saturating_sub(MAX_LINES);
        let earliest = self.end.saturating_sub(MAX_BYTES);
        let too_old = self.lines.iter().take_while(|line| line.offset < earliest).count();
        self.lines.drain(..too_many.max(too_old));
        self.start = self.lines.first().map_or(self.end, |line| line.offset);
    }

    fn drop_newest(&mut self) {
        let latest = self.start + MAX_BYTES;
        let kept = self.lines.iter().take(MAX_LINES).take_while(|line| line.offset < latest);
        self.keep_first(kept.count());
    }

    fn keep_first(&mut self, lines: usize) {
        if let Some(first) = self.lines.get(lines) {
            self.end = first.offset;
            self.open.clear();
            self.lines.truncate(lines);
        }
    }

    /// Where the pages before and after this one begin, in a file of that size, for readers without scripts.
    pub(super) fn neighbours(&self, window: u64, size: u64) -> (Option<u64>, Option<u64>) {
        let before = (self.start > 0).then(|| self.start.saturating_sub(window));
        let open = self.lines.iter().skip(1).next_back().filter(|line| line.end != End::Whole);
        // With the line end in front of it, so that the line is whole.
        let after = open.map_or(self.end, |line| line.offset).saturating_sub(1);
        (before, (self.end < size).then_some(after))
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

    fn part(offset: u64, data: &str) -> FilePart {
        FilePart { offset, data: data.to_owned(), size: 0 }
    }

    fn texts(log: &Log) -> Vec<&str> {
        log.lines.iter().map(|line| line.text.as_str()).collect()
    }

    fn numbers(log: &Log) -> Vec<u64> {
        log.lines.iter().map(|line| line.number.unwrap_or(0)).collect()
    }

    #[test]
    fn a_file_from_its_beginning_has_numbered_lines() {
        let log = Log::of(&part(0, "one\ntwo\nthr"));
        assert_eq!(texts(&log), ["one", "two", "thr"]);
        assert_eq!(numbers(&log), [1, 2, 3]);
        assert_eq!(log.end, 11);
    }

    #[test]
    fn a_part_from_the_middle_begins_with_a_whole_line() {
        let log = Log::of(&part(100, "half\nwhole\n"));
        assert_eq!((texts(&log), log.start, log.lines[0].number), (vec!["whole"], 105, None));
    }

    #[test]
    fn a_part_that_begins_inside_a_character_counts_its_bytes() {
        let text = "字的一半\n日志\n";
        for cut in 1..6 {
            let bytes = &text.as_bytes()[cut..];
            let log = Log::of(&FilePart::of(cut as u64, bytes, text.len() as u64));
            assert_eq!((texts(&log), log.end), (vec!["日志"], text.len() as u64), "cut at {cut}");
        }
        let long = "字".repeat(20);
        let log = Log::of(&FilePart::of(1, &long.as_bytes()[1..], 60));
        assert_eq!((texts(&log), log.start, log.end), (vec!["字".repeat(19).as_str()], 3, 60));
    }

    #[test]
    fn an_open_line_grows() {
        let mut log = Log::of(&part(0, "a\nhal"));
        log.append(&part(5, "f\nnext"));
        assert_eq!(texts(&log), ["a", "half", "next"]);
        assert_eq!((log.lines[1].offset, log.lines[1].number), (2, Some(2)));
        assert_eq!((log.lines[2].offset, log.lines[2].number), (7, Some(3)));
    }

    #[test]
    fn offsets_are_bytes_in_chinese_too() {
        let mut log = Log::of(&part(0, "中文\n"));
        assert_eq!(log.end, 7);
        log.append(&part(7, "日志\n"));
        log.append(&part(3, "not the next part\n"));
        assert_eq!(texts(&log), ["中文", "日志"]);
    }

    #[test]
    fn old_lines_are_dropped_but_keep_their_numbers() {
        let mut log = Log::of(&part(0, ""));
        log.append(&part(0, &"x\n".repeat(MAX_LINES + 10)));
        assert_eq!((log.lines.len(), log.lines[0].number, log.start), (MAX_LINES, Some(11), 20));
    }

    #[test]
    fn a_file_of_one_endless_line_stays_small() {
        let mut log = Log::of(&part(0, ""));
        let piece = "字".repeat(10_000);
        for _ in 0..100 {
            log.append(&part(log.end, &piece));
        }
        assert_eq!((log.end, log.end - log.start <= MAX_BYTES), (3_000_000, true));
        assert!(log.lines.iter().all(|line| line.text.len() <= MAX_LINE));
        assert!(log.open.len() <= MAX_LINE, "{}", log.open.len());
        // It is one line still.
        assert_eq!(log.lines.last().unwrap().number, Some(1));
        log.append(&part(log.end, "end\nnext"));
        assert!(log.lines[log.lines.len() - 2].text.ends_with("字end"));
        assert_eq!(log.lines.last().unwrap().number, Some(2));
    }

    #[test]
    fn a_sequence_that_comes_in_two_parts_is_whole() {
        let raw = "a\u{1b}[1;48;5;196m日志\u{1b}[0mb\n";
        let whole = Log::of(&part(0, raw));
        assert_eq!(texts(&whole), ["a日志b"]);
        for (cut, _) in raw.char_indices().skip(1) {
            let mut log = Log::of(&part(0, &raw[..cut]));
            assert!(!texts(&log)[0].contains(['[', ';']), "{:?}", texts(&log));
            log.append(&part(cut as u64, &raw[cut..]));
            assert_eq!(log.lines, whole.lines, "cut at {cut}");
        }
    }

    #[test]
    fn a_long_line_is_not_cut_inside_of_a_sequence() {
        let sequence = "\u{1b}[48;2;250;20;60m";
        for before in MAX_LINE - 20..=MAX_LINE {
            let raw = format!("{}{sequence}{}\n", "x".repeat(before), "y".repeat(40));
            let log = Log::of(&part(0, &raw));
            let text = texts(&log).concat();
            assert!(!text.contains(['[', ';']), "{before}: {}", &text[before..]);
            assert_eq!((text.len(), log.end), (before + 40, raw.len() as u64));
        }
    }

    #[test]
    fn older_lines_come_in_front() {
        let text = "one\ntwo\nthree\nfour\nfive\n";
        let from = |at: u64| FilePart::of(at, &text.as_bytes()[usize::try_from(at).unwrap()..], 24);
        let mut log = Log::of(&from(9));
        assert_eq!(texts(&log), ["four", "five"]);
        log.prepend(&part(100, "elsewhere\n"));
        log.prepend(&part(0, "too short"));
        assert_eq!(texts(&log), ["four", "five"]);
        log.prepend(&FilePart::of(2, &text.as_bytes()[2..14], 24));
        assert_eq!((texts(&log), log.start), (vec!["two", "three", "four", "five"], 4));
        log.prepend(&FilePart::of(0, &text.as_bytes()[..4], 24));
        assert_eq!((texts(&log)[0], log.start), ("one", 0));
        assert_eq!(numbers(&log), [1, 2, 3, 4, 5]);
        log.append(&part(24, "six"));
        assert_eq!(numbers(&log)[5], 6);
    }

    #[test]
    fn reading_back_drops_the_newest_lines() {
        let lines = "0123456789abcde\n".repeat(65_536);
        let mut log = Log { start: 1 << 20, end: 1 << 20, ..Log::default() };
        log.append(&part(1 << 20, &lines[..1_024]));
        while log.start > 0 {
            let first = log.start.saturating_sub(32_768);
            let bytes = usize::try_from(log.start - first).unwrap();
            log.prepend(&part(first, &lines[..bytes]));
        }
        assert_eq!((log.lines[0].number, log.lines.len()), (Some(1), MAX_LINES));
        assert_eq!(log.end, log.lines.last().unwrap().offset + 16);
        let end = log.end;
        log.append(&part(end, "goes on\n"));
        assert_eq!(log.lines.last().unwrap().text, "goes on");
    }

    #[test]
    fn the_lines_around_a_byte_have_it() {
        let log = Log::around(&part(100, "half\nwhole\nlast"), 107);
        assert_eq!((texts(&log), log.line_at(107).unwrap().offset), (vec!["whole", "last"], 105));
        assert_eq!(log.line_at(111).unwrap().text, "last");
        assert_eq!((log.line_at(104), log.line_at(115)), (None, None));
        assert_eq!(log.settled_end(), 111);
        // A line that began long before.
        let log = Log::around(&part(100, "so long\nwhole\n"), 103);
        assert_eq!(
            (texts(&log), log.line_at(103).unwrap().offset),
            (vec!["so long", "whole"], 100)
        );
        let long = "字".repeat(20);
        let log = Log::around(&FilePart::of(1, &long.as_bytes()[1..], 60), 30);
        assert_eq!((log.start, log.line_at(30).unwrap().offset), (3, 3));
        assert_eq!(Log::around(&part(0, "x"), 9).line_at(9), None);
    }

    #[test]
    fn of_many_short_lines_those_around_a_byte_stay() {
        let text = "12345\n".repeat(5_461);
        for wanted in [7, 16_384, 32_760] {
            let log = Log::around(&FilePart::of(0, text.as_bytes(), 1 << 20), wanted);
            let line = log.line_at(wanted).unwrap();
            assert!((line.offset..line.offset + 6).contains(&wanted), "{wanted}: {line:?}");
            assert!(log.lines.len() <= MAX_LINES, "{} lines", log.lines.len());
        }
    }

    #[test]
    fn pages_overlap_by_the_line_that_was_cut() {
        let log = Log::of(&part(0, "one\ntwo\nthr"));
        assert_eq!(log.neighbours(4, 100), (None, Some(7)));
        assert_eq!(Log::of(&part(7, "\nthree\n")).lines[0].text, "three");
        let log = Log::of(&part(50, "x\nwhole\n"));
        assert_eq!(log.neighbours(32, 58), (Some(20), None));
        assert_eq!(log.neighbours(32, 60), (Some(20), Some(57)));
    }

    #[test]
    fn bytes_that_are_no_text_are_noticed() {
        assert!(!Log::of(&part(0, "日志\n")).is_binary);
        assert!(Log::of(&part(0, "\u{0}")).is_binary);
        assert!(Log::of(&FilePart::of(0, b"\x89PNG", 4)).is_binary);
    }

    #[test]
    fn errors_and_warnings_are_found_by_their_words() {
        assert_eq!(level_of("2026/11/22 [error] 7#7: open() failed"), Level::Error);
        assert_eq!(level_of("22-Nov-2026 WARNING [main] x"), Level::Warning);
        assert_eq!(level_of("GET /errors/warn HTTP/1.1"), Level::Plain);
    }
}
