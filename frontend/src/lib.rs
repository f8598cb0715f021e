//! The browser's program: takes the server's page over, and nothing else.

use leptos::mount::hydrate_from;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;

/// Makes the page that the server sent a living one.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    let Some(boot) = app::boot::read() else { return };
    let place = document().get_element_by_id("console").and_then(|element| element.dyn_into().ok());
    let Some(place) = place else { return };
    hydrate_from(place, move || view! { <app::App boot=boot/> }).forget();
}
