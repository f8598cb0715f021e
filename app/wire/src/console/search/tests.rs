//! Against a search that holds the whole file and tries every place.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// What a reader sees of each line, and where it stands.
fn lines(file: &[u8]) -> Vec<Vec<(u8, u64)>> {
    let mut escapes = Escapes::default();
    let (mut lines, mut at) = (vec![Vec::new()], 0);
    while at < file.len() {
        match shown(&mut escapes, file[at], file.get(at + 1)) {
            Shown::Text(byte) => lines.last_mut().unwrap().push((byte, at as u64)),
            Shown::Nothing => {}
            Shown::Pair => at += 1,
            Shown::Break => lines.push(Vec::new()),
        }
        at += 1;
    }
    lines
}

/// Where all matches begin.
fn all(file: &[u8], needle: &str) -> Vec<u64> {
    let needle = needle.to_ascii_lowercase();
    let is_match = |seen: &[(u8, u64)]| seen.iter().map(|(byte, _)| *byte).eq(needle.bytes());
    let lines = lines(file);
    let places = lines.iter().flat_map(|line| line.windows(needle.len()));
    places.filter(|seen| is_match(seen)).map(|seen| seen[0].1).collect()
}

/// Searches in pieces of `piece` bytes, so many at a request, and goes on until the end.
fn search(
    file: &[u8],
    text: &str,
    offset: u64,
    is_back: bool,
    piece: u64,
    pieces: u64,
) -> Vec<Found> {
    let needle = Needle::of(text).unwrap();
    let mut search = Search { needle, offset, is_back };
    let mut read = |at: u64, buffer: &mut [u8]| {
        let rest = &file[usize::try_from(at).unwrap().min(file.len())..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok::<_, Infallible>(length)
    };
    let mut answers = Vec::new();
    loop {
        let Ok(found) = search
            .in_pieces(piece, file.len() as u64, &mut read, |searched| searched < piece * pieces);
        answers.push(found);
        let Some(next) = found.next else { return answers };
        assert!(if is_back { next < search.offset } else { next > search.offset }, "{next}");
        search.offset = next;
    }
}

fn first(file: &[u8], text: &str, offset: u64, is_back: bool) -> Option<u64> {
    search(file, text, offset, is_back, 7, 2).last().unwrap().found
}

#[test]
fn ascii_matches_in_either_case_and_chinese_as_it_is() {
    let log = "Error: 日志出错了\nÄRGER\n日志\n".as_bytes();
    assert_eq!(first(log, "error", 0, false), Some(0));
    assert_eq!(first(log, "ERROR: 日", 0, false), Some(0));
    assert_eq!(first(log, "出错", 0, false), Some(13));
    assert_eq!(first(log, "日志", 8, false), Some(30));
    assert_eq!(first(log, "日志", 30, true), Some(7));
    // Letters outside of ASCII have one case only.
    assert_eq!(first(log, "ärger", 0, false), None);
    assert_eq!(first(log, "Ärger", 0, false), Some(23));
}

#[test]
fn what_no_reader_sees_is_passed_over_and_lines_end() {
    let log = b"\x1b[31mne\x1b[0med\x00le\x1b]0;needle\x07 here\nneed\nle\r\n progress\rneedle";
    assert_eq!(all(log, "needle"), [5, 52]);
    assert_eq!(first(log, "needle", 0, false), Some(5));
    assert_eq!(first(log, "needle", 6, false), Some(52));
    assert_eq!(first(log, "31m", 0, false), None);
    assert_eq!(first("a\u{85}b".as_bytes(), "ab", 0, false), Some(0));
    assert_eq!(first(b"a\x1ab", "ab", 0, false), None);
    assert_eq!(first(b"a\xffb", "ab", 0, false), None);
}

#[test]
fn a_text_that_no_line_shows_is_refused() {
    assert_eq!(Needle::of(""), Err(BadText::Empty));
    assert_eq!(Needle::of("a\nb"), Err(BadText::Control));
    assert_eq!(Needle::of(&"字".repeat(171)), Err(BadText::Long));
    assert!(Needle::of("a\tb 字").is_ok());
}

#[test]
fn a_match_is_found_across_every_border() {
    let word = "中文 needle";
    for before in 0..20 {
        let file = format!("{}{word}{}", "n".repeat(before), ".".repeat(9));
        for piece in 1..30 {
            for is_back in [false, true] {
                let from = if is_back { file.len() as u64 } else { 0 };
                let answers = search(file.as_bytes(), word, from, is_back, piece, 1);
                assert_eq!(answers.last().unwrap().found, Some(before as u64), "{file} {piece}");
            }
        }
    }
}

#[test]
fn each_answer_says_where_to_go_on() {
    let file = ".".repeat(100);
    let forward = search(file.as_bytes(), "x", 30, false, 10, 3);
    let next: Vec<_> = forward.iter().map(|found| found.next).collect();
    assert_eq!(next, [Some(60), Some(90), None]);
    let back = search(file.as_bytes(), "x", 70, true, 10, 3);
    let next: Vec<_> = back.iter().map(|found| found.next).collect();
    assert_eq!(next, [Some(40), Some(10), None]);
    assert_eq!(search(file.as_bytes(), "x", 500, false, 10, 3).len(), 1);
    assert_eq!(search(b"", "x", 0, true, 10, 3).len(), 1);
}

#[test]
fn a_file_that_is_cut_off_meanwhile_ends_where_it_ends() {
    let search = Search { needle: Needle::of("x").unwrap(), offset: 0, is_back: false };
    let read = |at: u64, buffer: &mut [u8]| {
        let length = usize::try_from(25_u64.saturating_sub(at)).unwrap().min(buffer.len());
        buffer[..length].fill(b'.');
        Ok::<_, Infallible>(length)
    };
    let mut reader = read;
    let Ok(found) = search.in_pieces(10, 1 << 40, &mut reader, |_| true);
    assert_eq!(found, Found { found: None, next: None, size: 25 });
    let back = Search { offset: 1_000, is_back: true, ..search };
    let Ok(found) = back.in_pieces(10, 1_000, &mut reader, |_| true);
    assert_eq!((found.found, found.next), (None, None));
}

/// Few letters, so that much of it nearly matches; line ends, sequences whole and broken, Chinese, and bytes that are no text.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "A", "B", "日", "志", "a日"]).prop_map(|text| text.as_bytes().to_vec()),
        2 => prop::sample::select(vec!["\n", "\r\n", "\r", " "]).prop_map(|text| text.as_bytes().to_vec()),
        2 => prop::sample::select(vec!["\u{1b}[31m", "\u{1b}[", "\u{1b}", "\u{1b}]0;ab\u{7}", "\u{1b}]ab", "\u{1b}(a", "\u{85}"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::sample::select(vec![0, 0x1a, 0xff, 0xe6, 0xc2, 0x97]).prop_map(|byte: u8| vec![byte]),
    ];
    prop::collection::vec(part, 0..120).prop_map(|parts| parts.concat())
}

fn text() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "B", "日", "志"]);
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn every_match_is_found_and_nothing_else(
        file in file(), text in text(), from in 0_usize..400, piece in 1_u64..40, pieces in 1_u64..4,
    ) {
        let from = from as u64;
        let all = all(&file, &text);
        let next = all.iter().copied().find(|start| *start >= from);
        let before = all.iter().copied().rfind(|start| *start < from);
        let forward = search(&file, &text, from, false, piece, pieces);
        prop_assert_eq!(forward.last().unwrap().found, next);
        let back = search(&file, &text, from, true, piece, pieces);
        prop_assert_eq!(back.last().unwrap().found, before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Windows begin and end inside of lines, sequences and matches.
    #[test]
    fn a_file_larger_than_a_window_has_the_same_matches(
        part in file(), text in text(), from in 0_usize..150_000, piece in 5_000_u64..20_000,
    ) {
        prop_assume!(!part.is_empty());
        let filler = "\u{1b}[1m.\u{1b}[0m日 ".repeat(700);
        let mut file = Vec::new();
        while file.len() < 120_000 {
            file.extend_from_slice(&part);
            file.extend_from_slice(filler.as_bytes());
        }
        let from = from as u64;
        let all = all(&file, &text);
        let next = all.iter().copied().find(|start| *start >= from);
        let before = all.iter().copied().rfind(|start| *start < from);
        let forward = search(&file, &text, from, false, piece, 2);
        prop_assert_eq!(forward.last().unwrap().found, next);
        let back = search(&file, &text, from, true, piece, 2);
        prop_assert_eq!(back.last().unwrap().found, before);
    }
}
