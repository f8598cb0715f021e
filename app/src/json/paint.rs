//! Light highlighting, one line at a time: strings never reach over a line's end in JSON.

/// A part of a line and its class; "" has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// `k` key, `s` string, `n` number, `b` literal.
    pub class: &'static str,
    /// The text.
    pub text: String,
}

/// Cuts a line into pieces; joined they are the line again, whatever it holds.
pub fn paint(line: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (class, length) = match first {
            '"' => {
                let length = string_length(rest);
                let is_key = rest[length..].trim_start().starts_with(':');
                (if is_key { "k" } else { "s" }, length)
            }
            '-' | '0'..='9' => ("n", run(rest, |c| c.is_ascii_alphanumeric() || "+-.".contains(c))),
            'a'..='z' => ("b", run(rest, |c| c.is_ascii_alphanumeric())),
            _ => (
                "",
                run(rest, |c| {
                    !(c == '"' || c == '-' || c.is_ascii_digit() || c.is_ascii_lowercase())
                }),
            ),
        };
        let (text, after) = rest.split_at(length.max(first.len_utf8()));
        pieces.push(Piece { class, text: text.to_owned() });
        rest = after;
    }
    pieces
}

fn run(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(line: &str) -> Vec<(&'static str, String)> {
        paint(line).into_iter().map(|piece| (piece.class, piece.text)).collect()
    }

    #[test]
    fn keys_strings_numbers_and_literals_differ() {
        let pieces = classes("  \"cpus\" : -0.2e3, \"a\\\"b\": true, [\"x\"");
        let of = |class| {
            let texts = pieces.iter().filter(|(known, _)| *known == class);
            texts.map(|(_, text)| text.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of("k"), ["\"cpus\"", "\"a\\\"b\""]);
        assert_eq!(of("n"), ["-0.2e3"]);
        assert_eq!(of("b"), ["true"]);
        assert_eq!(of("s"), ["\"x\""]);
    }

    #[test]
    fn the_pieces_are_the_line() {
        for line in ["", "日本 \"x", "{\"\\", "-", "Abc \u{1F600} 1x\"", "\t}\\\\"] {
            let joined: String = paint(line).into_iter().map(|piece| piece.text).collect();
            assert_eq!(joined, line);
        }
    }
}
