//! Theme and language switches: links that work without JavaScript, the theme at once with it.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use wire::console::escape;

use crate::boot::{Boot, Theme};
use crate::components::Icon;
use crate::i18n::ShellWords;

/// The path of the page that one comes back to.
fn here() -> Signal<String> {
    let location = use_location();
    Signal::derive(move || {
        let (path, search) = (location.pathname.get(), location.search.get());
        let search = search.trim_start_matches('?').to_owned();
        if search.is_empty() { path } else { format!("{path}?{search}") }
    })
}

/// Turns to the other language.
#[component]
pub(super) fn LangToggle() -> impl IntoView {
    let words = ShellWords::here();
    let other = Boot::here().lang.other();
    let back = here();
    let href = move || format!("/ui/preferences?lang={}&back={}", other.tag(), escape(&back.get()));
    view! {
        <a class="nav-btn" href=href rel="external" hreflang=other.tag() lang=other.tag() data-testid="lang-toggle">
            {words.other_language}
        </a>
    }
}

/// Turns to the next theme: system, light, dark.
#[component]
pub(super) fn ThemeToggle() -> impl IntoView {
    let words = ShellWords::here();
    let theme = RwSignal::new(Boot::here().theme);
    let back = here();
    let href = move || {
        format!("/ui/preferences?theme={}&back={}", theme.get().next().name(), escape(&back.get()))
    };
    let label = move || match theme.get() {
        Theme::System => words.theme_system,
        Theme::Light => words.theme_light,
        Theme::Dark => words.theme_dark,
    };
    let icon = Signal::derive(move || match theme.get() {
        Theme::System => "half",
        Theme::Light => "sun",
        Theme::Dark => "moon",
    });
    let turn = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        theme.update(|theme| *theme = theme.next());
        apply(theme.get_untracked());
    };
    view! {
        <a
            class="nav-btn"
            href=href
            rel="external"
            aria-label=label
            title=label
            data-testid="theme-toggle"
            on:click=turn
        >
            <Icon name=icon/>
        </a>
    }
}

#[cfg(feature = "hydrate")]
fn apply(theme: Theme) {
    use leptos::wasm_bindgen::JsCast;

    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-theme", theme.name());
    }
    let cookie = format!("theme={}; Path=/; Max-Age=31536000; SameSite=Lax", theme.name());
    if let Ok(document) = document().dyn_into::<web_sys::HtmlDocument>() {
        let _ = document.set_cookie(&cookie);
    }
}

#[cfg(not(feature = "hydrate"))]
fn apply(_theme: Theme) {}
