//! Reads a JSON body into a wire type and reports every wrong type at once.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::{Refusal, Violations};

/// More wrong members than this are not listed.
const MAX_VIOLATIONS: usize = 64;

/// Reads a request's body.
///
/// Each wrong member is noted, taken out and the rest is read again, so that the answer lists them all.
/// A member given twice counts as given last, as in the original.
///
/// # Errors
/// When the body is empty, is no JSON, or has members of the wrong type.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refusal::Empty);
    }
    let mut value: Value =
        serde_json::from_slice(body).map_err(|error| Refusal::Syntax(error.to_string()))?;
    let mut violations = Violations::default();
    for _ in 0..MAX_VIOLATIONS {
        match serde_path_to_error::deserialize(&value) {
            Ok(read) if violations.is_empty() => return Ok(read),
            Ok(_) => break,
            Err(error) => {
                violations.add(path_of(error.path()), key_of(&error.inner().to_string()));
                if !take_out(&mut value, error.path()) {
                    break;
                }
            }
        }
    }
    Err(Refusal::Schema(violations))
}

/// Members are `/name`, list elements `(0)`, the whole is `/`.
fn path_of(path: &Path) -> String {
    let text: String = path
        .iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("({index})"),
            Segment::Map { key } => format!("/{key}"),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect();
    if text.is_empty() { "/".to_owned() } else { text }
}

/// The original's key for what serde expected.
///
/// Source: marathon.md §2.3 (`play.api.data.validation` keys).
fn key_of(message: &str) -> String {
    let Some((found, expected)) = message.split_once("expected ") else {
        let fits_none = message.starts_with("data did not match any variant");
        return if fits_none { "error.expected.jsobject" } else { message }.to_owned();
    };
    let key = match expected {
        "an integer" if found.contains("floating point") => "error.expected.int",
        "an integer" | "f64" | "i64" => "error.expected.jsnumber",
        "a string" => "error.expected.jsstring",
        "a boolean" => "error.expected.jsboolean",
        "a sequence" => "error.expected.jsarray",
        text if text.starts_with("struct") || text == "a map" => "error.expected.jsobject",
        _ => message,
    };
    key.to_owned()
}

/// Removes the member at `path`, so that the rest can be read; a list is cut off there.
fn take_out(value: &mut Value, path: &Path) -> bool {
    let segments: Vec<_> = path
        .iter()
        .filter(|segment| matches!(segment, Segment::Seq { .. } | Segment::Map { .. }))
        .collect();
    let Some((last, parents)) = segments.split_last() else { return false };
    let mut at = value;
    for segment in parents {
        let next = match segment {
            Segment::Seq { index } => at.get_mut(index),
            Segment::Map { key } => at.get_mut(key),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    match (last, at) {
        (Segment::Map { key }, Value::Object(members)) => members.remove(key).is_some(),
        // Taking out one element would shift the numbers of those behind it.
        (Segment::Seq { index }, Value::Array(elements)) => {
            elements.truncate(*index);
            true
        }
        _ => false,
    }
}
