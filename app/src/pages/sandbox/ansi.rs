//! Text with terminal escapes as a reader sees it: the colours stay, the sequences go.
//!
//! Every line begins plain; a colour that a program leaves on reaches to the end of its line. What belongs to a sequence is what a
//! search passes over, too: `wire::console::escapes` says it for both.

#[cfg(test)]
mod contrast_tests;
mod style;

use std::ops::Range;

use wire::console::SUBSTITUTE;
use wire::console::escapes::{Escapes, Role};

pub(super) use self::style::Style;

const ESCAPE: char = '\u{1b}';

/// A part of a line that has a style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Its bytes.
    pub(super) range: Range<usize>,
    /// Its look.
    pub(super) style: Style,
}

/// A line as it is shown, without its end, escape sequences and other control characters; and its styled parts in order.
pub(super) fn read(raw: &str) -> (String, Vec<Span>) {
    let mut text = String::with_capacity(raw.len());
    let mut spans: Vec<Span> = Vec::new();
    let (mut style, mut begin) = (Style::default(), 0);
    let mut escapes = Escapes::default();
    // The sequence so far, without the escape character and what says its kind.
    let mut parameters = String::new();
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match role(&mut escapes, c) {
            Role::Escape if c == ESCAPE => parameters.clear(),
            Role::Escape => parameters.push(c),
            Role::Final => {
                if let (Some(parameters), 'm') = (parameters.strip_prefix('['), c) {
                    close(&mut spans, begin..text.len(), style);
                    begin = text.len();
                    style.apply(parameters);
                }
            }
            Role::Text
                if c == '\r' && chars.as_str().contains(|c: char| c != '\r' && c != '\n') =>
            {
                // What follows is written over it, as progress bars do.
                (begin, style) = (0, Style::default());
                text.clear();
                spans.clear();
            }
            Role::Text if c == SUBSTITUTE => text.push(char::REPLACEMENT_CHARACTER),
            Role::Text if c == '\t' || !c.is_control() => text.push(c),
            Role::Text => {}
        }
    }
    close(&mut spans, begin..text.len(), style);
    (text, spans)
}

/// What a character is: a byte is never in another place of a sequence than the first one of its character.
fn role(escapes: &mut Escapes, c: char) -> Role {
    let mut bytes = [0; 4];
    let mut roles = c.encode_utf8(&mut bytes).bytes().map(|byte| escapes.step(byte));
    let role = roles.next().unwrap_or(Role::Text);
    roles.for_each(drop);
    role
}

/// How many bytes at the end of `text` begin a sequence that may go on; a line is not cut in there.
pub(super) fn open_escape(text: &str) -> usize {
    let Some(begin) = text.rfind(ESCAPE) else { return 0 };
    let mut escapes = Escapes::default();
    for byte in text[begin..].bytes() {
        escapes.step(byte);
    }
    if escapes.is_within() { text.len() - begin } else { 0 }
}

fn close(spans: &mut Vec<Span>, range: Range<usize>, style: Style) {
    if !range.is_empty() && style != Style::default() {
        spans.push(Span { range, style });
    }
}

/// Where `needle` stands in `text`, without overlaps. Letters of ASCII match in either case, as `wire::console::search` has it.
pub(super) fn hits(text: &str, needle: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if needle.is_empty() {
        return found;
    }
    let mut next = 0;
    for (at, _) in text.char_indices() {
        let end = at + needle.len();
        let here = text.as_bytes().get(at..end);
        if at >= next && here.is_some_and(|here| here.eq_ignore_ascii_case(needle.as_bytes())) {
            found.push(at..end);
            next = end;
        }
    }
    found
}

/// A part of a line with one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its text.
    pub(super) text: String,
    /// Its classes; "" for plain text.
    pub(super) class: String,
    /// Whether it is what the reader searches for.
    pub(super) is_hit: bool,
}

/// A line cut where its style changes and where what is searched for begins and ends.
pub(super) fn pieces(text: &str, spans: &[Span], needle: &str) -> Vec<Piece> {
    let hits = hits(text, needle);
    let edges = spans.iter().map(|span| &span.range).chain(&hits);
    let mut cuts: Vec<usize> = edges.flat_map(|range| [range.start, range.end]).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    let pieces = cuts.windows(2).filter_map(|cut| {
        let (start, end) = (cut[0], cut[1]);
        let span = spans.iter().find(|span| span.range.contains(&start));
        Some(Piece {
            text: text.get(start..end)?.to_owned(),
            class: span.map(|span| span.style.class()).unwrap_or_default(),
            is_hit: hits.iter().any(|hit| hit.contains(&start)),
        })
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> Vec<(String, String)> {
        let (text, spans) = read(raw);
        let pieces = pieces(&text, &spans, "");
        pieces.into_iter().map(|piece| (piece.text, piece.class)).collect()
    }

    fn pair(text: &str, class: &str) -> (String, String) {
        (text.to_owned(), class.to_owned())
    }

    #[test]
    fn escape_sequences_are_not_shown() {
        assert_eq!(read("\u{1b}[31mred\u{1b}[0m\u{7} end\r\n").0, "red end");
        assert_eq!(read("\u{1b}]0;title\u{7}text").0, "text");
        assert_eq!(read("cut \u{1b}[3").0, "cut ");
        assert_eq!(read("a\u{1a}\u{0}b").0, "a\u{fffd}b");
    }

    #[test]
    fn what_is_written_over_is_not_shown() {
        assert_eq!(read(" 10 %\r 20 %\r\n").0, " 20 %");
        assert_eq!(shown("\u{1b}[31mold\rnew \u{1b}[32mok"), [pair("new ", ""), pair("ok", "c2")]);
        assert_eq!(read("text\r\n").0, "text");
    }

    #[test]
    fn colours_and_weights_stay() {
        assert_eq!(
            shown("a \u{1b}[1;31mred\u{1b}[22m thin\u{1b}[m plain"),
            [pair("a ", ""), pair("red", "ab c1"), pair(" thin", "c1"), pair(" plain", "")]
        );
        assert_eq!(shown("\u{1b}[92mok\u{1b}[39m."), [pair("ok", "c2"), pair(".", "")]);
        assert_eq!(shown("\u{1b}[38;5;3mw\u{1b}[38;2;1;2;3mx"), [pair("w", "c3"), pair("x", "")]);
    }

    #[test]
    fn grounds_and_inverse_stay() {
        assert_eq!(
            shown("\u{1b}[41m on red \u{1b}[7m turned \u{1b}[27;49m plain \u{1b}[48;2;0;0;250;9mb"),
            [
                pair(" on red ", "g1"),
                pair(" turned ", "av g1"),
                pair(" plain ", ""),
                pair("b", "as g4")
            ]
        );
    }

    #[test]
    fn what_is_malformed_hides_nothing_and_colours_nothing() {
        for (raw, text) in [
            ("\u{1b}[31日志\u{1b}[", "日志"),
            ("\u{1b}[>4;1mx\u{1b}[?1my", "xy"),
            ("\u{1b}[31;mx", "x"),
            ("\u{1b}[38;5mx\u{1b}[48;2;1my", "xy"),
            ("\u{1b}(B\u{1b}[mx", "x"),
            ("\u{1b}]8;;http://a\\b\u{1b}\\x\u{1b}]8;;\u{1b}\\y", "xy"),
            ("a\u{1b}\u{1b}[1", "a"),
        ] {
            assert_eq!(read(raw), (text.to_owned(), Vec::new()), "{raw:?}");
        }
    }

    #[test]
    fn a_sequence_that_has_no_end_yet_is_known() {
        for (text, open) in [
            ("", 0),
            ("text", 0),
            ("text\u{1b}", 1),
            ("text\u{1b}[48;5;1", 8),
            ("text\u{1b}[48;5;1m", 0),
            ("\u{1b}[1mtext\u{1b}]0;日", 7),
            ("\u{1b}[1日", 0),
        ] {
            assert_eq!(open_escape(text), open, "{text:?}");
        }
    }

    #[test]
    fn a_search_finds_either_case_and_chinese() {
        assert_eq!(hits("Error error", "ERROR"), [0..5, 6..11]);
        assert_eq!(hits("aaa aa", "aa"), [0..2, 4..6]);
        assert_eq!(hits("日志：错误，错误", "错误"), [9..15, 18..24]);
        assert!(hits("日", "\u{65}").is_empty());
        assert!(hits("text", "").is_empty());
    }

    #[test]
    fn a_hit_across_two_styles_is_marked_in_both() {
        let (text, spans) = read("ab\u{1b}[31mcd");
        let pieces = pieces(&text, &spans, "bc");
        let seen: Vec<_> =
            pieces.iter().map(|p| (p.text.as_str(), p.class.as_str(), p.is_hit)).collect();
        assert_eq!(
            seen,
            [("a", "", false), ("b", "", true), ("c", "c1", true), ("d", "c1", false)]
        );
    }
}
