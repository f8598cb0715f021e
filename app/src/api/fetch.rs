//! The browser's `fetch`, for JSON of the same origin.

use leptos::wasm_bindgen::{JsCast, JsValue};
use send_wrapper::SendWrapper;
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use super::Pending;
use crate::backend::ConsoleError;

/// Reads JSON from `path`; a reply that is no success carries a [`ConsoleError`] or is described by its status.
pub(super) fn json<T: DeserializeOwned + Send + 'static>(path: String) -> Pending<T> {
    Box::pin(SendWrapper::new(async move {
        let (status, body) = text(&path).await.map_err(|reason| offline(&reason))?;
        if (200..300).contains(&status) {
            return serde_json::from_str(&body).map_err(|error| ConsoleError::Unavailable {
                reason: format!("unexpected reply from {path}: {error}"),
            });
        }
        Err(serde_json::from_str(&body)
            .unwrap_or_else(|_| ConsoleError::Unavailable { reason: format!("HTTP {status}") }))
    }))
}

async fn text(path: &str) -> Result<(u16, String), JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let response: Response = JsFuture::from(window.fetch_with_str(path)).await?.dyn_into()?;
    let body = JsFuture::from(response.text()?).await?;
    Ok((response.status(), body.as_string().unwrap_or_default()))
}

fn offline(reason: &JsValue) -> ConsoleError {
    let words = reason.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    ConsoleError::Offline { reason: words.unwrap_or_default() }
}

/// Sends a request that changes something; gives status and body.
pub(super) async fn send(
    method: &str,
    path: &str,
    body: Option<&str>,
) -> Result<(u16, String), String> {
    SendWrapper::new(async move {
        let answered = send_request(method, path, body).await;
        answered.map_err(|reason| match offline(&reason) {
            ConsoleError::Offline { reason } => reason,
            other => other.to_string(),
        })
    })
    .await
}

async fn send_request(
    method: &str,
    path: &str,
    body: Option<&str>,
) -> Result<(u16, String), JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let options = web_sys::RequestInit::new();
    options.set_method(method);
    let headers = web_sys::Headers::new()?;
    headers.set("Accept", "application/json")?;
    if let Some(body) = body {
        headers.set("Content-Type", "application/json")?;
        options.set_body(&JsValue::from_str(body));
    }
    options.set_headers(&headers);
    let response: Response =
        JsFuture::from(window.fetch_with_str_and_init(path, &options)).await?.dyn_into()?;
    let text = JsFuture::from(response.text()?).await?;
    Ok((response.status(), text.as_string().unwrap_or_default()))
}
