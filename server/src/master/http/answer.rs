//! Bodies and statuses that several endpoints share.

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tracing::error;

use super::super::Shared;

/// The values of a query string.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Plain text, as the original answers errors.
pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Response {
    (status, text.into()).into_response()
}

/// JSON, or a call of the function that `jsonp` names.
pub(super) fn json(query: &Query, body: &impl Serialize) -> Response {
    let body = match serde_json::to_vec(body) {
        Ok(body) => body,
        Err(error) => {
            error!("cannot write JSON: {error}");
            return text(StatusCode::INTERNAL_SERVER_ERROR, "cannot write the answer");
        }
    };
    let Some(callback) = query.get("jsonp") else {
        return typed("application/json", body);
    };
    if !is_callback(callback) {
        return text(StatusCode::BAD_REQUEST, "'jsonp' is no name of a function");
    }
    let mut script = Vec::with_capacity(body.len() + callback.len() + 2);
    script.extend_from_slice(callback.as_bytes());
    script.push(b'(');
    script.extend_from_slice(&body);
    script.push(b')');
    typed("text/javascript", script)
}

fn typed(content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A path to a function such as `angular.callbacks._0`, and nothing that could be a script by itself.
fn is_callback(name: &str) -> bool {
    let is_allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$' | '[' | ']');
    (1..=128).contains(&name.len()) && name.chars().all(is_allowed)
}

/// 404 with JSON.
pub(super) fn unknown(path: &str) -> Response {
    let body = serde_json::json!({ "message": format!("there is no endpoint {path}") });
    (StatusCode::NOT_FOUND, axum::Json(body)).into_response()
}

/// 405 in the original's words.
pub(super) fn method_not_allowed(expected: &'static str, received: &Method) -> Response {
    let message = format!(
        "405 Method Not Allowed. Expecting one of {{ '{expected}' }}, but received '{received}'."
    );
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(expected));
    response
}

/// The answer to what would have to be stored, while there is no room for it.
pub(super) fn no_room(why: &coordination::NoRoom) -> Response {
    text(StatusCode::SERVICE_UNAVAILABLE, why.to_string())
}

/// Where the leading master is.
pub(super) enum Leader {
    /// There is none.
    None,
    /// It is this process, which has not finished recovery.
    Recovering,
    /// `host:port` of another process.
    Elsewhere(String),
}

/// Who leads, as the election says.
pub(super) fn leader(shared: &Shared) -> Leader {
    let content = shared.leader.borrow().clone();
    let info = content
        .and_then(|content| serde_json::from_slice::<wire::mesos::v1::MasterInfo>(&content).ok());
    match info {
        None => Leader::None,
        Some(info) if info.pid() == shared.config.pid() && shared.is_suspended() => Leader::None,
        Some(info) if info.pid() == shared.config.pid() => Leader::Recovering,
        Some(info) => {
            let address = info.address.as_ref().and_then(|address| address.ip.clone());
            let host = info.hostname.clone().or(address).unwrap_or_default();
            Leader::Elsewhere(format!("{host}:{}", info.port))
        }
    }
}

/// The answer to what only a leader can do.
pub(super) fn not_leading(shared: &Shared, path_and_query: &str) -> Response {
    match leader(shared) {
        Leader::None => text(StatusCode::SERVICE_UNAVAILABLE, "No leader elected"),
        Leader::Recovering => {
            text(StatusCode::SERVICE_UNAVAILABLE, "Master has not finished recovery")
        }
        Leader::Elsewhere(authority) => redirect(&format!("//{authority}{path_and_query}")),
    }
}

/// 307 to a scheme-relative address.
pub(super) fn redirect(location: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(location) else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "No leader elected");
    };
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let query = Query::of(Some("task_id=a%2Fb&limit=-1&jsonp=x.y&empty"));
        assert_eq!(query.get("task_id"), Some("a/b"));
        assert_eq!(query.get("limit"), Some("-1"));
        assert_eq!((query.get("empty"), query.get("none")), (Some(""), None));
    }

    #[test]
    fn a_callback_is_a_name_and_no_script() {
        assert!(is_callback("angular.callbacks._0") && is_callback("a[0]"));
        for bad in ["", "alert(1)//", "a;b", "a b", "<script>"] {
            assert!(!is_callback(bad), "{bad}");
        }
    }
}
