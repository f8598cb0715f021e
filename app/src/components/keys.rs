//! Keyboard shortcuts, and the list of them.

use leptos::prelude::*;

use crate::boot::ConsoleKind;
use crate::components::Icon;
use crate::i18n::ShellWords;

/// What a key asks for.
#[cfg(any(feature = "hydrate", test))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// To the filter of the page's first table.
    Find,
    /// To another page.
    Go(&'static str),
    /// The list of shortcuts, or away with it.
    Help,
    /// Out of the field that has the focus.
    Leave,
    /// The first of two keys.
    Prefix,
}

/// What a key means. `is_after_g` says that `g` was the key before, `is_in_field` that it is typed into something.
#[cfg(any(feature = "hydrate", test))]
fn act(kind: ConsoleKind, key: &str, is_after_g: bool, is_in_field: bool) -> Option<Act> {
    if is_in_field {
        return (key == "Escape").then_some(Act::Leave);
    }
    match (kind, key, is_after_g) {
        (ConsoleKind::Apps, "a", true) => Some(Act::Go("/ui/apps")),
        (ConsoleKind::Apps, "d", true) => Some(Act::Go("/ui/deployments")),
        (ConsoleKind::Cluster, "h", true) => Some(Act::Go("/")),
        (ConsoleKind::Cluster, "a", true) => Some(Act::Go("/ui/agents")),
        (ConsoleKind::Cluster, "f", true) => Some(Act::Go("/ui/frameworks")),
        (_, _, true) => None,
        (ConsoleKind::Apps, "c", false) => Some(Act::Go("/ui/apps?modal=new-app")),
        (_, "/", false) => Some(Act::Find),
        (_, "?", false) => Some(Act::Help),
        (_, "g", false) => Some(Act::Prefix),
        _ => None,
    }
}

/// The shortcuts of a console as keys and meaning.
fn shortcuts(kind: ConsoleKind, words: &ShellWords) -> Vec<(&'static str, &'static str)> {
    let own = match kind {
        ConsoleKind::Apps => {
            vec![("c", words.key_create), ("g a", words.key_apps), ("g d", words.key_deployments)]
        }
        ConsoleKind::Cluster => {
            vec![("g h", words.key_home), ("g a", words.key_agents), ("g f", words.key_frameworks)]
        }
    };
    let common = [("/", words.key_find), ("esc", words.key_close), ("?", words.key_help)];
    common.into_iter().chain(own).collect()
}

/// The name of the list in the page, for its button and its key.
const LIST: &str = "keys";

/// The button that shows the shortcuts; in a browser, also what listens for them.
#[component]
pub(super) fn Keys(kind: ConsoleKind) -> impl IntoView {
    let words = ShellWords::here();
    #[cfg(feature = "hydrate")]
    listen(kind);
    let rows = shortcuts(kind, words).into_iter().map(|(keys, meaning)| {
        let keys = keys.split(' ').map(|key| view! { <kbd>{key}</kbd>" " }).collect_view();
        view! { <dt>{keys}</dt><dd>{meaning}</dd> }
    });
    view! {
        <button type="button" class="nav-btn needs-js wide-only" popovertarget=LIST style="anchor-name:--keys" aria-label=words.keys title=words.keys data-testid="keys-button">
            <Icon name="help"/>
        </button>
        <div class="menu keys" popover="auto" id=LIST style="position-anchor:--keys" data-testid="keys">
            <h2>{words.keys}</h2>
            <dl class="facts">{rows.collect_view()}</dl>
        </div>
    }
}

#[cfg(feature = "hydrate")]
fn listen(kind: ConsoleKind) {
    use leptos::wasm_bindgen::JsCast;
    use leptos_router::NavigateOptions;
    use leptos_router::hooks::use_navigate;
    use web_sys::HtmlElement;

    fn element(css: &str) -> Option<HtmlElement> {
        document().query_selector(css).ok()??.dyn_into().ok()
    }

    let navigate = use_navigate();
    let is_after_g = StoredValue::new(false);
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        let is_chord = event.ctrl_key() || event.meta_key() || event.alt_key();
        // An open dialog has its own keys.
        if is_chord || event.default_prevented() || element("dialog[open]").is_some() {
            return;
        }
        let focused = document().active_element().and_then(|at| at.dyn_into::<HtmlElement>().ok());
        let is_in_field = focused
            .as_ref()
            .is_some_and(|at| matches!(at.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
        let was_g = is_after_g.get_value();
        let act = act(kind, &event.key(), was_g, is_in_field);
        is_after_g.set_value(act == Some(Act::Prefix));
        match act {
            Some(Act::Find) => {
                if let Some(field) = element("[data-testid='filter-input']") {
                    event.prevent_default();
                    let _ = field.focus();
                }
            }
            Some(Act::Go(place)) => {
                event.prevent_default();
                navigate(place, NavigateOptions::default());
            }
            Some(Act::Help) => {
                if let Some(button) = element("[popovertarget='keys']") {
                    event.prevent_default();
                    button.click();
                }
            }
            Some(Act::Leave) => {
                if let Some(field) = focused {
                    let _ = field.blur();
                }
            }
            Some(Act::Prefix) | None => {}
        }
    });
    on_cleanup(move || handle.remove());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_list_says() {
        let apps = |key, is_after_g| act(ConsoleKind::Apps, key, is_after_g, false);
        assert_eq!(apps("/", false), Some(Act::Find));
        assert_eq!(apps("c", false), Some(Act::Go("/ui/apps?modal=new-app")));
        assert_eq!(apps("g", false), Some(Act::Prefix));
        assert_eq!(apps("d", true), Some(Act::Go("/ui/deployments")));
        assert_eq!(apps("c", true), None);
        assert_eq!(apps("d", false), None);
        let cluster = |key, is_after_g| act(ConsoleKind::Cluster, key, is_after_g, false);
        assert_eq!(cluster("a", true), Some(Act::Go("/ui/agents")));
        assert_eq!(cluster("c", false), None);
    }

    #[test]
    fn what_is_typed_into_a_field_stays_there() {
        for key in ["/", "c", "g", "?"] {
            assert_eq!(act(ConsoleKind::Apps, key, false, true), None, "{key}");
        }
        assert_eq!(act(ConsoleKind::Apps, "Escape", false, true), Some(Act::Leave));
    }
}
