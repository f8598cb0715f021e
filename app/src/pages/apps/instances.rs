//! The instances of an application.

use leptos::prelude::*;
use wire::console::{AppDetail, InstanceRow};

use super::place;
use crate::boot::Boot;
use crate::components::{CopyButton, Health, Icon, TimeAgo};
use crate::format;
use crate::i18n::AppWords;
use crate::i18n::apps::phrases;
use crate::live::Rows;

/// The word for what an instance does.
fn word(row: &InstanceRow) -> String {
    let words = AppWords::here();
    match row.condition.as_str() {
        "Provisioned" | "Staging" | "Starting" => words.staged.to_owned(),
        "Running" => words.started.to_owned(),
        "Killing" => words.killing.to_owned(),
        "Unreachable" | "UnreachableInactive" => words.unreachable.to_owned(),
        "Scheduled" => words.waiting.to_owned(),
        _ => format::short_state(&row.state).to_owned(),
    }
}

/// The table of instances.
#[component]
pub(super) fn Instances(detail: Memo<AppDetail>) -> impl IntoView {
    let words = AppWords::here();
    let rows = Memo::new(move |_| detail.with(|detail| detail.instances.clone()));
    let none = move || {
        rows.with(Vec::is_empty).then(|| {
            view! {
                <div class="empty" data-testid="empty"><h2>{words.no_instances}</h2><p>{words.no_instances_text}</p></div>
            }
        })
    };
    let head = |label: &'static str| view! { <th scope="col">{label}</th> };
    view! {
        <section class="panel">
            <div class="scroll">
                <table class="tbl to-cards tall" data-testid="table-instances">
                    <caption class="sr">{words.instances_tab}</caption>
                    <thead>
                        <tr>
                            {head(words.id)} {head(words.host)} {head(words.health)} {head(words.status)} {head(words.error_log)}
                            {head(words.output_log)} {head(words.version)} {head(words.updated)}
                        </tr>
                    </thead>
                    <tbody><Rows rows=rows key=|row: &InstanceRow| row.task.clone() cells=|row| view! { <Cells row=row/> }/></tbody>
                </table>
            </div>
            {none}
        </section>
    }
}

#[component]
fn Cells(row: Memo<InstanceRow>) -> impl IntoView {
    let words = AppWords::here();
    let task = Memo::new(move |_| row.with(|row| row.task.clone()));
    let ports = Memo::new(move |_| row.with(|row| (row.host.clone(), row.ports.clone())));
    let endpoints = move || {
        let (host, ports) = ports.get();
        let links = ports.into_iter().map(|port| {
            let address = format!("{host}:{port}");
            view! { <a href=format!("http://{address}/") rel="external noopener">{address.clone()}</a>" " }
        });
        links.collect_view()
    };
    let log = move |file: &'static str| {
        view! {
            <span class="logs nowrap">
                <a href=move || task.with(|task| place::download(task, file)) rel="external"><Icon name="download"/>{file}</a>
                <a href=move || task.with(|task| place::view(task, file)) rel="external" title=words.view_log aria-label=format!("{} {file}", words.view_log)>
                    <Icon name="logs"/>
                </a>
            </span>
        }
    };
    let lang = Boot::here().lang;
    let check = move || {
        let found = row.with(|row| row.check)?;
        let text = phrases::check_found(lang, found);
        Some(view! { <span class="sub" title=words.check_hint data-testid="check">{text}</span> })
    };
    view! {
        <td class="head" data-testid="cell-id">
            <span class="kid" title=task>
                <a class="name mono" href=move || task.with(|task| place::sandbox(task)) rel="external" title=words.sandbox>
                    {move || task.with(|task| format::short_task(task))}
                </a>
                <CopyButton text=task/>
            </span>
            <span class="sub mono">{endpoints}</span>
        </td>
        <td data-l=words.host data-testid="cell-host">{move || row.with(|row| row.host.clone())}</td>
        <td data-l=words.health data-testid="cell-health"><Health healthy=Signal::derive(move || row.with(|row| row.healthy))/>{check}</td>
        <td data-l=words.status data-testid="cell-status">
            {move || row.with(word)}
            {move || row.with(|row| row.news.clone()).map(|news| view! { <span class="sub" data-testid="news">{news}</span> })}
        </td>
        <td data-l=words.error_log data-testid="cell-stderr">{log("stderr")}</td>
        <td data-l=words.output_log data-testid="cell-stdout">{log("stdout")}</td>
        <td data-l=words.version class="nowrap" data-testid="cell-version">
            <TimeAgo at=Signal::derive(move || row.with(|row| Some(row.version_ms)))/>
        </td>
        <td data-l=words.updated class="nowrap" data-testid="cell-updated">
            <TimeAgo at=Signal::derive(move || row.with(|row| Some(row.started_ms.unwrap_or(row.staged_ms))))/>
        </td>
    }
}
