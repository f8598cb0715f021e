//! "New Application": a form and, one switch away, the same definition as JSON.

use leptos::prelude::*;
use serde_json::Value;

use super::actions::announce;
use super::definition::{Field, summary, template};
use super::form::AppForm;
use super::modal::Modal;
use crate::api::apps::{Change, Refusal, curl, send};
use crate::boot::Boot;
use crate::components::{Command, CopyButton, Dialog, Icon, JsonEditor, Note, Toasts};
use crate::i18n::AppWords;
use crate::i18n::apps::phrases::{self, Done};
use crate::json;

/// The dialog, while the address asks for it.
#[component]
pub(super) fn NewApp() -> impl IntoView {
    let modal = Modal::here();
    let kind = modal.value("modal");
    let template = modal.value("template");
    let is_open = Memo::new(move |_| kind.get() == "new-app");
    move || {
        is_open
            .get()
            .then(|| view! { <NewAppDialog name=template.get_untracked() close=modal.closing()/> })
    }
}

/// What the server found, as lines of a list: where, and what.
fn findings(refusal: &Refusal) -> Vec<(String, String)> {
    let found = refusal.violations.iter().flat_map(|violation| {
        violation.errors.iter().map(|error| (violation.path.clone(), error.clone()))
    });
    found.collect()
}

/// Remarks for the editor: mistakes of the text first, else what the server found, at their lines.
fn notes(text: &str, findings: &[(String, String)]) -> Vec<Note> {
    if let Some((line, _, words)) = json::problem(text) {
        return vec![Note { line, text: words }];
    }
    let note = |(path, error): &(String, String)| {
        let line = json::line_of(text, path)?;
        Some(Note { line, text: error.clone() })
    };
    findings.iter().filter_map(note).collect()
}

/// Whether a definition can be sent: an object with an id.
fn is_sendable(text: &str) -> bool {
    let id = json::value_at(text, &["id"]);
    json::problem(text).is_none() && matches!(id, Some(Value::String(id)) if !id.trim().is_empty())
}

#[component]
fn NewAppDialog(
    /// The template that the address names.
    name: String,
    /// Closes the dialog.
    close: Callback<()>,
) -> impl IntoView {
    let words = AppWords::here();
    let boot = Boot::here();
    let lang = boot.lang;
    let toasts = Toasts::here();
    let begin = template(&name);
    let text = RwSignal::new(begin.to_owned());
    let is_json = RwSignal::new(name == "json");
    let is_asking = RwSignal::new(false);
    let is_busy = RwSignal::new(false);
    let refused = RwSignal::new(None::<Refusal>);
    let found = Memo::new(move |_| {
        refused.with(|refused| refused.as_ref().map(findings).unwrap_or_default())
    });
    let problem = Memo::new(move |_| text.with(|text| json::problem(text)));
    // Whoever types on has seen what was wrong: a lock is asked about anew.
    let is_locked = Memo::new(move |_| {
        refused
            .with(|refused| refused.as_ref().is_some_and(|refusal| !refusal.locked_by.is_empty()))
    });
    let wish_to_close = Callback::new(move |()| {
        if text.with_untracked(|text| text == begin) { close.run(()) } else { is_asking.set(true) }
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let definition = text.get_untracked();
        if is_busy.get_untracked() || !is_sendable(&definition) {
            return;
        }
        is_busy.set(true);
        let force = is_locked.get_untracked();
        leptos::task::spawn_local(async move {
            let id = Field::Id.read(&definition);
            let answer = send(Change::Create { definition }, force).await;
            is_busy.try_set(false);
            match answer {
                Ok(outcome) => {
                    let id = outcome.app.clone().unwrap_or(id);
                    announce(lang, toasts, &Done::Created(id), &outcome);
                    close.try_run(());
                }
                Err(refusal) => {
                    refused.try_set(Some(refusal));
                }
            }
        });
    };
    let origin = boot.origin;
    let command = Signal::derive(move || curl(&origin, &Change::Create { definition: text.get() }));
    let switch = move || {
        view! {
            <label class="toggle scripted">
                {words.json_mode}
                <input
                    type="checkbox"
                    role="switch"
                    data-testid="json-toggle"
                    prop:checked=is_json
                    checked=is_json.get_untracked()
                    on:change=move |event| is_json.set(event_target_checked(&event))
                />
            </label>
        }
    };
    let tools = move || {
        view! {
            <button
                type="button"
                class="btn quiet sm"
                on:click=move |_| {
                    if let Some(pretty) = text.with_untracked(|text| json::pretty(text)) {
                        text.set(pretty);
                    }
                }
            >
                {words.format_json}
            </button>
        }
    };
    let remarks = Signal::derive(move || text.with(|text| found.with(|found| notes(text, found))));
    let body = move || {
        if is_json.get() {
            view! { <div class="cols json"><JsonEditor text=text notes=remarks tools=tools/><Aside text=text/></div> }.into_any()
        } else if problem.with(Option::is_some) {
            view! { <p class="form muted">{words.not_json}</p> }.into_any()
        } else {
            view! { <AppForm text=text errors=found.into()/> }.into_any()
        }
    };
    let can_send = move || text.with(|text| is_sendable(text)) && !is_busy.get();
    view! {
        <Dialog title=words.new_app.to_owned() size="wide" on_close=wish_to_close head=switch>
            <form class="dialog-form" on:submit=submit>
                <Problems refused=refused problem=problem/>
                <div class="unscripted by-hand"><p>{words.no_script_action}</p><Command text=command/></div>
                <div class="scripted fill">{body}</div>
                <Discard is_asking=is_asking close=close/>
                <footer class="scripted">
                    <span class="copy-as"><CopyButton text=command label=words.copy_curl/>{words.copy_curl}</span>
                    <span class="grow"></span>
                    <button type="button" class="btn" data-testid="dialog-cancel" on:click=move |_| wish_to_close.run(())>{words.cancel}</button>
                    <button type="submit" class="btn primary" data-testid="btn-submit-app" disabled=move || !can_send()>
                        {words.create_app}
                    </button>
                </footer>
            </form>
        </Dialog>
    }
}

/// What keeps the definition from being accepted.
#[component]
fn Problems(
    refused: RwSignal<Option<Refusal>>,
    problem: Memo<Option<(usize, usize, String)>>,
) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    move || {
        let (title, lines) = if let Some((line, column, what)) = problem.get() {
            let place = phrases::line_column(lang, line, column);
            (words.not_json.to_owned(), vec![(place, what)])
        } else {
            let refusal = refused.get()?;
            let lines = findings(&refusal);
            let title = match lines.is_empty() {
                true if refusal.locked_by.is_empty() => refusal.message,
                true => words.locked.to_owned(),
                false => words.problem.to_owned(),
            };
            (title, lines)
        };
        let lines = lines
            .into_iter()
            .map(|(path, error)| view! { <li><code>{path}</code>": "{error}</li> });
        Some(view! {
            <div class="alert">
                <div class="banner danger" role="alert" data-testid="form-errors" tabindex="-1">
                    <Icon name="warn"/>
                    <div class="grow"><b>{title}</b><ul>{lines.collect_view()}</ul></div>
                </div>
            </div>
        })
    }
}

/// Asks before typed work is lost.
#[component]
fn Discard(is_asking: RwSignal<bool>, close: Callback<()>) -> impl IntoView {
    let words = AppWords::here();
    move || {
        is_asking.get().then(|| {
            view! {
                <div class="alert" role="alertdialog" aria-label=words.discard_question>
                    <div class="banner warn">
                        <Icon name="warn"/>
                        <div class="grow">{words.discard_question}</div>
                        <button type="button" class="btn sm" on:click=move |_| is_asking.set(false)>{words.keep_editing}</button>
                        <button type="button" class="btn sm danger" data-testid="dialog-discard" on:click=move |_| close.run(())>{words.discard}</button>
                    </div>
                </div>
            }
        })
    }
}

/// "What this will run".
#[component]
fn Aside(text: RwSignal<String>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    // While the text is broken the last good summary stays.
    let shown = Memo::new(move |last: Option<&_>| {
        text.with(|text| summary(text)).or_else(|| last.cloned()).unwrap_or_default()
    });
    let facts = move || {
        let summary = shown.get();
        let (instances, cpus, mem) = &summary.amounts;
        let amounts = phrases::each(lang, instances, cpus, mem);
        let or_dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
        let ports = summary.ports.into_iter().map(|(host, container)| {
            view! {
                <div class="pm">
                    <span>{host}<small>{words.host_port}</small></span>
                    <Icon name="right"/>
                    <span>{container}<small>{words.container_port}</small></span>
                </div>
            }
        });
        view! {
            <section>
                <h3>{words.will_run}</h3>
                <dl class="facts">
                    <dt>{words.image}</dt><dd>{or_dash(summary.image)}</dd>
                    <dt>{words.command}</dt><dd>{or_dash(summary.cmd)}</dd>
                    <dt>{words.instances}</dt><dd>{amounts}</dd>
                    <dt>{words.network}</dt><dd>{if summary.is_bridged { words.bridged } else { words.host_network }}</dd>
                    <dt>{words.constraints}</dt><dd>{or_dash(summary.constraints.join(", "))}</dd>
                </dl>
            </section>
            <section><h3>{words.ports}</h3>{ports.collect_view()}</section>
        }
    };
    view! { <aside class="aside sum" aria-label=words.will_run>{facts}</aside> }
}

#[cfg(test)]
mod tests {
    use wire::marathon::Violation;

    use super::*;

    #[test]
    fn what_the_server_found_stands_at_its_line() {
        let refusal = Refusal {
            violations: vec![Violation {
                path: "/cpus".to_owned(),
                errors: vec!["got -1, expected 0.0 or more".to_owned()],
            }],
            ..Refusal::default()
        };
        let text = "{\n  \"id\": \"a\",\n  \"cpus\": -1\n}";
        assert_eq!(
            notes(text, &findings(&refusal)),
            [Note { line: 3, text: "got -1, expected 0.0 or more".to_owned() }]
        );
    }

    #[test]
    fn a_mistake_in_the_text_comes_first() {
        let notes = notes("{\n\"id\": }", &[("/id".to_owned(), "x".to_owned())]);
        assert_eq!((notes.len(), notes[0].line), (1, 2));
    }

    #[test]
    fn only_an_object_with_an_id_is_sent() {
        assert!(is_sendable("{\"id\": \"a\"}"));
        for text in ["{\"id\": \"\"}", "{}", "[]", "{\"id\": \"a\"", ""] {
            assert!(!is_sendable(text), "{text}");
        }
    }
}
