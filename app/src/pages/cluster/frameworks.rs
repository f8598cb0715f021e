//! Frameworks: `/ui/frameworks`.

use leptos::prelude::*;
use wire::console::{FrameworkRow, Frameworks, Page, Topic};

use crate::api;
use crate::components::{CopyButton, Crumb, Crumbs, Find, ListLinks, PageTitle, TimeAgo};
use crate::format;
use crate::i18n::ClusterWords;
use crate::live::{Live, Rows, live_page};

/// The lists of frameworks.
#[component]
pub fn FrameworksPage() -> impl IntoView {
    live_page(
        ListLinks::here("").query(),
        &[Topic::Framework, Topic::Task],
        api::cluster::frameworks,
        frameworks,
    )
}

fn frameworks(live: Live<Frameworks>) -> impl IntoView {
    let words = ClusterWords::here();
    let links = ListLinks::here("");
    let rows = move |pick: fn(&Frameworks) -> &Page<FrameworkRow>| {
        live.pick(move |all| pick(all).rows.clone())
    };
    view! {
        <PageTitle text=words.frameworks/>
        <div class="shell solo">
            <main class="main" id="main">
                <Crumbs steps=vec![Crumb::link(words.master, "/"), Crumb::here(words.frameworks)]/>
                <div class="page-head"><h1>{words.frameworks}</h1><span class="grow"></span><Find links=links/></div>
                <FrameworkTable
                    title=words.active_frameworks
                    slug="table-active-frameworks"
                    empty=words.no_active_frameworks
                    rows=rows(|all| &all.active)
                />
                <FrameworkTable
                    title=words.inactive_frameworks
                    slug="table-inactive-frameworks"
                    empty=words.no_inactive_frameworks
                    rows=rows(|all| &all.inactive)
                />
                <FrameworkTable
                    title=words.completed_frameworks
                    slug="table-completed-frameworks"
                    empty=words.no_completed_frameworks
                    rows=rows(|all| &all.completed)
                />
            </main>
        </div>
    }
}

/// A table of frameworks.
#[component]
pub(super) fn FrameworkTable(
    /// Its title.
    title: &'static str,
    /// Its test hook.
    slug: &'static str,
    /// What stands in its place when it has no rows.
    empty: &'static str,
    /// Its rows.
    rows: Memo<Vec<FrameworkRow>>,
) -> impl IntoView {
    let words = ClusterWords::here();
    let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
    let head = |label: &'static str| view! { <th scope="col">{label}</th> };
    let number = |label: &'static str| view! { <th scope="col" class="num">{label}</th> };
    let body = move || {
        (!is_empty.get()).then(|| {
            view! {
                <div class="scroll">
                    <table class="tbl to-cards" data-testid=slug>
                        <caption class="sr">{title}</caption>
                        <thead>
                            <tr>
                                {head(words.id)} {head(words.host)} {head(words.user)} {head(words.name)}
                                {head(words.roles)} {head(words.principal)} {number(words.active_tasks)}
                                {number(words.cpus)} {number(words.gpus)} {number(words.mem)} {number(words.disk)}
                                {number(words.max_share)} {head(words.registered)} {head(words.reregistered)}
                            </tr>
                        </thead>
                        <tbody>
                            <Rows
                                rows=rows
                                key=|row: &FrameworkRow| row.id.clone()
                                cells=|row| view! { <FrameworkCells row=row/> }
                            />
                        </tbody>
                    </table>
                </div>
            }
        })
    };
    view! {
        <section class="panel">
            <div class="panel-head">
                <h2>{title}<span class="n">{move || format::count(rows.with(Vec::len) as u64)}</span></h2>
                {move || is_empty.get().then(|| view! { <span class="muted" data-testid="empty">{empty}</span> })}
            </div>
            {body}
        </section>
    }
}

#[component]
fn FrameworkCells(row: Memo<FrameworkRow>) -> impl IntoView {
    let words = ClusterWords::here();
    let id = Memo::new(move |_| row.with(|row| row.id.clone()));
    let text = move |pick: fn(&FrameworkRow) -> String| move || row.with(pick);
    // The host leads to the framework's own page: this is how users reach the application console.
    let host = move || {
        let (host, url) = row.with(|row| (row.host.clone(), row.webui_url.clone()));
        match url.filter(|url| url.starts_with("http://") || url.starts_with("https://")) {
            Some(url) => view! { <a href=url rel="external noopener">{host}</a> }.into_any(),
            None => view! { <span>{host}</span> }.into_any(),
        }
    };
    view! {
        <td class="head" data-testid="cell-id">
            <span class="kid" title=id>{move || id.with(|id| format::short_id(id))}<CopyButton text=id/></span>
        </td>
        <td data-l=words.host class="nowrap" data-testid="cell-host">{host}</td>
        <td data-l=words.user data-testid="cell-user">{text(|row| row.user.clone())}</td>
        <td data-l=words.name data-testid="cell-name"><span class="strong">{text(|row| row.name.clone())}</span></td>
        <td data-l=words.roles data-testid="cell-roles">{text(|row| row.roles.join(", "))}</td>
        <td data-l=words.principal data-testid="cell-principal">
            {text(|row| row.principal.clone().unwrap_or_else(|| "-".to_owned()))}
        </td>
        <td data-l=words.active_tasks class="num" data-testid="cell-tasks">{text(|row| format::count(row.tasks))}</td>
        <td data-l=words.cpus class="num" data-testid="cell-cpus">{text(|row| format::number(row.used.cpus))}</td>
        <td data-l=words.gpus class="num" data-testid="cell-gpus">{text(|row| format::number(row.used.gpus))}</td>
        <td data-l=words.mem class="num" data-testid="cell-mem">{text(|row| format::mebibytes(row.used.mem))}</td>
        <td data-l=words.disk class="num" data-testid="cell-disk">{text(|row| format::mebibytes(row.used.disk))}</td>
        <td data-l=words.max_share class="num" data-testid="cell-max-share">{text(|row| format::share(row.max_share))}</td>
        <td data-l=words.registered class="nowrap" data-testid="cell-registered">
            <TimeAgo at=Signal::derive(move || row.with(|row| row.registered_ms))/>
        </td>
        <td data-l=words.reregistered class="nowrap" data-testid="cell-reregistered">
            <TimeAgo at=Signal::derive(move || row.with(|row| row.reregistered_ms.or(row.unregistered_ms)))/>
        </td>
    }
}
