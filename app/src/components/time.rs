//! A time, relative in the text and exact in its title.

use leptos::prelude::*;

use crate::boot::{Boot, Now};
use crate::format;

/// "4 minutes ago"; "-" when there is no time.
#[component]
pub fn TimeAgo(
    /// Milliseconds since the Unix epoch.
    #[prop(into)]
    at: Signal<Option<u64>>,
) -> impl IntoView {
    let lang = Boot::here().lang;
    let now = Now::here();
    move || match at.get() {
        Some(at) => {
            let exact = format::iso(at);
            view! { <time datetime=exact.clone() title=exact>{move || format::ago(lang, now.get(), at)}</time> }.into_any()
        }
        None => view! { <span class="muted">"-"</span> }.into_any(),
    }
}
