//! Text with terminal escapes as a reader sees it: the colours stay, the sequences go.
//!
//! Every line begins plain; a colour that a program leaves on reaches to the end of its line.

use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;

use wire::console::SUBSTITUTE;

/// How a part of a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    /// 0 to 7 as a terminal counts them, 8 for grey.
    colour: Option<u8>,
}

impl Style {
    /// The classes of the style; "" for plain text.
    pub(super) fn class(self) -> String {
        let flags =
            [(self.bold, "ab"), (self.dim, "ad"), (self.italic, "ai"), (self.underline, "au")];
        let flags =
            flags.into_iter().filter(|(is_on, _)| *is_on).map(|(_, class)| class.to_owned());
        let colour = self.colour.map(|colour| format!("c{colour}"));
        flags.chain(colour).collect::<Vec<_>>().join(" ")
    }

    /// Applies the numbers of one "select graphic rendition" (ECMA-48, 8.3.117).
    fn apply(&mut self, numbers: &str) {
        let mut numbers = numbers.split([';', ':']).map(|text| text.parse::<u8>().unwrap_or(0));
        while let Some(number) = numbers.next() {
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                30..=37 => self.colour = Some(number - 30),
                90 => self.colour = Some(8),
                91..=97 => self.colour = Some(number - 90),
                39 => self.colour = None,
                // A colour of 256, or one of red, green and blue.
                38 | 48 => {
                    let is_one = numbers.next() == Some(5);
                    let values: Vec<u8> =
                        numbers.by_ref().take(if is_one { 1 } else { 3 }).collect();
                    if number == 38 {
                        self.colour = match values[..] {
                            [colour] if is_one => of_256(colour),
                            [red, green, blue] => nearest(red, green, blue),
                            _ => None,
                        };
                    }
                }
                _ => {}
            }
        }
    }
}

/// The colour of ours for one of a terminal's 256: sixteen with names, a cube of six levels a side, and greys.
fn of_256(colour: u8) -> Option<u8> {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match colour {
        0..=7 => Some(colour),
        8 => Some(8),
        9..=15 => Some(colour - 8),
        16..=231 => {
            let place = colour - 16;
            nearest(level(place / 36), level(place / 6 % 6), level(place % 6))
        }
        232..=255 => Some(8),
    }
}

/// The colour of ours that has the same strong parts; none for white, which is the text's own ink, and for black.
fn nearest(red: u8, green: u8, blue: u8) -> Option<u8> {
    let most = red.max(green).max(blue);
    if most < 64 {
        return None;
    }
    let strong = |part: u8| u8::from(part > most / 2);
    Some(strong(red) | strong(green) << 1 | strong(blue) << 2).filter(|colour| *colour < 7)
}

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
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if let Some(numbers) = escape(&mut chars) {
                close(&mut spans, begin..text.len(), style);
                begin = text.len();
                style.apply(&numbers);
            }
        } else if c == '\r' && chars.clone().any(|c| c != '\r' && c != '\n') {
            // What follows is written over it, as progress bars do.
            (begin, style) = (0, Style::default());
            text.clear();
            spans.clear();
        } else if c == SUBSTITUTE {
            text.push(char::REPLACEMENT_CHARACTER);
        } else if c == '\t' || !c.is_control() {
            text.push(c);
        }
    }
    close(&mut spans, begin..text.len(), style);
    (text, spans)
}

fn close(spans: &mut Vec<Span>, range: Range<usize>, style: Style) {
    if !range.is_empty() && style != Style::default() {
        spans.push(Span { range, style });
    }
}

/// Passes over what follows an escape character: `[` up to a letter, `]` up to BEL, or one character. Returns the numbers of
/// one that sets the style.
fn escape(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    match chars.next() {
        Some('[') => {
            let mut numbers = String::new();
            let end = loop {
                match chars.next() {
                    Some(c) if ('@'..='~').contains(&c) => break c,
                    Some(c) => numbers.push(c),
                    None => return None,
                }
            };
            (end == 'm').then_some(numbers)
        }
        Some(']') => {
            chars.find(|c| *c == '\u{7}' || *c == '\\');
            None
        }
        _ => None,
    }
}

/// Where `needle` stands in `text`, without overlaps. Letters of ASCII match in either case.
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
    fn every_colour_has_a_near_one() {
        let named = [1, 9, 8, 15, 196, 46, 21, 208, 226, 231, 240].map(of_256);
        let wanted = [1, 1, 8, 7, 1, 2, 4, 3, 3].map(Some).into_iter().chain([None, Some(8)]);
        assert!(named.into_iter().eq(wanted), "{named:?}");
        assert_eq!(nearest(250, 20, 60), Some(1));
        assert_eq!(nearest(20, 250, 240), Some(6));
        assert_eq!(shown("\u{1b}[38;2;250;20;60mred"), [pair("red", "c1")]);
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
