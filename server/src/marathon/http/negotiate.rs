//! Which form of an answer a client wants.

use axum::http::header::{self, HeaderMap};

/// Whether plain text is asked for by name and JSON is not wanted more.
///
/// Compat: `*/*` or no `Accept` at all means JSON (marathon.md §4.5).
pub(super) fn wants_text(headers: &HeaderMap) -> bool {
    let (mut text, mut json) = (0.0, 0.0);
    for (kind, weight) in accepted(headers) {
        match kind.as_str() {
            "text/plain" => text = weight,
            "application/json" | "application/*" | "*/*" if weight > json => json = weight,
            _ => {}
        }
    }
    text > 0.0 && text >= json
}

/// Whether `kind` is asked for by name.
pub(super) fn names(headers: &HeaderMap, kind: &str) -> bool {
    accepted(headers).any(|(accepted, weight)| accepted == kind && weight > 0.0)
}

/// Whether anything will do.
pub(super) fn accepts_all(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::ACCEPT) || names(headers, "*/*")
}

fn accepted(headers: &HeaderMap) -> impl Iterator<Item = (String, f32)> {
    headers
        .get_all(header::ACCEPT)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            (kind, weight.unwrap_or(1.0))
        })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn text_is_sent_only_when_asked_for() {
        let wants = |accept: &'static str| {
            wants_text(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(wants("text/plain") && wants("text/plain, */*;q=0.1"));
        assert!(!wants("*/*") && !wants("application/json") && !wants("text/plain;q=0.1, */*"));
        assert!(!wants_text(&HeaderMap::new()));
    }
}
