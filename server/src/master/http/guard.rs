//! Keeps foreign pages from acting through a user's browser. Design §5 (3).
//!
//! Reads are open. What changes something, opens a stream or asks for a script must not come from another
//! site's page, and the name by which the request calls us must be ours (against DNS rebinding).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::super::{MasterConfig, Shared};
use super::answer::{Query, text};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses requests that a foreign page could have made.
pub(super) async fn admit(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    match check(&shared.config, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => text(StatusCode::FORBIDDEN, problem),
    }
}

fn check(config: &MasterConfig, request: &Request) -> Result<(), String> {
    let headers = request.headers();
    let host = value(headers, &header::HOST);
    if let Some(host) = host
        && !is_ours(config, host)
    {
        return Err(format!("'{host}' is not a name of this server"));
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let asks_for_script = Query::of(request.uri().query()).get("jsonp").is_some();
    if is_read && !asks_for_script && !headers.contains_key(header::UPGRADE) {
        return Ok(());
    }
    let origin = value(headers, &header::ORIGIN).or_else(|| value(headers, &header::REFERER));
    match origin {
        Some(origin) if may_act(config, origin, host) => Ok(()),
        Some(origin) => Err(format!("requests from '{origin}' are not allowed")),
        None if value(headers, &SEC_FETCH_SITE) == Some("cross-site") => {
            Err("requests from other sites are not allowed".to_owned())
        }
        None => Ok(()),
    }
}

/// A header as text; one that is no text matches nothing.
fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn is_ours(config: &MasterConfig, authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    };
    let bare = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    host.eq_ignore_ascii_case("localhost")
        || bare(host)
        || bare(authority)
        || config.host_names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// Whether a page of `origin` (or one that an address `referer` names) may act on us, called `host`.
fn may_act(config: &MasterConfig, origin: &str, host: Option<&str>) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        || config.allowed_origins.contains(&format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::build_info::Build;

    fn refused(method: &str, path: &str, headers: &[(&str, &str)]) -> bool {
        let build = Build::default();
        let ip = "10.0.0.11".parse().unwrap();
        let mut config = MasterConfig::new(ip, 5050, "master1".to_owned(), build);
        config.allowed_origins.insert("http://console.example".to_owned());
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&config, &request.body(Body::empty()).unwrap()).is_err()
    }

    #[test]
    fn we_are_called_by_our_own_names_alone() {
        for host in ["master1:5050", "MASTER1", "localhost:5050", "127.0.0.1", "[::1]:5050"] {
            assert!(!refused("GET", "/state", &[("host", host)]), "{host}");
        }
        for host in ["evil.example", "evil.example:5050", "master1.evil.example"] {
            assert!(refused("GET", "/state", &[("host", host)]), "{host}");
        }
    }

    #[test]
    fn a_foreign_page_cannot_post() {
        let post = |headers: &[(&str, &str)]| refused("POST", "/api/v1/scheduler", headers);
        assert!(!post(&[]));
        assert!(!post(&[("host", "master1:5050"), ("origin", "http://master1:5050")]));
        assert!(!post(&[("origin", "http://console.example")]));
        assert!(post(&[("host", "master1:5050"), ("origin", "http://evil.example")]));
        assert!(post(&[("host", "master1:5050"), ("referer", "http://evil.example/x")]));
        assert!(post(&[("origin", "null")]));
        assert!(post(&[("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn a_foreign_page_may_not_read_by_a_script_tag() {
        let cross = [("host", "master1:5050"), ("sec-fetch-site", "cross-site")];
        assert!(refused("GET", "/state?jsonp=f", &cross));
        assert!(!refused("GET", "/state", &cross));
        assert!(!refused("GET", "/state?jsonp=f", &[("host", "master1:5050")]));
    }
}
