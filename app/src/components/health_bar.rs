//! Instances by health, as one bar.

use leptos::prelude::*;
use wire::console::Tally;

use crate::i18n::AppWords;

/// One part of the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its class.
    pub class: &'static str,
    /// How many instances.
    pub number: u32,
}

/// The parts in their order, without those that are nothing.
pub fn segments(tally: Tally) -> Vec<Segment> {
    let parts = [
        ("ok", tally.healthy),
        ("bad", tally.unhealthy),
        ("unk", tally.unknown()),
        ("stg go", tally.staged),
        ("ovr", tally.over()),
        ("uns", tally.unscheduled()),
    ];
    let parts = parts.into_iter().filter(|(_, number)| *number > 0);
    parts.map(|(class, number)| Segment { class, number }).collect()
}

/// The word for a part.
pub fn segment_word(class: &str) -> &'static str {
    let words = AppWords::here();
    match class {
        "ok" => words.healthy,
        "bad" => words.unhealthy,
        "unk" => words.unknown,
        "ovr" => words.over_capacity,
        "uns" => words.unscheduled,
        _ => words.staged,
    }
}

/// The bar; its words are for those who do not see it, and in its title.
#[component]
pub fn HealthBar(
    /// Instances.
    tally: Memo<Tally>,
    /// As wide as its place.
    #[prop(optional)]
    is_large: bool,
) -> impl IntoView {
    let text = move || {
        let parts = segments(tally.get());
        let parts =
            parts.iter().map(|part| format!("{} {}", part.number, segment_word(part.class)));
        let text = parts.collect::<Vec<_>>().join(", ");
        if text.is_empty() { "0".to_owned() } else { text }
    };
    let parts = move || {
        let parts = segments(tally.get());
        if parts.is_empty() {
            return view! { <i></i> }.into_any();
        }
        let parts = parts.into_iter().map(|part| {
            view! { <i class=part.class style=format!("--n:{}", part.number)></i> }
        });
        parts.collect_view().into_any()
    };
    view! {
        <div class="hb" class:lg=is_large role="img" aria-label=text title=text data-testid="health-bar">{parts}</div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_what_there_is_in_its_order() {
        let shown = |tally| {
            let parts = segments(tally);
            parts.into_iter().map(|part| (part.class, part.number)).collect::<Vec<_>>()
        };
        let tally = Tally { wanted: 5, running: 3, staged: 1, healthy: 1, unhealthy: 1 };
        assert_eq!(shown(tally), [("ok", 1), ("bad", 1), ("unk", 1), ("stg go", 1), ("uns", 1)]);
        let over = Tally { wanted: 1, running: 2, ..Tally::default() };
        assert_eq!(shown(over), [("unk", 2), ("ovr", 1)]);
        assert_eq!(shown(Tally::default()), []);
    }
}
