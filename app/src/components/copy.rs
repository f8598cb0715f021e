//! A button that copies a text.

use leptos::prelude::*;

use crate::components::Icon;
use crate::i18n::ShellWords;

/// Copies `text`; shows itself on hover and focus of its row.
#[component]
pub fn CopyButton(
    /// What is copied.
    #[prop(into)]
    text: Signal<String>,
    /// Its name; "Copy ID" unless told.
    #[prop(optional)]
    label: Option<&'static str>,
) -> impl IntoView {
    let words = ShellWords::here();
    let label = label.unwrap_or(words.copy_id);
    let done = RwSignal::new(false);
    let copy = move |_| copy_text(text.get_untracked(), done);
    let shown = move || if done.get() { words.copied } else { label };
    view! {
        <button type="button" class="copy" aria-label=shown title=shown on:click=copy>
            <Icon name=Signal::derive(move || if done.get() { "ok" } else { "copy" })/>
        </button>
    }
}

#[cfg(feature = "hydrate")]
fn copy_text(text: String, done: RwSignal<bool>) {
    leptos::task::spawn_local(async move {
        let copied = wasm_bindgen_futures::JsFuture::from(
            window().navigator().clipboard().write_text(&text),
        )
        .await;
        if copied.is_ok() {
            done.try_set(true);
            set_timeout(
                move || {
                    done.try_set(false);
                },
                std::time::Duration::from_millis(1500),
            );
        }
    });
}

#[cfg(not(feature = "hydrate"))]
fn copy_text(_text: String, _done: RwSignal<bool>) {}
