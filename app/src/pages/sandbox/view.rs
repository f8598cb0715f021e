//! Which lines a reader sees, and bringing one before their eyes. On a server nobody looks.

use leptos::html::Div;
use leptos::prelude::*;

/// The offsets of the first and the last line that are in view.
#[cfg(feature = "hydrate")]
pub(super) fn seen(lines: NodeRef<Div>) -> Option<(u64, u64)> {
    let lines = lines.try_get_untracked().flatten()?;
    let frame = lines.get_bounding_client_rect();
    let mut seen = None;
    let mut line = lines.first_element_child();
    while let Some(here) = line {
        let place = here.get_bounding_client_rect();
        if place.top() >= frame.bottom() {
            break;
        }
        if place.bottom() > frame.top()
            && let Some(offset) = offset_of(&here.id())
        {
            seen = Some(seen.map_or((offset, offset), |(first, _)| (first, offset)));
        }
        line = here.next_element_sibling();
    }
    seen
}

#[cfg(not(feature = "hydrate"))]
pub(super) fn seen(_lines: NodeRef<Div>) -> Option<(u64, u64)> {
    None
}

/// The name of a line in the page.
pub(super) fn anchor(offset: u64) -> String {
    format!("B{offset}")
}

#[cfg(any(feature = "hydrate", test))]
fn offset_of(anchor: &str) -> Option<u64> {
    anchor.strip_prefix('B')?.parse().ok()
}

/// Scrolls the lines so that this one is in their middle, unless it is in view.
#[cfg(feature = "hydrate")]
pub(super) fn bring(lines: NodeRef<Div>, offset: u64) {
    // After the page has its new lines.
    request_animation_frame(move || {
        let line = document().get_element_by_id(&anchor(offset));
        if let (Some(lines), Some(line)) = (lines.try_get_untracked().flatten(), line) {
            let (frame, place) =
                (lines.get_bounding_client_rect(), line.get_bounding_client_rect());
            if place.top() < frame.top() || place.bottom() > frame.bottom() {
                let over = place.top() - frame.top() - (frame.height() - place.height()) / 2.0;
                lines.set_scroll_top(lines.scroll_top() + pixels(over));
            }
        }
    });
}

#[cfg(not(feature = "hydrate"))]
pub(super) fn bring(_lines: NodeRef<Div>, _offset: u64) {}

#[cfg(feature = "hydrate")]
#[expect(clippy::cast_possible_truncation, reason = "pixels of a page")]
fn pixels(length: f64) -> i32 {
    length as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lines_name_is_its_offset() {
        assert_eq!(offset_of(&anchor(7)), Some(7));
        assert_eq!((offset_of("B"), offset_of("main")), (None, None));
    }
}
