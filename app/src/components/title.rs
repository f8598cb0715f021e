//! The page's title.

use leptos::prelude::*;
use leptos::text_prop::TextProp;
use leptos_meta::Title;

/// What the browser's tab shows of a page.
#[component]
pub fn PageTitle(
    /// The page's own part of it.
    #[prop(into)]
    text: TextProp,
) -> impl IntoView {
    // The server writes the title after the page's view, and may find the title of a view that it has made to look for
    // what must be loaded, and dropped: signals that the text reads are gone then. It is read while the view is made.
    #[cfg(feature = "ssr")]
    let text = untrack(|| TextProp::from(text.get()));
    view! { <Title text/> }
}
