//! A command to paste into a terminal.

use leptos::prelude::*;

use crate::components::CopyButton;
use crate::i18n::AppWords;

/// The command and a button that copies it.
#[component]
pub fn Command(
    /// The command.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    let words = AppWords::here();
    view! {
        <div class="curl">
            <pre class="code" data-testid="command">{text}</pre>
            <CopyButton text=text label=words.copy_command/>
        </div>
    }
}
