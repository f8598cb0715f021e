//! Rows of a table, each with its own memo: an update touches the cells that differ, and nothing moves that did not.

use std::time::Duration;

use leptos::prelude::*;

/// How long a changed row stays tinted; a little longer than the animation.
const FLASH: Duration = Duration::from_millis(700);

/// The body rows of a table, keyed; `cells` makes the cells of one row and reads it through its memo.
#[component]
pub fn Rows<T, F, V>(
    /// The rows in order.
    rows: Memo<Vec<T>>,
    /// What stays the same while a row changes.
    key: fn(&T) -> String,
    /// What the test hook `data-key` says; the key unless told.
    #[prop(optional)]
    hook: Option<fn(&T) -> String>,
    /// The cells of one row.
    cells: F,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Fn(Memo<T>) -> V + Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let keys = move || rows.with(|rows| rows.iter().map(key).collect::<Vec<_>>());
    let row = move |wanted: String| {
        let row = Memo::new(move |previous: Option<&T>| {
            rows.with(|rows| rows.iter().find(|row| key(row) == wanted).cloned())
                .or_else(|| previous.cloned())
                .expect("a row is made only for a key that the rows have")
        });
        let id = row.with_untracked(hook.unwrap_or(key));
        let flash = flashing(row);
        let cells = cells(row);
        view! { <tr data-testid="row" data-key=id class:flash=flash>{cells}</tr> }
    };
    view! { <For each=keys key=Clone::clone children=row/> }
}

/// True for a moment after the row has changed.
fn flashing<T: Clone + PartialEq + Send + Sync + 'static>(row: Memo<T>) -> RwSignal<bool> {
    let flash = RwSignal::new(false);
    Effect::new(move |is_later: Option<bool>| {
        row.track();
        if is_later.is_some() {
            flash.set(true);
            set_timeout(
                move || {
                    flash.try_set(false);
                },
                FLASH,
            );
        }
        true
    });
    flash
}
