//! The steps of a deployment, drawn as the legs of a relay.

use leptos::prelude::*;
use wire::console::{ActionRow, DeploymentRow};

use crate::boot::Boot;
use crate::i18n::apps::phrases;

/// How a leg looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// Behind us.
    Done,
    /// Being run, so many per cent of it.
    Current(u32),
    /// Being run, but nothing moves.
    Stuck(u32),
    /// Still ahead.
    Ahead,
}

/// The legs of a deployment.
pub fn legs(deployment: &DeploymentRow) -> Vec<Leg> {
    let current = deployment.current_step as usize;
    let leg = |(at, actions): (usize, &Vec<ActionRow>)| match (at + 1).cmp(&current) {
        std::cmp::Ordering::Less => Leg::Done,
        std::cmp::Ordering::Greater => Leg::Ahead,
        std::cmp::Ordering::Equal if deployment.stuck.is_empty() => Leg::Current(percent(actions)),
        std::cmp::Ordering::Equal => Leg::Stuck(percent(actions)),
    };
    deployment.steps.iter().enumerate().map(leg).collect()
}

/// How much of a step is done, by instances.
fn percent(actions: &[ActionRow]) -> u32 {
    let (mut done, mut all) = (0, 0);
    for action in actions {
        let (from, to) = action.instances;
        let there = action.tally.map_or(0, |tally| tally.running);
        let wanted = from.abs_diff(to).max(u32::from(from == to));
        all += wanted;
        done += if to >= from { there.saturating_sub(from) } else { from.saturating_sub(there) }
            .min(wanted);
    }
    (100 * done).checked_div(all).unwrap_or(0)
}

/// The bar of legs.
#[component]
pub fn Legs(
    /// The deployment.
    deployment: Memo<DeploymentRow>,
) -> impl IntoView {
    let lang = Boot::here().lang;
    let label = move || {
        deployment.with(|row| {
            let percent = legs(row).into_iter().find_map(|leg| match leg {
                Leg::Current(percent) | Leg::Stuck(percent) => Some(percent),
                Leg::Done | Leg::Ahead => None,
            });
            let steps = u32::try_from(row.steps.len()).unwrap_or(u32::MAX);
            phrases::leg(lang, row.current_step, steps, percent.unwrap_or(0))
        })
    };
    let bar = move || {
        let legs = deployment.with(legs);
        let legs = legs.into_iter().map(|leg| {
            let (class, percent) = match leg {
                Leg::Done => ("done", 100),
                Leg::Current(percent) => ("cur", percent),
                Leg::Stuck(percent) => ("stuck", percent),
                Leg::Ahead => ("", 0),
            };
            view! { <li class=class style=format!("--v:{}%", percent.max(2))></li> }
        });
        legs.collect_view()
    };
    view! { <ol class="legs" role="img" aria-label=label>{bar}</ol> }
}

#[cfg(test)]
mod tests {
    use wire::console::Tally;

    use super::*;

    fn action(from: u32, to: u32, running: u32) -> ActionRow {
        let tally = Some(Tally { wanted: to, running, ..Tally::default() });
        ActionRow { tally, instances: (from, to), ..ActionRow::default() }
    }

    #[test]
    fn legs_are_done_run_and_ahead() {
        let mut deployment = DeploymentRow {
            steps: vec![vec![action(0, 0, 1)], vec![action(0, 2, 1)], vec![action(1, 0, 1)]],
            current_step: 2,
            ..DeploymentRow::default()
        };
        assert_eq!(legs(&deployment), [Leg::Done, Leg::Current(50), Leg::Ahead]);
        deployment.stuck = vec!["/a".to_owned()];
        assert_eq!(legs(&deployment)[1], Leg::Stuck(50));
    }

    #[test]
    fn scaling_down_counts_what_has_gone() {
        assert_eq!(percent(&[action(4, 2, 3)]), 50);
        assert_eq!(percent(&[action(2, 4, 2)]), 0);
        assert_eq!(percent(&[]), 0);
    }
}
