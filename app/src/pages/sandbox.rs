//! A sandbox: `/ui/agents/:id/browse?path=&file=&offset=`. Both consoles show it.
//!
//! Files at the left, the open one at the right. Without JavaScript the last part of the file stands in the page, with links
//! to older and newer parts; with it the file is followed.

mod ansi;
mod files;
mod follow;
mod hunt;
mod log;
mod search;
mod view;
mod viewer;

use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_params_map};
use wire::console::{escape, query_pairs};

use self::files::Files;
use self::viewer::Viewer;
use crate::api;
use crate::api::files::{Sandbox, SandboxQuery};
use crate::boot::{Boot, ConsoleKind};
use crate::components::{Crumb, Crumbs, Icon, PageTitle};
use crate::format;
use crate::i18n::{ClusterWords, ShellWords};
use crate::live::{Live, live_page};

/// The address of a folder on an agent.
pub fn folder_address(agent: &str, path: &str) -> String {
    format!("/ui/agents/{}/browse?path={}", escape(agent), escape(path))
}

/// The address of a file in a folder on an agent.
pub fn file_address(agent: &str, folder: &str, name: &str) -> String {
    format!("{}&file={}", folder_address(agent, folder), escape(name))
}

/// Reads what the address asks for.
fn question(agent: String, search: &str) -> SandboxQuery {
    let mut query = SandboxQuery { agent, ..SandboxQuery::default() };
    for (key, value) in query_pairs(search.trim_start_matches('?')) {
        match key.as_str() {
            "path" => query.path = value,
            "file" if !value.is_empty() => query.file = Some(value),
            "offset" => query.offset = value.parse().ok(),
            _ => {}
        }
    }
    query
}

/// The sandbox page.
#[component]
pub fn SandboxPage() -> impl IntoView {
    let params = use_params_map();
    let search = use_location().search;
    let query = Memo::new(move |_| {
        let agent = params.with(|params| params.get("id").unwrap_or_default());
        search.with(|search| question(agent, search))
    });
    live_page(query, &[], api::files::sandbox, move |live| sandbox(query, live))
}

fn sandbox(query: Memo<SandboxQuery>, live: Live<Sandbox>) -> impl IntoView {
    let words = ClusterWords::here();
    let entries = live.pick(|sandbox| sandbox.entries.clone());
    // A new viewer for each file and place; what it shows afterwards is its own affair.
    let place = live.pick(|sandbox| sandbox.opened.as_ref().map(|opened| opened.path.clone()));
    let asked = Memo::new(move |_| query.with(|query| query.offset));
    let viewer = move || {
        // Read, not only tracked: a memo without a value counts as changed when it is looked at first, and the reader's search would go.
        asked.with(|_| ());
        if place.with(Option::is_none) {
            return view! { <section class="panel empty"><p>{words.pick_file}</p></section> }
                .into_any();
        }
        let opened = untrack(|| live.pick(|sandbox| sandbox.opened.clone()).get());
        opened
            .map(|opened| view! { <Viewer query=query entries=entries opened=opened/> })
            .into_any()
    };
    view! {
        <PageTitle text=words.sandbox/>
        <div class="shell solo">
            <main class="main" id="main">
                <Head query=query/>
                <div class="work"><Files query=query entries=entries/>{viewer}</div>
            </main>
        </div>
    }
}

#[component]
fn Head(query: Memo<SandboxQuery>) -> impl IntoView {
    let words = ClusterWords::here();
    let shell = ShellWords::here();
    let kind = Boot::here().kind;
    let crumbs = move || {
        let agent = query.with(|query| query.agent.clone());
        let name = format!("{} {}", words.agent, format::short_id(&agent));
        let steps = match kind {
            ConsoleKind::Cluster => vec![
                Crumb::link(words.master, "/"),
                Crumb::link(name, format!("/ui/agents/{}", escape(&agent))),
                Crumb::here(words.browse),
            ],
            ConsoleKind::Apps => {
                vec![Crumb::link(shell.applications, "/ui/apps"), Crumb::here(words.browse)]
            }
        };
        view! { <Crumbs steps=steps/> }
    };
    let executor = Memo::new(move |_| query.with(|query| executor_of(&query.path)));
    let download = move || {
        query.with(|query| {
            let path = api::files::join(&query.path, query.file.as_ref()?);
            let href = api::files::address(&query.agent, "download", &path);
            Some(view! {
                <a class="btn" href=href rel="external" download="" data-testid="log-download">
                    <Icon name="download"/>
                    {shell.download}
                </a>
            })
        })
    };
    view! {
        {crumbs}
        <div class="page-head">
            <h1>{words.sandbox}</h1>
            <span class="dim mono" title=executor>{move || executor.with(|id| format::short_task(id))}</span>
            <span class="grow"></span>
            {download}
        </div>
    }
}

/// The executor whose sandbox a path is in; empty when it names none.
fn executor_of(path: &str) -> String {
    let mut parts = path.split('/').skip_while(|part| *part != "executors").skip(1);
    parts.next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_which_file_and_where() {
        let query = question("S1".to_owned(), "?path=%2Fa%20b&file=stdout&offset=7");
        assert_eq!(query.path, "/a b");
        assert_eq!((query.file.as_deref(), query.offset), (Some("stdout"), Some(7)));
        assert_eq!(question("S1".to_owned(), "path=/x&file=&offset=no").file, None);
    }

    #[test]
    fn ids_and_paths_are_escaped() {
        assert_eq!(
            file_address("a/b", "/x y/日", "std"),
            "/ui/agents/a%2Fb/browse?path=%2Fx%20y%2F%E6%97%A5&file=std"
        );
    }

    #[test]
    fn a_sandboxs_path_names_its_executor() {
        assert_eq!(executor_of("/frameworks/F/executors/nginx.1/runs/latest"), "nginx.1");
        assert_eq!(executor_of("/tmp"), "");
    }
}
