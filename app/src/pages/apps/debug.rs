//! Why an application waits, what changed last, what failed last.

use leptos::prelude::*;
use wire::console::AppDetail;
use wire::marathon::QueueItem;

use super::modal::Modal;
use super::place;
use super::waiting::{Cause, Help, blocking, cause, constraints, helps, offered};
use crate::boot::Boot;
use crate::components::{Icon, TimeAgo, Tone};
use crate::format;
use crate::i18n::AppWords;
use crate::i18n::apps::phrases;

/// The tab.
#[component]
pub(super) fn Debug(detail: Memo<AppDetail>) -> impl IntoView {
    let queue = Memo::new(move |_| detail.with(|detail| detail.queue.clone()));
    let waits = Memo::new(move |_| queue.with(Option::is_some));
    let item = Memo::new(move |last: Option<&QueueItem>| {
        queue.get().or_else(|| last.cloned()).unwrap_or_default()
    });
    move || {
        if waits.get() {
            view! {
                <section class="panel" data-testid="explain"><Sentence item=item detail=detail/></section>
                <div class="exp">
                    <div class="lcol"><Funnel item=item/><Changes detail=detail/><Failure detail=detail/></div>
                    <section class="panel"><Agents item=item/><WhatHelps item=item detail=detail/></section>
                </div>
            }
            .into_any()
        } else {
            let words = AppWords::here();
            view! {
                <section class="panel" data-testid="explain">
                    <div class="panel-head"><h2>{words.placement}</h2><span class="muted">{words.not_waiting}</span></div>
                </section>
                <div class="two-up"><Changes detail=detail/><Failure detail=detail/></div>
            }
            .into_any()
        }
    }
}

/// How many wait, and the one thing that keeps them.
#[component]
fn Sentence(item: Memo<QueueItem>, detail: Memo<AppDetail>) -> impl IntoView {
    let lang = Boot::here().lang;
    let say = move || {
        let (running, wanted) =
            detail.with(|detail| (detail.row.tally.running, detail.row.tally.wanted));
        item.with(|item| {
            let cause = cause(item);
            let is_constraint = cause == Cause::Stage("UnfulfilledConstraint".to_owned());
            let sentence = match cause {
                Cause::BackOff(_) => phrases::delayed_sentence,
                Cause::NoOffer | Cause::Stage(_) | Cause::Mixed => phrases::waiting_sentence,
            };
            let sentence = sentence(lang, running, wanted, item.count);
            let reason = match cause {
                Cause::BackOff(seconds) => phrases::retry_in(lang, seconds),
                Cause::NoOffer => phrases::no_offer_yet(lang).to_owned(),
                Cause::Stage(reason) => phrases::reject_reason(lang, &reason),
                Cause::Mixed => phrases::mixed_reasons(lang).to_owned(),
            };
            let constraints = is_constraint.then(|| {
                let all = constraints(item).into_iter();
                all.map(|text| view! { " "<code>{text}</code> }).collect_view()
            });
            view! { <b>{sentence}</b>" "{reason}{constraints} }
        })
    };
    let since = Signal::derive(move || detail.with(|detail| detail.waiting_since_ms));
    let seen = move || {
        item.with(|item| {
            let offers = &item.processed_offers_summary;
            phrases::offers_seen(lang, offers.processed_offers_count, offers.unused_offers_count)
        })
    };
    view! {
        <div class="why">
            <Icon name="clock"/>
            <p class="say" data-testid="why">{say}</p>
            <p class="meta"><TimeAgo at=since/>" · "{seen}</p>
        </div>
    }
}

/// What became of the newest offer of each agent, requirement by requirement.
#[component]
fn Funnel(item: Memo<QueueItem>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let stages = move || {
        let steps =
            item.with(|item| item.processed_offers_summary.reject_summary_last_offers.clone());
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
        stages.collect_view()
    };
    view! {
        <section class="panel">
            <div class="panel-head"><h2>{words.offers}</h2><span class="muted">{words.matched_seen}</span></div>
            <ol class="funnel">{stages}</ol>
        </section>
    }
}

/// Each agent's last offer against what one instance asks for.
#[component]
fn Agents(item: Memo<QueueItem>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let needs = Memo::new(move |_| item.with(|item| (item.app.cpus, item.app.mem)));
    let enough = |is_enough: bool, text: String| {
        let tone = if is_enough { Tone::OK } else { Tone::DANGER };
        view! { <span class=format!("status {}", tone.class)><Icon name=tone.icon/><span class:tx=is_enough>{text}</span></span> }
    };
    let mebibytes = |mem: f64| format::bytes_iec(mem * 1_048_576.0, 2);
    let rows = move || {
        let (cpus, mem) = needs.get();
        let offers = item.with(|item| item.last_unused_offers.clone().unwrap_or_default());
        let rows = offers.into_iter().map(|unused| {
            let has = (offered(&unused.offer, "cpus"), offered(&unused.offer, "mem"));
            let is_enough = (has.0 >= cpus, has.1 >= mem);
            let reasons: Vec<String> =
                unused.reason.iter().map(|reason| phrases::reject_reason(lang, reason)).collect();
            let cpus_text = phrases::offered(lang, &format::number(has.0));
            let mem_text = phrases::offered(lang, &mebibytes(has.1));
            view! {
                <tr>
                    <td class="head"><span class="name">{unused.offer.hostname}</span></td>
                    <td data-l=words.cpu class:no=!is_enough.0>{enough(is_enough.0, cpus_text)}</td>
                    <td data-l=words.memory class:no=!is_enough.1>{enough(is_enough.1, mem_text)}</td>
                    <td data-l=words.reason>{reasons.join("; ")}</td>
                    <td data-l=words.seen_at class="nowrap dim"><TimeAgo at=Signal::derive(move || format::from_iso(&unused.timestamp))/></td>
                </tr>
            }
        });
        rows.collect_view()
    };
    let is_empty = move || {
        item.with(|item| item.last_unused_offers.as_ref().is_none_or(Vec::is_empty))
            .then(|| view! { <p class="empty sm">{words.no_offers}</p> })
    };
    view! {
        <div class="panel-head"><h2>{words.agents}</h2><span class="muted">{words.what_it_meets}</span></div>
        <div class="scroll">
            <table class="tbl mx to-cards" data-testid="table-offers">
                <caption class="sr">{words.what_it_meets}</caption>
                <thead>
                    <tr>
                        <th scope="col" class="head">{words.agent}</th>
                        <th scope="col">{words.cpu}<small>{move || phrases::needs(lang, &format::number(needs.get().0))}</small></th>
                        <th scope="col">{words.memory}<small>{move || phrases::needs(lang, &mebibytes(needs.get().1))}</small></th>
                        <th scope="col">{words.reason}</th>
                        <th scope="col">{words.seen_at}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {is_empty}
    }
}

/// What one can do about it, the least first.
#[component]
fn WhatHelps(item: Memo<QueueItem>, detail: Memo<AppDetail>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let modal = Modal::here();
    let running = Memo::new(move |_| detail.with(|detail| detail.row.tally.running));
    let found = Memo::new(move |_| item.with(|item| helps(item, running.get())));
    let list = move || {
        let helps = found.get().into_iter().enumerate().map(|(at, help)| {
            let (title, text) = phrases::help(lang, &help);
            let button = match &help {
                Help::ScaleTo(_) => Some((modal.href("scale", ""), words.scale_app)),
                Help::AskForLess { .. } | Help::AnyPort | Help::Constraint(_) => {
                    let href = detail.with(|detail| place::tab(&detail.row.id, place::Tab::Configuration));
                    Some((href, words.configuration))
                }
                Help::AddAgent | Help::LastFailure => None,
            };
            let button = button.map(|(href, label)| view! { <a class="btn" href=href data-noscroll="">{label}</a> });
            view! { <li><span class="k">{at + 1}</span><div>{title}<p>{text}</p></div>{button}</li> }
        });
        helps.collect_view()
    };
    move || {
        (!found.with(Vec::is_empty)).then(|| {
            view! {
                <div class="panel-head ruled"><h2>{words.what_helps}</h2></div>
                <ol class="fixes" data-testid="what-helps">{list}</ol>
            }
        })
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
            view! { <span class="nowrap">{format::iso(scaling)}</span>" ("<TimeAgo at=Some(scaling)/>")" }.into_any()
        }
    };
    let configuration = move || {
        let (_, configuration) = times.get();
        view! { <span class="nowrap">{format::iso(configuration)}</span>" ("<TimeAgo at=Some(configuration)/>")" }
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
