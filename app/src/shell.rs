//! The document around the app; only the server writes it.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::App;
use crate::boot::Boot;

/// The icons, once in every page.
const SPRITE: &str = include_str!("../public/icons.svg");

/// Maps the addresses of the original consoles (`/#/agents`) to ours; a fragment never reaches the server.
const OLD_ADDRESSES: &str = include_str!("../public/old-addresses.js");

/// Addresses of the files that a page asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Style sheets, in order.
    pub styles: Vec<String>,
    /// The browser's program: its module and its wasm file; none when no bundle was built in.
    pub program: Option<(String, String)>,
}

/// The whole document.
#[component]
pub fn Document(
    /// What the page knows before any data.
    boot: Boot,
    /// The files it asks for.
    bundle: Bundle,
) -> impl IntoView {
    let data = serde_json::to_string(&boot).unwrap_or_default();
    let script = if boot.has_script { "any" } else { "none" };
    let (lang, theme) = (boot.lang.tag(), boot.theme.name());
    let styles = bundle
        .styles
        .iter()
        .map(|href| view! { <link rel="stylesheet" href=href.clone()/> })
        .collect_view();
    let refresh = r#"<meta http-equiv="refresh" content="30">"#;
    view! {
        <!DOCTYPE html>
        <html lang=lang data-theme=theme data-boot=data data-script=script>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" href="/ui/assets/mark.svg" type="image/svg+xml"/>
                {styles}
                <noscript inner_html=refresh></noscript>
                <MetaTags/>
                <Scripts program=bundle.program/>
            </head>
            <body>
                <div class="sprite" aria-hidden="true" inner_html=SPRITE></div>
                <div id="console"><App boot=boot/></div>
            </body>
        </html>
    }
}

/// The tags that load and start the browser's program, from the embedded bundle.
#[component]
fn Scripts(
    /// Module and wasm file.
    program: Option<(String, String)>,
) -> impl IntoView {
    let nonce = use_nonce();
    let old = view! { <script nonce=nonce.clone() inner_html=OLD_ADDRESSES></script> };
    let program = program.map(|(module, wasm)| {
        let start = format!(
            "import start, {{ hydrate }} from {module:?}; start({{ module_or_path: {wasm:?} }}).then(() => hydrate());"
        );
        view! {
            <link rel="modulepreload" href=module nonce=nonce.clone()/>
            <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
            <script type="module" nonce=nonce inner_html=start></script>
        }
    });
    view! { {old}{program} }
}
