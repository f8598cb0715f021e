//! A dialog: modal in a browser, and part of the page where no script runs.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;

use crate::components::Icon;
use crate::i18n::AppWords;

/// A dialog. It is there as long as it is in the page; `on_close` is the wish to close it.
#[component]
pub fn Dialog(
    /// Its title.
    #[prop(into)]
    title: Signal<String>,
    /// Its class: `small` or `wide`.
    size: &'static str,
    /// Esc, or the cross.
    on_close: Callback<()>,
    /// What stands in the head beside the title.
    #[prop(optional, into)]
    head: Option<ViewFn>,
    /// Body and foot.
    children: Children,
) -> impl IntoView {
    let words = AppWords::here();
    let place = NodeRef::<html::Dialog>::new();
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        if let Some(dialog) = place.get() {
            // The server wrote `open`, for readers without scripts; that one is not modal.
            let _ = dialog.remove_attribute("open");
            let _ = dialog.show_modal();
        }
    });
    let escape = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            event.prevent_default();
            on_close.run(());
        }
    };
    view! {
        <dialog
            node_ref=place
            class=format!("dialog modal {size}")
            open=true
            aria-labelledby="dialog-title"
            data-testid="dialog"
            on:keydown=escape
        >
            <header>
                <h2 id="dialog-title">{title}</h2>
                <span class="grow"></span>
                {head.map(|head| head.run())}
                <button
                    type="button"
                    class="btn quiet icon sm scripted"
                    aria-label=words.close
                    on:click=move |_| on_close.run(())
                >
                    <Icon name="x"/>
                </button>
            </header>
            {children()}
        </dialog>
    }
}
