//! Keeps foreign pages from reading through a user's browser. Design §5 (3).
//!
//! The agent changes nothing over HTTP, so two things are refused: a name by which it is not known (DNS rebinding), and answers as scripts,
//! which any page could include, for pages of other sites than the master's and its own.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{self, HeaderName};

use super::{Api, Query};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Says why a request is refused, if it is.
pub(super) fn refusal(api: &Api, headers: &HeaderMap, query: &Query) -> Option<String> {
    if let Some(host) = value(headers, &header::HOST)
        && !is_known(api, host)
    {
        return Some(format!("'{host}' is not a name of this agent"));
    }
    query.get("jsonp")?;
    let origin = value(headers, &header::ORIGIN).or_else(|| value(headers, &header::REFERER));
    match origin {
        Some(origin) if is_member(api, origin) => None,
        Some(origin) => Some(format!("requests from '{origin}' are not allowed")),
        None if value(headers, &SEC_FETCH_SITE) == Some("cross-site") => {
            Some("requests from other sites are not allowed".to_owned())
        }
        None => None,
    }
}

/// A header as text; one that is no text matches nothing.
fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn is_known(api: &Api, authority: &str) -> bool {
    let host = host_of(authority);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case(&api.shared.hostname)
}

/// Whether a page comes from this agent or from its master, whatever the port.
fn is_member(api: &Api, origin: &str) -> bool {
    let Some((_, rest)) = origin.split_once("://") else { return false };
    let host = host_of(rest.split('/').next().unwrap_or_default());
    let snapshot = api.snapshot();
    let leader = snapshot.master.as_ref().and_then(|master| master.hostname.as_deref());
    let own_address = snapshot.settings.ip.as_str();
    [own_address, api.shared.hostname.as_str(), host_of(&api.shared.master)]
        .into_iter()
        .chain(leader)
        .any(|member| member.eq_ignore_ascii_case(host))
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host_of(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    };
    host.trim_matches(['[', ']'])
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn a_port_is_no_part_of_the_host() {
        for (authority, host) in [
            ("node1:5051", "node1"),
            ("node1", "node1"),
            ("127.0.0.1:5051", "127.0.0.1"),
            ("[::1]:5051", "::1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(host_of(authority), host);
        }
    }
}
