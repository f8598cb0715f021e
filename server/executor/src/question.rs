//! What is asked of a running task: a command line beside it.

use std::io::{self, Read};

use crate::pairs::{Malformed, Pairs};

/// A question of more bytes makes no sense; variables and arguments of one program cannot have more either.
const MOST_BYTES: u32 = 2 << 20;

/// A command that is to run beside a task: as its user, in its sandbox, with its environment, in its cgroups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// The program, looked for along `PATH` when it has no slash, and its arguments.
    pub line: Vec<String>,
    /// Variables on top of the task's own.
    pub environment: Vec<(String, String)>,
}

impl Question {
    /// The bytes for a pipe that stays open behind them: they begin with how many follow.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut pairs = Pairs::default();
        for argument in &self.line {
            pairs.push("argument", argument);
        }
        for (name, value) in &self.environment {
            pairs.push("variable", format!("{name}={value}"));
        }
        let bytes = pairs.to_bytes();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        [length.to_le_bytes().as_slice(), &bytes].concat()
    }

    /// Reads what [`Question::to_bytes`] wrote, and nothing behind it.
    ///
    /// # Errors
    /// When the pipe ends early, or the bytes are something else.
    pub fn read(pipe: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        pipe.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > MOST_BYTES {
            return Err(io::Error::other(format!("a question of {length} bytes is too long")));
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        pipe.read_exact(&mut bytes)?;
        Self::from_pairs(&bytes).map_err(io::Error::other)
    }

    fn from_pairs(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut question = Self::default();
        for (name, value) in Pairs::from_bytes(bytes)?.iter() {
            match (name, value.split_once('=')) {
                ("argument", _) => question.line.push(value.to_owned()),
                ("variable", Some((name, value))) => {
                    question.environment.push((name.to_owned(), value.to_owned()));
                }
                _ => return Err(Malformed(format!("`{name}` is not known"))),
            }
        }
        Ok(question)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_was_written_and_no_further() {
        let question = Question {
            line: vec!["/bin/sh".to_owned(), "-c".to_owned(), "a\nb = c".to_owned()],
            environment: vec![("A".to_owned(), "b=c".to_owned())],
        };
        let mut bytes = question.to_bytes();
        bytes.extend(b"more");
        let mut rest = bytes.as_slice();
        assert_eq!(Question::read(&mut rest).unwrap(), question);
        assert_eq!(rest, b"more");
    }

    #[test]
    fn a_question_is_written_in_these_bytes() {
        let question = Question {
            line: vec!["sh".to_owned(), "-c".to_owned()],
            environment: vec![("A".to_owned(), "b=c".to_owned())],
        };
        let bytes = b"\x27\0\0\0argument\0sh\0argument\0-c\0variable\0A=b=c\0";
        assert_eq!(
            question.to_bytes().escape_ascii().to_string(),
            bytes.escape_ascii().to_string()
        );
    }

    #[test]
    fn a_question_that_is_torn_or_too_long_is_refused() {
        let whole = Question { line: vec!["x".to_owned()], ..Question::default() }.to_bytes();
        assert!(Question::read(&mut &whole[..whole.len() - 1]).is_err());
        assert!(Question::read(&mut u32::MAX.to_le_bytes().as_slice()).is_err());
    }
}
