//! The routed pages, one file each.

pub mod apps;
pub mod cluster;
pub mod sandbox;

use leptos::prelude::*;

use crate::components::PageTitle;
use crate::i18n::ShellWords;

/// An address that leads nowhere.
#[component]
pub fn NotFound() -> impl IntoView {
    let words = ShellWords::here();
    #[cfg(feature = "ssr")]
    answer_with(&crate::backend::ConsoleError::NotFound { what: String::new() });
    view! {
        <PageTitle text=words.not_found_title/>
        <div class="shell solo">
            <main class="main" id="main">
                <section class="panel empty"><h1>{words.not_found_title}</h1><p>{words.not_found_text}</p></section>
            </main>
        </div>
    }
}

/// Gives the page the status that fits the error.
#[cfg(feature = "ssr")]
pub(crate) fn answer_with(error: &crate::backend::ConsoleError) {
    use crate::backend::ConsoleError;
    use leptos_axum::ResponseOptions;

    let Some(response) = use_context::<ResponseOptions>() else { return };
    let status = match error {
        ConsoleError::NotFound { .. } => 404_u16,
        ConsoleError::Refused { .. } => 400,
        // A page that says what is missing, and tries again, is a page.
        ConsoleError::Unavailable { .. } | ConsoleError::Late | ConsoleError::Offline { .. } => {
            return;
        }
    };
    if let Ok(status) = status.try_into() {
        response.set_status(status);
    }
}
