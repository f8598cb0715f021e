//! JSON or protobuf.

use axum::http::header::{self, HeaderMap};
use axum::http::{HeaderValue, StatusCode};
use bytes::BytesMut;
use prost::Message as _;
use wire::mesos::v1::scheduler::Event;
use wire::recordio;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Protobuf,
}

impl Media {
    /// What `Content-Type` says the body is, or the refusal.
    pub(super) fn of_content(headers: &HeaderMap) -> Result<Self, (StatusCode, &'static str)> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Err((StatusCode::BAD_REQUEST, "Expecting 'Content-Type' to be present"));
        };
        let name = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        Self::named(name).ok_or((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Content-Type' of 'application/json' or 'application/x-protobuf'",
        ))
    }

    fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else if name.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else {
            None
        }
    }

    /// What `Accept` allows; JSON where both are, as in the original.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut allowed = headers
            .get_all(header::ACCEPT)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim())
            .filter(|range| !range.is_empty())
            .peekable();
        if allowed.peek().is_none() {
            return Some(Self::Json);
        }
        let mut found = None;
        for range in allowed {
            match Self::named(range) {
                Some(Self::Json) => return Some(Self::Json),
                Some(Self::Protobuf) => found = Some(Self::Protobuf),
                None if range == "*/*" || range.eq_ignore_ascii_case("application/*") => {
                    return Some(Self::Json);
                }
                None => {}
            }
        }
        found
    }

    /// The header of what is written this way.
    pub(super) const fn content_type(self) -> HeaderValue {
        match self {
            Self::Json => HeaderValue::from_static("application/json"),
            Self::Protobuf => HeaderValue::from_static("application/x-protobuf"),
        }
    }

    /// Appends an event as one record.
    pub(super) fn write(self, event: &Event, buffer: &mut BytesMut) {
        match self {
            Self::Json => {
                // The messages are plain trees: writing them as JSON cannot fail.
                let record = serde_json::to_vec(event).unwrap_or_default();
                recordio::encode_into(&record, buffer);
            }
            Self::Protobuf => recordio::encode_into(&event.encode_to_vec(), buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &[&str]) -> Option<Media> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        Media::accepted(&headers)
    }

    #[test]
    fn json_is_preferred_where_both_are_accepted() {
        assert_eq!(accepted(&[]), Some(Media::Json));
        assert_eq!(accepted(&["*/*"]), Some(Media::Json));
        assert_eq!(accepted(&["application/x-protobuf"]), Some(Media::Protobuf));
        let both = "application/x-protobuf;q=0.9, application/json";
        assert_eq!(accepted(&[both]), Some(Media::Json));
        assert_eq!(accepted(&["text/html"]), None);
    }

    #[test]
    fn the_content_type_may_have_parameters() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap());
        assert_eq!(Media::of_content(&headers).unwrap(), Media::Json);
    }
}
