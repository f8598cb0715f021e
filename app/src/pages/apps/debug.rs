//! Why an application waits, what changed last, what failed last.

use leptos::prelude::*;
use wire::console::AppDetail;
use wire::marathon::{QueueItem, RejectStep};

use super::place;
use crate::boot::Boot;
use crate::components::{Icon, TimeAgo};
use crate::format;
use crate::i18n::AppWords;
use crate::i18n::apps::phrases;

/// The first stage of the funnel at which no offer is left; what keeps the next instance from starting.
fn blocking(steps: &[RejectStep]) -> Option<&RejectStep> {
    steps.iter().find(|step| step.processed > 0 && step.declined == step.processed)
}

/// The tab.
#[component]
pub(super) fn Debug(detail: Memo<AppDetail>) -> impl IntoView {
    view! {
        <Explain detail=detail/>
        <div class="two-up"><Changes detail=detail/><Failure detail=detail/></div>
    }
}

#[component]
fn Explain(detail: Memo<AppDetail>) -> impl IntoView {
    let words = AppWords::here();
    let queue = Memo::new(move |_| detail.with(|detail| detail.queue.clone()));
    let content = move || match queue.get() {
        Some(item) => {
            let tally = detail.with(|detail| detail.row.tally);
            view! { <Sentence item=item.clone() running=tally.running wanted=tally.wanted detail=detail/><Funnel item=item/> }.into_any()
        }
        None => view! { <p class="panel-body muted">{words.not_waiting}</p> }.into_any(),
    };
    view! {
        <section class="panel" data-testid="explain">
            <div class="panel-head"><h2>{words.placement}</h2></div>
            {content}
        </section>
    }
}

#[component]
fn Sentence(item: QueueItem, running: u32, wanted: u32, detail: Memo<AppDetail>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let offers = &item.processed_offers_summary;
    let steps = &offers.reject_summary_last_offers;
    let delay =
        (!item.delay.overdue).then(|| phrases::retry_in(lang, item.delay.time_left_seconds));
    let reason = match (delay, blocking(steps)) {
        (Some(delay), _) => delay,
        (None, Some(step)) => phrases::reject_reason(lang, &step.reason),
        (None, None) if offers.processed_offers_count == 0 => {
            phrases::no_offer_yet(lang).to_owned()
        }
        (None, None) => words.waiting.to_owned(),
    };
    let constraints: Vec<String> =
        item.app.constraints.iter().map(|words| words.join(":")).collect();
    let constraints = constraints
        .into_iter()
        .map(|text| view! { " "<code>{text.trim_end_matches(':').to_owned()}</code> });
    let is_constraint = blocking(steps).is_some_and(|step| step.reason == "UnfulfilledConstraint");
    let constraints = is_constraint.then(|| constraints.collect_view());
    let seen =
        phrases::offers_seen(lang, offers.processed_offers_count, offers.unused_offers_count);
    let since = Signal::derive(move || detail.with(|detail| detail.waiting_since_ms));
    view! {
        <div class="why">
            <Icon name="clock"/>
            <p class="say"><b>{phrases::waiting_sentence(lang, running, wanted, item.count)}</b>" "{reason}{constraints}</p>
            <p class="meta"><TimeAgo at=since/>" · "{seen}</p>
        </div>
    }
}

#[component]
fn Funnel(item: QueueItem) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let steps = item.processed_offers_summary.reject_summary_last_offers;
    let stop = blocking(&steps).map(|step| step.reason.clone());
    let stages =
        steps.into_iter().filter(|step| step.reason != "DeclinedScarceResources").map(|step| {
            let matched = step.processed.saturating_sub(step.declined);
            let width =
                format!("--v:{}%", (100 * matched).checked_div(step.processed).unwrap_or(0));
            let is_stop = stop.as_ref() == Some(&step.reason);
            let numbers = if step.processed == 0 {
                "–".to_owned()
            } else {
                format!("{matched} / {}", step.processed)
            };
            view! {
                <li class:stop=is_stop class:na=step.processed == 0>
                    <span>{phrases::funnel_stage(lang, &step.reason)}</span>
                    <span class="fb"><i style=width></i></span>
                    <span class="n">{numbers}</span>
                </li>
            }
        });
    let offers = item.last_unused_offers.unwrap_or_default().into_iter().map(|unused| {
        let reasons: Vec<String> =
            unused.reason.iter().map(|reason| phrases::reject_reason(lang, reason)).collect();
        view! {
            <tr>
                <td data-l=words.agent><span class="name">{unused.offer.hostname}</span></td>
                <td data-l=words.reason>{reasons.join("; ")}</td>
                <td data-l=words.seen_at class="nowrap mono">{unused.timestamp}</td>
            </tr>
        }
    });
    view! {
        <div class="exp">
            <div>
                <h3>{words.offers}" "<span class="muted">{words.matched_seen}</span></h3>
                <ol class="funnel">{stages.collect_view()}</ol>
            </div>
            <div class="scroll">
                <table class="tbl plain to-cards">
                    <caption class="sr">{words.agents}</caption>
                    <thead><tr><th scope="col">{words.agent}</th><th scope="col">{words.reason}</th><th scope="col">{words.seen_at}</th></tr></thead>
                    <tbody>{offers.collect_view()}</tbody>
                </table>
            </div>
        </div>
    }
}

#[component]
fn Changes(detail: Memo<AppDetail>) -> impl IntoView {
    let words = AppWords::here();
    let times = Memo::new(move |_| {
        detail.with(|detail| (detail.last_scaling_ms, detail.last_config_change_ms))
    });
    let scaling = move || {
        let (scaling, configuration) = times.get();
        if scaling == configuration {
            view! { <span class="muted">{words.no_scaling}</span> }.into_any()
        } else {
            view! { {format::iso(scaling)}" ("<TimeAgo at=Some(scaling)/>")" }.into_any()
        }
    };
    let configuration = move || {
        let (_, configuration) = times.get();
        view! { {format::iso(configuration)}" ("<TimeAgo at=Some(configuration)/>")" }
    };
    view! {
        <section class="panel">
            <div class="panel-head"><h2>{words.last_changes}</h2></div>
            <dl class="facts panel-body">
                <dt>{words.scale_or_restart}</dt><dd>{scaling}</dd>
                <dt>{words.configuration}</dt><dd>{configuration}</dd>
            </dl>
        </section>
    }
}

#[component]
fn Failure(detail: Memo<AppDetail>) -> impl IntoView {
    let words = AppWords::here();
    let failure = Memo::new(move |_| detail.with(|detail| detail.last_failure.clone()));
    let content = move || match failure.get() {
        None => view! { <p class="panel-body muted">{words.no_failure}</p> }.into_any(),
        Some(failure) => {
            let log = |file: &'static str| {
                let view_at = place::view(&failure.task_id, file);
                view! { <a href=view_at rel="external">{file}</a>" " }
            };
            let logs = view! { {log("stderr")}{log("stdout")} };
            view! {
                <dl class="facts panel-body" data-testid="last-failure">
                    <dt>{words.task_id}</dt><dd class="mono">{failure.task_id.clone()}</dd>
                    <dt>{words.state}</dt><dd>{failure.state}</dd>
                    <dt>{words.message}</dt><dd>{failure.message}</dd>
                    <dt>{words.host}</dt><dd>{failure.host}</dd>
                    <dt>{words.timestamp}</dt><dd>{failure.timestamp}</dd>
                    <dt>{words.version}</dt><dd>{failure.version}</dd>
                    <dt>{words.sandbox}</dt><dd>{logs}</dd>
                </dl>
            }
            .into_any()
        }
    };
    view! { <section class="panel"><div class="panel-head"><h2>{words.last_failure}</h2></div>{content}</section> }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(reason: &str, declined: u64, processed: u64) -> RejectStep {
        RejectStep { reason: reason.to_owned(), declined, processed }
    }

    #[test]
    fn the_stage_that_nothing_passes_is_the_reason() {
        let steps = [
            step("UnfulfilledRole", 0, 3),
            step("UnfulfilledConstraint", 3, 3),
            step("InsufficientCpus", 0, 0),
        ];
        assert_eq!(blocking(&steps).unwrap().reason, "UnfulfilledConstraint");
        assert_eq!(blocking(&[step("UnfulfilledRole", 1, 3)]), None);
        assert_eq!(blocking(&[step("UnfulfilledRole", 0, 0)]), None);
    }
}
