//! What an application is doing, as icon and word.

use wire::console::AppStatus;

use crate::components::Tone;
use crate::i18n::AppWords;

/// The look of a status.
pub fn tone_of_app(status: AppStatus) -> Tone {
    match status {
        AppStatus::Running => Tone::INFO,
        AppStatus::Deploying => Tone::WARN,
        AppStatus::Suspended | AppStatus::Unscheduled => Tone::NEUTRAL,
        AppStatus::Delayed => Tone::DANGER,
        AppStatus::Waiting => Tone { icon: "clock", ..Tone::WARN },
    }
}

/// The word for a status.
pub fn word_of_app(status: AppStatus) -> &'static str {
    let words = AppWords::here();
    match status {
        AppStatus::Running => words.running,
        AppStatus::Deploying => words.deploying,
        AppStatus::Suspended => words.suspended,
        AppStatus::Delayed => words.delayed,
        AppStatus::Waiting => words.waiting,
        AppStatus::Unscheduled => words.unscheduled,
    }
}
