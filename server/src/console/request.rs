//! What a request says about its reader: language, theme, and by which name it reached us.

use app::{Boot, ConsoleKind, Lang, Theme};
use axum::extract::RawQuery;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HOST, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use wire::console::query_pairs;

use super::Site;

/// What the page knows before any data.
pub(super) fn boot(site: &Site, headers: &HeaderMap) -> Boot {
    let text = |name| {
        headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default()
    };
    let cookies = text(COOKIE);
    let lang = cookie(cookies, "lang").and_then(Lang::from_tag);
    let kind = site.backend.kind();
    let host = host_name(text(HOST));
    let elsewhere = |port: u16, path: &str| format!("//{host}:{port}{path}");
    Boot {
        kind,
        lang: lang.unwrap_or_else(|| Lang::from_accept_language(text(ACCEPT_LANGUAGE))),
        theme: cookie(cookies, "theme").and_then(Theme::from_name).unwrap_or_default(),
        cluster_url: match kind {
            ConsoleKind::Cluster => "/".to_owned(),
            ConsoleKind::Apps => elsewhere(site.config.cluster_port, "/"),
        },
        apps_url: match kind {
            ConsoleKind::Apps => "/ui/apps".to_owned(),
            ConsoleKind::Cluster => elsewhere(site.config.apps_port, "/ui/apps"),
        },
        origin: format!("http://{}", authority(text(HOST))),
        now_ms: (site.config.wall_ms)(),
        deployments: 0,
        has_script: site.bundle.program.is_some(),
    }
}

/// The value of a cookie.
fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The name in a `Host` header without its port; `localhost` when it holds anything that is no host.
fn host_name(header: &str) -> &str {
    let name = match header.strip_prefix('[') {
        Some(rest) => rest.find(']').map_or("", |end| &header[..end + 2]),
        None => header.split(':').next().unwrap_or_default(),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if name.is_empty() || !name.chars().all(is_plain) { "localhost" } else { name }
}

/// A `Host` header as it is, or without its port when that is no number.
fn authority(header: &str) -> String {
    let host = host_name(header);
    match header.strip_prefix(host).and_then(|rest| rest.strip_prefix(':')?.parse::<u16>().ok()) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// `GET /ui/preferences?lang=&theme=&back=`: keeps a choice in a cookie and goes back, for pages without JavaScript.
pub(super) async fn preferences(RawQuery(query): RawQuery) -> Response {
    let (mut cookies, mut back) = (Vec::new(), "/ui/".to_owned());
    for (key, value) in query_pairs(query.as_deref().unwrap_or_default()) {
        match key.as_str() {
            "lang" => cookies.extend(Lang::from_tag(&value).map(|lang| ("lang", lang.tag()))),
            "theme" => {
                cookies.extend(Theme::from_name(&value).map(|theme| ("theme", theme.name())))
            }
            "back" if is_own_path(&value) => back = value,
            _ => {}
        }
    }
    if cookies.is_empty() {
        return (StatusCode::BAD_REQUEST, "name a language or a theme").into_response();
    }
    let mut response = Redirect::to(&back).into_response();
    for (name, value) in cookies {
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}

/// A path of this origin, and nothing that a browser reads as another host.
fn is_own_path(path: &str) -> bool {
    let mut chars = path.chars();
    let starts_well = chars.next() == Some('/') && !matches!(chars.next(), Some('/' | '\\'));
    starts_well && path.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_no_host_is_not_repeated() {
        assert_eq!(host_name("127.0.0.1:5050"), "127.0.0.1");
        assert_eq!(host_name("[::1]:5050"), "[::1]");
        assert_eq!(host_name("master-1"), "master-1");
        assert_eq!(host_name("evil\"><script>"), "localhost");
        assert_eq!(host_name(""), "localhost");
    }

    #[test]
    fn one_goes_back_only_to_this_origin() {
        assert!(is_own_path("/ui/agents?q=a"));
        for path in
            ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\r\nSet-Cookie: x"]
        {
            assert!(!is_own_path(path), "{path}");
        }
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        assert_eq!(cookie("xlang=en; lang=zh-CN", "lang"), Some("zh-CN"));
        assert_eq!(cookie("", "lang"), None);
    }
}
