//! The files of a folder.

use leptos::prelude::*;
use wire::console::FileEntry;

use super::{file_address, folder_address};
use crate::api::files::{SandboxQuery, address, is_folder, name};
use crate::boot::Now;
use crate::components::{CopyButton, Icon};
use crate::format;
use crate::i18n::{ClusterWords, ShellWords};
use crate::live::Rows;

/// The folder's path and its entries.
#[component]
pub(super) fn Files(
    /// Where the page is.
    query: Memo<SandboxQuery>,
    /// The folder's entries.
    entries: Memo<Vec<FileEntry>>,
) -> impl IntoView {
    let words = ClusterWords::here();
    let empty = move || {
        entries
            .with(Vec::is_empty)
            .then(|| view! { <p class="empty sm" data-testid="empty">{words.no_files}</p> })
    };
    view! {
        <section class="panel">
            <div class="panel-head"><h2>{words.files}</h2></div>
            <FolderPath query=query/>
            <div class="scroll">
                <table class="tbl files" data-testid="table-files">
                    <caption class="sr">{words.files}</caption>
                    <thead>
                        <tr>
                            <th scope="col">{words.file_name}</th>
                            <th scope="col" class="small">{words.mode}</th>
                            <th scope="col" class="num">{words.size}</th>
                            <th scope="col" class="num">{words.modified}</th>
                            <th scope="col"><span class="sr">{ShellWords::here().download}</span></th>
                        </tr>
                    </thead>
                    <tbody>
                        <Rows
                            rows=entries
                            key=|entry: &FileEntry| entry.path.clone()
                            cells=move |entry| view! { <FileCells query=query entry=entry/> }
                        />
                    </tbody>
                </table>
            </div>
            {empty}
        </section>
    }
}

#[component]
fn FileCells(query: Memo<SandboxQuery>, entry: Memo<FileEntry>) -> impl IntoView {
    let shell = ShellWords::here();
    let now = Now::here();
    let agent = move || query.with(|query| query.agent.clone());
    let own_name = Memo::new(move |_| entry.with(|entry| name(entry).to_owned()));
    let is_dir = Memo::new(move |_| entry.with(is_folder));
    let href = move || {
        let (agent, folder) = query.with(|query| (query.agent.clone(), query.path.clone()));
        if is_dir.get() {
            entry.with(|entry| folder_address(&agent, &entry.path))
        } else {
            own_name.with(|name| file_address(&agent, &folder, name))
        }
    };
    let is_open = move || {
        let is_open =
            query.with(|query| query.file.is_some() && query.file == Some(own_name.get()));
        is_open.then_some("true")
    };
    let download = move || {
        (!is_dir.get()).then(|| {
            let href = entry.with(|entry| address(&agent(), "download", &entry.path));
            view! {
                <a class="copy" href=href rel="external" download="" aria-label=shell.download title=shell.download>
                    <Icon name="download"/>
                </a>
            }
        })
    };
    view! {
        <td data-testid="cell-name">
            <Icon name=Signal::derive(move || if is_dir.get() { "group" } else { "file" })/>
            " "
            <a class="name" href=href aria-current=is_open>{own_name}</a>
        </td>
        <td class="mono muted small" data-testid="cell-mode">{move || entry.with(|entry| entry.mode.clone())}</td>
        <td class="num" data-testid="cell-size">{move || entry.with(|entry| size(entry.size))}</td>
        <td class="num muted" data-testid="cell-modified">
            {move || entry.with(|entry| format::file_time(now.get(), modified(entry.mtime)))}
        </td>
        <td class="act" data-testid="cell-download">{download}</td>
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size for readers")]
pub(super) fn size(bytes: u64) -> String {
    format::bytes(bytes as f64)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time after 1970, in milliseconds"
)]
fn modified(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0) as u64
}

/// The path as links; only folders of the sandbox can be browsed, so what is above it is text.
#[component]
fn FolderPath(query: Memo<SandboxQuery>) -> impl IntoView {
    let words = ClusterWords::here();
    let path = Memo::new(move |_| query.with(|query| query.path.clone()));
    let steps = move || {
        let agent = query.with(|query| query.agent.clone());
        let steps = path.with(|path| steps_of(path));
        let last = steps.len().saturating_sub(1);
        steps
            .into_iter()
            .enumerate()
            .map(|(at, (name, target))| {
                let shown = short(&name);
                let step = match target {
                    _ if at == last => view! { <b title=name>{shown}</b> }.into_any(),
                    Some(target) => {
                        let href = folder_address(&agent, &target);
                        view! { <a href=href>{shown}</a> }.into_any()
                    }
                    None => view! { <span title=name>{shown}</span> }.into_any(),
                };
                view! { {step}{(at < last).then_some(" / ")} }
            })
            .collect_view()
    };
    view! { <p class="path mono">{steps}" "<CopyButton text=path label=words.copy_path/></p> }
}

/// Each part of a path with the folder it stands for, where that can be browsed.
fn steps_of(path: &str) -> Vec<(String, Option<String>)> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let first = parts.iter().position(|part| *part == "runs").map_or(0, |runs| runs + 1);
    let target = |at: usize| (at >= first).then(|| format!("/{}", parts[..=at].join("/")));
    parts.iter().enumerate().map(|(at, part)| ((*part).to_owned(), target(at))).collect()
}

fn short(part: &str) -> String {
    let task = format::short_task(part);
    if task == part { format::short_id(part) } else { task }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_the_sandbox_are_links() {
        let steps = steps_of("/frameworks/F/executors/E/runs/latest/conf");
        let links: Vec<_> = steps.iter().filter_map(|(_, target)| target.as_deref()).collect();
        assert_eq!(
            links,
            ["/frameworks/F/executors/E/runs/latest", "/frameworks/F/executors/E/runs/latest/conf"]
        );
        assert_eq!(
            short("look.instance-826253b9-e862-11f1-92bb-017a29b9aac1._app.1"),
            "look.instance-826253b9…"
        );
        assert_eq!(steps_of("/a/b")[0], ("a".to_owned(), Some("/a".to_owned())));
    }
}
