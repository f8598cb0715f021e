//! JSON as a person edits it: the text stays as typed, and its parts are found and changed in place.

mod edit;
mod paint;
mod place;
mod tree;

pub use edit::{pretty, remove, set};
pub use paint::{Piece, paint};
pub use place::{line_of, problem, text_at, value_at};
pub use tree::{Kind, Member, Node, parse};
