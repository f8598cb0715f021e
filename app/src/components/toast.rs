//! What an action led to, said in a corner; it stays while one goes to another page.

use std::time::Duration;

use leptos::prelude::*;

use crate::components::Icon;
use crate::i18n::AppWords;

/// How long a toast stays.
const STAY: Duration = Duration::from_secs(6);
/// How many there are at most.
const MOST: usize = 3;

/// One toast.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Toast {
    number: u64,
    text: String,
    link: Option<(String, String)>,
}

/// All toasts.
#[derive(Debug, Clone, Copy)]
pub struct Toasts(RwSignal<(u64, Vec<Toast>)>);

impl Toasts {
    /// Puts the list, empty, into context.
    pub fn provide() {
        provide_context(Self(RwSignal::new((0, Vec::new()))));
    }

    /// The page's own, from context.
    pub fn here() -> Self {
        expect_context::<Self>()
    }

    /// Shows a text with a link (address, words) for a while.
    pub fn show(self, text: String, link: Option<(String, String)>) {
        let number = self.0.with_untracked(|(number, _)| number + 1);
        self.0.update(|(last, toasts)| {
            *last = number;
            toasts.push(Toast { number, text, link });
            let excess = toasts.len().saturating_sub(MOST);
            toasts.drain(..excess);
        });
        set_timeout(move || self.close(number), STAY);
    }

    fn close(self, number: u64) {
        self.0.try_update(|(_, toasts)| toasts.retain(|toast| toast.number != number));
    }
}

/// Where toasts appear.
#[component]
pub fn ToastHost() -> impl IntoView {
    let words = AppWords::here();
    let toasts = Toasts::here();
    let row = move |toast: Toast| {
        let number = toast.number;
        let link = toast.link.map(|(href, label)| view! { " "<a href=href>{label}</a> });
        view! {
            <div class="toast" data-testid="toast">
                <Icon name="ok"/>
                <span>{toast.text}{link}</span>
                <button type="button" class="copy" aria-label=words.close on:click=move |_| toasts.close(number)>
                    <Icon name="x"/>
                </button>
            </div>
        }
    };
    view! {
        <div class="toasts" role="status">
            <For each=move || toasts.0.get().1 key=|toast| toast.number children=row/>
        </div>
    }
}
