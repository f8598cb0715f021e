//! What stands where data is missing, late or old.

use leptos::prelude::*;

use crate::backend::ConsoleError;
use crate::boot::Boot;
use crate::components::{Icon, PageTitle};
use crate::i18n::{ShellWords, phrases};

/// The very first load in a browser: the shape of a table, shown only when it takes longer than a blink.
#[component]
pub fn Skeleton() -> impl IntoView {
    let words = ShellWords::here();
    view! {
        <div class="shell solo">
            <div class="main late" role="status">
                <span class="sr">{words.loading}</span>
                <section class="panel panel-body">
                    {(0..8).map(|_| view! { <p class="sk-row"><span class="sk"></span></p> }).collect_view()}
                </section>
            </div>
        </div>
    }
}

/// Why there is no data, in the page's language.
pub(crate) fn reason(error: &ConsoleError) -> String {
    let words = ShellWords::here();
    match error {
        ConsoleError::Late => words.late.to_owned(),
        ConsoleError::Offline { .. } => words.offline.to_owned(),
        ConsoleError::NotFound { what } => phrases::not_found(Boot::here().lang, what),
        other => other.to_string(),
    }
}

/// A page without data: the reason, and the promise to try again.
#[component]
pub fn NoData(
    /// Why there is none.
    error: Signal<Option<ConsoleError>>,
) -> impl IntoView {
    let words = ShellWords::here();
    #[cfg(feature = "ssr")]
    if let Some(error) = error.get_untracked() {
        crate::pages::answer_with(&error);
    }
    let text = move || error.with(|error| error.as_ref().map(reason).unwrap_or_default());
    let title = move || {
        let may_pass = error.with(|error| error.as_ref().is_some_and(ConsoleError::may_pass));
        if may_pass { words.no_data_title } else { words.not_found_title }
    };
    view! {
        <PageTitle text=title/>
        <div class="shell solo">
            <main class="main" id="main">
                <section class="panel empty" data-testid="error-row" role="status">
                    <h1>{title}</h1>
                    <p>{text}</p>
                </section>
            </main>
        </div>
    }
}

/// Old data stays; this says that it is old, and why.
#[component]
pub fn StaleNotice(
    /// Why the last attempt failed, if it did.
    error: Signal<Option<ConsoleError>>,
) -> impl IntoView {
    let words = ShellWords::here();
    move || {
        let text = error.with(|error| error.as_ref().map(reason))?;
        Some(view! {
            <div class="strip warn" role="status" data-testid="conn-banner">
                <Icon name="warn"/>
                <span>{text}" "{words.stale}</span>
            </div>
        })
    }
}

/// Says once what a page without the browser's program cannot do.
#[component]
pub(super) fn ScriptNotice() -> impl IntoView {
    let words = ShellWords::here();
    let has_script = Boot::here().has_script;
    view! {
        <noscript>
            <div class="strip">{words.no_script}</div>
        </noscript>
        {(!has_script).then(|| view! { <div class="strip" data-testid="no-bundle">{words.no_bundle}</div> })}
    }
}
