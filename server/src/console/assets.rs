//! The files that pages load: style, icons, the browser's program. Embedded, hashed names are cached for good.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use app::Bundle;
use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

/// The style sheets, in the order in which they count.
const STYLES: [&str; 4] = [
    include_str!("../../../style/tokens.css"),
    include_str!("../../../style/components.css"),
    include_str!("../../../style/pages.css"),
    include_str!("../../../style/apps.css"),
];
const MARK: &str = include_str!("../../../app/public/mark.svg");

/// What the bundler wrote about its files.
#[derive(Debug, Deserialize)]
struct Manifest {
    /// Plain name to hashed name.
    files: BTreeMap<String, String>,
}

/// One file, and its compressed forms.
#[derive(Debug, Clone)]
struct Asset {
    body: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
    content_type: &'static str,
    is_hashed: bool,
}

#[derive(Debug)]
struct Assets {
    files: BTreeMap<String, Asset>,
    bundle: Bundle,
}

fn assets() -> &'static Assets {
    static ASSETS: OnceLock<Assets> = OnceLock::new();
    ASSETS.get_or_init(|| Assets::of(FILES))
}

/// Addresses of the files that a page asks for.
pub(super) fn bundle() -> Bundle {
    assets().bundle.clone()
}

impl Assets {
    fn of(embedded: &'static [(&'static str, &'static [u8])]) -> Self {
        let find =
            |name: &str| embedded.iter().find(|(known, _)| *known == name).map(|(_, body)| *body);
        let manifest: Option<Manifest> =
            find("manifest.json").and_then(|text| serde_json::from_slice(text).ok());
        let mut files = BTreeMap::new();
        for (plain, hashed) in manifest.iter().flat_map(|manifest| &manifest.files) {
            let Some(body) = find(hashed).or_else(|| find(plain)) else { continue };
            let packed = |ending: &str| {
                find(&format!("{hashed}.{ending}")).or_else(|| find(&format!("{plain}.{ending}")))
            };
            let asset = Asset {
                body,
                brotli: packed("br"),
                gzip: packed("gz"),
                content_type: content_type(plain),
                is_hashed: true,
            };
            files.insert(hashed.clone(), asset);
        }
        let hashed =
            |plain: &str| manifest.as_ref().and_then(|manifest| manifest.files.get(plain)).cloned();
        let address = |name: String| format!("/ui/assets/{name}");
        let style =
            hashed("main.css").filter(|name| files.contains_key(name)).unwrap_or_else(|| {
                let (name, asset) = own_style();
                files.insert(name.clone(), asset);
                name
            });
        let program = hashed("frontend.js").zip(hashed("frontend_bg.wasm"));
        let program =
            program.filter(|(module, wasm)| files.contains_key(module) && files.contains_key(wasm));
        files.insert("mark.svg".to_owned(), Asset::plain(MARK.as_bytes(), "image/svg+xml"));
        Self {
            files,
            bundle: Bundle {
                styles: vec![address(style)],
                program: program.map(|(module, wasm)| (address(module), address(wasm))),
            },
        }
    }
}

impl Asset {
    fn plain(body: &'static [u8], content_type: &'static str) -> Self {
        Self { body, brotli: None, gzip: None, content_type, is_hashed: false }
    }
}

/// The style as it stands in the sources, for a server without a bundle.
fn own_style() -> (String, Asset) {
    static STYLE: OnceLock<String> = OnceLock::new();
    let text = STYLE.get_or_init(|| STYLES.concat());
    let digest = Sha256::digest(text.as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let asset =
        Asset { is_hashed: true, ..Asset::plain(text.as_bytes(), content_type("main.css")) };
    (format!("main-{hash}.css"), asset)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

/// `GET /ui/assets/{file}`.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match assets().files.get(&name) {
        Some(asset) => answer(asset, &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(asset: &Asset, request: &HeaderMap) -> Response {
    let accepted =
        request.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (encoding, body) = match (asset.brotli, asset.gzip) {
        (Some(body), _) if accepts(accepted, "br") => (Some("br"), body),
        (_, Some(body)) if accepts(accepted, "gzip") => (Some("gzip"), body),
        _ => (None, asset.body),
    };
    let caching = if asset.is_hashed {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=3600"
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if asset.brotli.is_some() || asset.gzip.is_some() {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Whether an `Accept-Encoding` names `coding` without refusing it.
fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|part| {
        let mut fields = part.split(';').map(str::trim);
        let is_named = fields.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        is_named && !fields.any(|field| matches!(field, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLE: &[(&str, &[u8])] = &[
        ("frontend-1.js", b"js"),
        ("frontend-1.js.br", b"js, small"),
        ("frontend_bg-2.wasm", b"wasm"),
        ("frontend_bg-2.wasm.gz", b"wasm, small"),
        (
            "manifest.json",
            br#"{"files":{"frontend.js":"frontend-1.js","frontend_bg.wasm":"frontend_bg-2.wasm","main.css":"main-3.css"}}"#,
        ),
    ];

    fn encoding_of(name: &str, accept: &'static str) -> Option<String> {
        let assets = Assets::of(BUNDLE);
        let mut request = HeaderMap::new();
        request.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
        let response = answer(&assets.files[name], &request);
        response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn without_a_bundle_there_is_style_but_no_program() {
        let assets = Assets::of(&[]);
        assert_eq!(assets.bundle.program, None);
        assert!(assets.bundle.styles[0].starts_with("/ui/assets/main-"));
        let name = assets.bundle.styles[0].trim_start_matches("/ui/assets/");
        assert!(assets.files[name].body.len() > 10_000);
    }

    #[test]
    fn a_bundle_gives_the_program_and_a_missing_style_is_our_own() {
        let bundle = Assets::of(BUNDLE).bundle;
        let program =
            ("/ui/assets/frontend-1.js".to_owned(), "/ui/assets/frontend_bg-2.wasm".to_owned());
        assert_eq!(bundle.program, Some(program));
        assert_ne!(
            bundle.styles[0], "/ui/assets/main-3.css",
            "the manifest names a file that is not there"
        );
    }

    #[test]
    fn a_compressed_form_is_sent_when_it_exists_and_is_accepted() {
        assert_eq!(encoding_of("frontend-1.js", "gzip, br").as_deref(), Some("br"));
        assert_eq!(encoding_of("frontend-1.js", "gzip, br;q=0"), None);
        assert_eq!(encoding_of("frontend_bg-2.wasm", "br, gzip").as_deref(), Some("gzip"));
        assert_eq!(encoding_of("frontend_bg-2.wasm", ""), None);
    }
}
