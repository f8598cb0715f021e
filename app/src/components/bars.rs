//! Bars with their numbers above them.

use leptos::prelude::*;

use crate::format;

/// How much of a whole is allocated: numbers, then a bar.
#[component]
pub fn ResourceBar(
    /// The part as text.
    #[prop(into)]
    part: Signal<String>,
    /// The whole as text.
    #[prop(into)]
    whole: Signal<String>,
    /// Part and whole as numbers of one unit.
    #[prop(into)]
    values: Signal<(f64, f64)>,
) -> impl IntoView {
    let width = move || {
        let (part, whole) = values.get();
        format!("--v:{}", format::bar(part, whole))
    };
    view! {
        <div class="rb">
            <span>{part}" "<span class="muted">"/ "{whole}</span></span>
            <div class="bar"><i class="alloc" style=width></i></div>
        </div>
    }
}
