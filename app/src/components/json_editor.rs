//! An editor for JSON: a plain text area over its own highlighted lines.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;

use crate::boot::Boot;
use crate::i18n::AppWords;
use crate::i18n::apps::phrases;
use crate::json::paint;

/// A remark beside a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The line, from 1.
    pub line: usize,
    /// The remark.
    pub text: String,
}

/// Highlighted lines with numbers; `notes` stand at the end of theirs.
#[component]
pub fn JsonLines(
    /// The text.
    #[prop(into)]
    text: Signal<String>,
    /// Remarks.
    #[prop(optional, into)]
    notes: Signal<Vec<Note>>,
) -> impl IntoView {
    let lines = move || {
        let notes = notes.get();
        text.with(|text| {
            let lines = text.split('\n').enumerate().map(|(at, line)| {
                let remarks: Vec<_> = notes
                    .iter()
                    .filter(|note| note.line == at + 1)
                    .map(|note| note.text.clone())
                    .collect();
                let is_bad = !remarks.is_empty();
                let pieces = paint(line).into_iter().map(|piece| {
                    view! { <span class=piece.class>{piece.text}</span> }
                });
                let pieces = pieces.collect_view();
                let remark = is_bad.then(|| view! { <em class="lens">{remarks.join(" · ")}</em> });
                view! { <li class:bad=is_bad><span>{pieces}{remark}</span></li> }
            });
            lines.collect_view()
        })
    };
    view! { <ol>{lines}</ol> }
}

/// The editor. Tab indents, Shift+Tab leaves it.
#[component]
pub fn JsonEditor(
    /// The text.
    text: RwSignal<String>,
    /// Remarks beside lines.
    #[prop(into)]
    notes: Signal<Vec<Note>>,
    /// Buttons above it.
    #[prop(into)]
    tools: ViewFn,
) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let place = NodeRef::<html::Textarea>::new();
    let caret = RwSignal::new((1_usize, 1_usize));
    let look = move || {
        if let Some(found) = caret_of(place, text) {
            caret.set(found);
        }
    };
    let key = move |event: KeyboardEvent| {
        let is_plain =
            !event.shift_key() && !event.ctrl_key() && !event.alt_key() && !event.meta_key();
        if event.key() == "Tab" && is_plain {
            event.prevent_default();
            type_text("  ");
        }
    };
    let shown = move || {
        let (line, column) = caret.get();
        phrases::line_column(lang, line, column)
    };
    view! {
        <div class="ed">
            <div class="tools">{tools.run()}<span class="grow"></span><span>{shown}</span></div>
            <div class="code">
                <div class="typed">
                    <div aria-hidden="true"><JsonLines text=text notes=notes/></div>
                    <textarea
                        node_ref=place
                        aria-label=words.json_label
                        data-testid="json-editor"
                        spellcheck="false"
                        autocapitalize="off"
                        autocomplete="off"
                        wrap="off"
                        prop:value=text
                        on:input=move |event| { text.set(event_target_value(&event)); look(); }
                        on:keydown=key
                        on:keyup=move |_| look()
                        on:click=move |_| look()
                    >
                        {text.get_untracked()}
                    </textarea>
                </div>
            </div>
        </div>
    }
}

/// Line and column, from 1, of a place counted in UTF-16 units, as browsers count.
#[cfg_attr(
    not(any(test, feature = "hydrate")),
    expect(dead_code, reason = "only a browser has a caret")
)]
fn line_and_column(text: &str, units: usize) -> (usize, usize) {
    let (mut line, mut column, mut seen) = (1, 1, 0);
    for c in text.chars() {
        if seen >= units {
            break;
        }
        seen += c.len_utf16();
        if c == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    (line, column)
}

#[cfg(feature = "hydrate")]
fn caret_of(place: NodeRef<html::Textarea>, text: RwSignal<String>) -> Option<(usize, usize)> {
    let units = place.get_untracked()?.selection_start().ok()??;
    Some(text.with_untracked(|text| line_and_column(text, units as usize)))
}

#[cfg(not(feature = "hydrate"))]
fn caret_of(_place: NodeRef<html::Textarea>, _text: RwSignal<String>) -> Option<(usize, usize)> {
    None
}

/// Types into what has the focus, so that undo knows it.
#[cfg(feature = "hydrate")]
fn type_text(text: &str) {
    use leptos::wasm_bindgen::JsCast as _;

    if let Ok(document) = document().dyn_into::<web_sys::HtmlDocument>() {
        let _ = document.exec_command_with_show_ui_and_value("insertText", false, text);
    }
}

#[cfg(not(feature = "hydrate"))]
fn type_text(_text: &str) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_is_counted_as_a_reader_counts() {
        assert_eq!(line_and_column("", 0), (1, 1));
        assert_eq!(line_and_column("ab\ncd", 4), (2, 2));
        assert_eq!(line_and_column("\u{1F600}x", 2), (1, 2));
        assert_eq!(line_and_column("ab", 99), (1, 3));
    }
}
