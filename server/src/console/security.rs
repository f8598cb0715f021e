//! Headers that keep a browser from doing what a page did not mean.

use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::response::Response;

/// For everything that is no page.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Headers of every answer of the console; what a handler has set stays.
pub(super) async fn harden(mut response: Response) -> Response {
    let defaults: [(HeaderName, &str); 5] = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (CONTENT_SECURITY_POLICY, NOTHING),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in defaults {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The policy of a page: scripts carry this page's nonce, and nothing comes from elsewhere.
///
/// Bars are drawn by `style` attributes, so these are allowed; `<style>` elements are not.
pub(super) fn page_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         style-src-attr 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A fresh nonce: 128 random bits in hexadecimal.
pub(super) fn nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}
