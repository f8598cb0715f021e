//! Tells a terminal's escape sequences from text, byte by byte: what is shown of a log and what a search finds in it are the same.
//!
//! What breaks a sequence off stands for itself, so that a malformed one never hides the text behind it.

/// The most bytes that a sequence has; what is longer is text.
pub const MAX_ESCAPE: u16 = 4_096;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

/// What a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Text, or a control character that belongs to no sequence.
    Text,
    /// A part of a sequence.
    Escape,
    /// The last byte of a control sequence, such as the `m` of `ESC [ 31 m`.
    Final,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After an escape character.
    Begun,
    /// After that and an intermediate byte, `ESC (`.
    Intermediate,
    /// In a control sequence, `ESC [`.
    Control,
    /// In a string that a reader does not see, such as a window's title.
    String,
}

/// Where in a sequence one is; outside of one at first.
///
/// Source: ECMA-48, 5.3 (escape sequences), 5.4 (control sequences), 5.6 (control strings); strings end with BEL too, as in xterm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Escapes {
    state: State,
    length: u16,
}

impl Escapes {
    /// Whether the next byte may belong to a sequence that has begun.
    pub fn is_within(self) -> bool {
        self.state != State::Text
    }

    /// Takes the next byte.
    pub fn step(&mut self, byte: u8) -> Role {
        if byte == ESCAPE {
            *self = Self { state: State::Begun, length: 1 };
            return Role::Escape;
        }
        if self.state == State::Text {
            return Role::Text;
        }
        self.length += 1;
        let (state, role) = if self.length > MAX_ESCAPE {
            (State::Text, Role::Text)
        } else {
            Self::next(self.state, byte)
        };
        self.state = state;
        role
    }

    fn next(state: State, byte: u8) -> (State, Role) {
        match (state, byte) {
            (State::Begun, b'[') => (State::Control, Role::Escape),
            (State::Begun, b']' | b'P' | b'X' | b'^' | b'_') => (State::String, Role::Escape),
            (State::Begun | State::Intermediate, 0x20..=0x2f) => {
                (State::Intermediate, Role::Escape)
            }
            (State::Begun | State::Intermediate, 0x30..=0x7e) => (State::Text, Role::Escape),
            (State::Control, 0x20..=0x3f) => (State::Control, Role::Escape),
            (State::Control, 0x40..=0x7e) => (State::Text, Role::Final),
            (State::String, BELL) => (State::Text, Role::Escape),
            // U+001A stands for a byte that is no text, see `SUBSTITUTE`.
            (State::String, 0x1a | 0x20..=0x7e | 0x80..) => (State::String, Role::Escape),
            _ => (State::Text, Role::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that is left.
    fn text(raw: &[u8]) -> String {
        let mut escapes = Escapes::default();
        let left = raw.iter().filter(|byte| escapes.step(**byte) == Role::Text);
        String::from_utf8(left.copied().collect()).unwrap()
    }

    #[test]
    fn sequences_of_every_kind_are_left_out() {
        for (raw, left) in [
            ("\u{1b}[1;31mred\u{1b}[m.", "red."),
            ("\u{1b}[?25lhidden cursor\u{1b}[2 q", "hidden cursor"),
            ("\u{1b}(Bbold off\u{1b}=", "bold off"),
            ("\u{1b}]0;the title\u{7}text", "text"),
            ("\u{1b}]8;;http://a\\b\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}P1$r0m\u{1b}\\answer", "answer"),
        ] {
            assert_eq!(text(raw.as_bytes()), left, "{raw:?}");
        }
    }

    #[test]
    fn what_breaks_a_sequence_off_is_text() {
        for (raw, left) in [
            ("\u{1b}[31日志", "日志"),
            ("\u{1b}日志", "日志"),
            ("\u{1b}[3\nnext", "\nnext"),
            ("\u{1b}]0;no end\nnext", "\nnext"),
            ("\u{1b}[3\u{1b}[1mtwice", "twice"),
            ("end\u{1b}", "end"),
            ("end\u{1b}[38;5", "end"),
        ] {
            assert_eq!(text(raw.as_bytes()), left, "{raw:?}");
        }
    }

    #[test]
    fn an_endless_sequence_hides_no_more_than_its_share() {
        let raw = format!("\u{1b}]{}", "x".repeat(10_000));
        assert_eq!(text(raw.as_bytes()).len(), 10_002 - usize::from(MAX_ESCAPE));
    }
}
