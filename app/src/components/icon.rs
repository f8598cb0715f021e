//! Icons of the sprite that every page carries.

use leptos::prelude::*;

/// One icon, decoration only: the word beside it says what it means.
#[component]
pub fn Icon(
    /// Its name in the sprite, without `i-`.
    #[prop(into)]
    name: Signal<&'static str>,
) -> impl IntoView {
    view! {
        <svg class="i" aria-hidden="true">
            <use_ href=move || format!("#i-{}", name.get())/>
        </svg>
    }
}
