//! Who may call: protection of users whose browser is made to call us by a foreign page.
//!
//! Reads without side effects are open. A request that changes something or opens a stream and comes from
//! a browser must come from our own pages; the name by which we are called must be ours, so that a foreign
//! name that resolves to our address (DNS rebinding) is no way around that. Design §5(3).

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::error::ApiError;

/// Names and origins that are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Access {
    /// Names by which this process may be called, besides `localhost` and IP addresses.
    pub(crate) host_names: BTreeSet<String>,
    /// `--access_control_allow_origin`: whole origins, `http://host:port`.
    pub(crate) allowed_origins: BTreeSet<String>,
}

impl Access {
    /// Trusts one name of our own.
    pub(crate) fn for_host(name: impl Into<String>) -> Self {
        Self { host_names: BTreeSet::from([name.into()]), ..Self::default() }
    }

    fn is_ours(&self, authority: &str) -> bool {
        let name = host_of(authority);
        name.eq_ignore_ascii_case("localhost")
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || self.host_names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether a page of `origin` may act on us, who were called by the name `host`.
    fn may_act(&self, origin: &str, host: Option<&str>) -> bool {
        let same = origin.split_once("://").is_some_and(|(_, rest)| {
            let authority = rest.split('/').next().unwrap_or_default();
            host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        });
        same || self.allowed_origins.contains(origin.trim_end_matches('/'))
    }

    fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), ApiError> {
        let refuse = |message: String| Err(ApiError::new(StatusCode::FORBIDDEN, message));
        let host = text(headers, &header::HOST);
        if let Some(host) = host
            && !self.is_ours(host)
        {
            return refuse(format!("'{host}' is not a name of this server"));
        }
        if is_harmless(method) && path != "/v2/events" {
            return Ok(());
        }
        match text(headers, &header::ORIGIN).or_else(|| text(headers, &header::REFERER)) {
            Some(origin) if self.may_act(origin, host) => Ok(()),
            Some(origin) => refuse(format!("requests from '{origin}' are not allowed")),
            None if text(headers, &SEC_FETCH_SITE) == Some("cross-site") => {
                refuse("requests from other sites are not allowed".to_owned())
            }
            None => Ok(()),
        }
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn is_harmless(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD || method == Method::OPTIONS
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // A value that is no text is treated as one that matches nothing.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

/// The host of `host:port`, brackets of an IPv6 address included.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') => {
            if host.contains(':') && !host.ends_with(']') {
                authority
            } else {
                host
            }
        }
        Some(_) | None => authority,
    }
}

/// Refuses requests that a foreign page could have made.
pub(super) async fn admit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let checked = api.access.check(request.method(), request.uri().path(), request.headers());
    match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Adds what every answer of the original carries (marathon.md §2.1).
pub(super) async fn answer_headers(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let leader = api.backend.leader().map(|leader| format!("http://{leader}"));
    if let Some(value) = leader.and_then(|leader| HeaderValue::try_from(leader).ok()) {
        headers.insert("x-marathon-leader", value);
    }
    for (name, value) in [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_XSS_PROTECTION, "1; mode=block"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (header::PRAGMA, "no-cache"),
        (header::EXPIRES, "0"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, path: &str, headers: &[(HeaderName, &str)]) -> bool {
        let access = Access {
            host_names: BTreeSet::from(["master.example".to_owned()]),
            allowed_origins: BTreeSet::from(["https://trusted.example".to_owned()]),
        };
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        access.check(method, path, &headers).is_ok()
    }

    #[test]
    fn only_our_own_names_are_answered() {
        for good in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:8080",
            "[::1]:8080",
            "[::1]",
            "10.0.0.1",
            "master.example:8080",
        ] {
            assert!(check(&Method::GET, "/v2/apps", &[(header::HOST, good)]), "{good}");
        }
        for bad in ["evil.example", "127.0.0.1.evil.example:8080", "", "localhost.evil:80"] {
            assert!(!check(&Method::GET, "/v2/apps", &[(header::HOST, bad)]), "{bad}");
        }
    }

    #[test]
    fn foreign_pages_may_read_but_not_act() {
        let host = (header::HOST, "10.0.0.1:8080");
        let from = |origin| [host.clone(), (header::ORIGIN, origin)];
        assert!(check(&Method::GET, "/v2/apps", &from("http://evil.example")));
        for (method, path) in [
            (Method::POST, "/v2/apps"),
            (Method::DELETE, "/v2/apps/a"),
            (Method::GET, "/v2/events"),
        ] {
            assert!(!check(&method, path, &from("http://evil.example")), "{method}");
            assert!(!check(&method, path, &from("null")));
            assert!(
                !check(&method, path, &from("http://10.0.0.1:31030")),
                "a task's page is foreign"
            );
            assert!(check(&method, path, &from("http://10.0.0.1:8080")));
            assert!(check(&method, path, &from("https://trusted.example")));
            assert!(check(&method, path, std::slice::from_ref(&host)), "no browser");
            let referer = (header::REFERER, "http://evil.example/page");
            assert!(!check(&method, path, &[host.clone(), referer]));
            let site = (SEC_FETCH_SITE, "cross-site");
            assert!(!check(&method, path, &[host.clone(), site]));
        }
    }
}
