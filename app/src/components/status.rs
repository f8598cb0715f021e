//! States: always an icon and a word, never colour alone.

use leptos::prelude::*;

use crate::components::Icon;
use crate::format;
use crate::i18n::ClusterWords;

/// Colour class and icon of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tone {
    /// The class, `is-ok` and the like.
    pub class: &'static str,
    /// The icon's name.
    pub icon: &'static str,
}

impl Tone {
    /// Healthy, finished, active.
    pub const OK: Self = Self { class: "is-ok", icon: "ok" };
    /// Running.
    pub const INFO: Self = Self { class: "is-info", icon: "run" };
    /// On its way.
    pub const WARN: Self = Self { class: "is-warn", icon: "half" };
    /// Failed, unhealthy.
    pub const DANGER: Self = Self { class: "is-danger", icon: "bad" };
    /// Killed, suspended, switched off.
    pub const NEUTRAL: Self = Self { class: "is-neutral", icon: "dash" };
    /// Out of reach.
    pub const VIOLET: Self = Self { class: "is-violet", icon: "unlink" };
}

/// How a Mesos task state looks.
pub fn tone_of_task(state: &str) -> Tone {
    match format::short_state(state) {
        "STAGING" | "STARTING" | "KILLING" => Tone::WARN,
        "RUNNING" => Tone::INFO,
        "FINISHED" => Tone::OK,
        "KILLED" => Tone::NEUTRAL,
        "UNREACHABLE" | "UNKNOWN" => Tone::VIOLET,
        _ => Tone::DANGER,
    }
}

/// A state as icon and word.
#[component]
pub fn Status(
    /// Colour and icon.
    #[prop(into)]
    tone: Signal<Tone>,
    /// The word.
    #[prop(into)]
    word: Signal<String>,
) -> impl IntoView {
    view! {
        <span class=move || format!("status {}", tone.get().class)>
            <Icon name=Signal::derive(move || tone.get().icon)/>
            {word}
        </span>
    }
}

/// A Mesos task state, without `TASK_`.
#[component]
pub fn TaskStatus(
    /// The full constant.
    #[prop(into)]
    state: Signal<String>,
) -> impl IntoView {
    view! {
        <Status
            tone=Signal::derive(move || state.with(|state| tone_of_task(state)))
            word=Signal::derive(move || state.with(|state| format::short_state(state).to_owned()))
        />
    }
}

/// The last health report.
#[component]
pub fn Health(
    /// None when there was no report.
    #[prop(into)]
    healthy: Signal<Option<bool>>,
) -> impl IntoView {
    let words = ClusterWords::here();
    move || match healthy.get() {
        None => view! { <span class="muted">"-"</span> }.into_any(),
        Some(true) => view! { <Status tone=Tone::OK word=words.healthy.to_owned()/> }.into_any(),
        Some(false) => {
            view! { <Status tone=Tone::DANGER word=words.unhealthy.to_owned()/> }.into_any()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_state_has_the_tone_of_the_design() {
        for (state, tone) in [
            ("TASK_STAGING", Tone::WARN),
            ("TASK_RUNNING", Tone::INFO),
            ("TASK_FINISHED", Tone::OK),
            ("TASK_KILLED", Tone::NEUTRAL),
            ("TASK_FAILED", Tone::DANGER),
            ("TASK_GONE_BY_OPERATOR", Tone::DANGER),
            ("TASK_UNREACHABLE", Tone::VIOLET),
        ] {
            assert_eq!(tone_of_task(state), tone, "{state}");
        }
    }
}
