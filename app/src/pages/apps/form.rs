//! The form of a new application; the JSON text is its only state.

use leptos::prelude::*;

use super::definition::{
    Field, PortField, is_bridged, port, port_count, with_network, with_new_port, with_port,
    without_port,
};
use crate::components::Icon;
use crate::i18n::AppWords;

/// An error of the server at a field: its path and text.
pub(super) type FieldErrors = Signal<Vec<(String, String)>>;

/// The form.
#[component]
pub(super) fn AppForm(
    /// The definition.
    text: RwSignal<String>,
    /// What the server found.
    errors: FieldErrors,
) -> impl IntoView {
    let words = AppWords::here();
    let required = view! { " "<span class="opt">{words.required}</span> };
    view! {
        <div class="form">
            <fieldset class="form-sec" data-testid="form-section-general">
                <legend class="sr">{words.general}</legend>
                <h3>{words.general}</h3>
                <div class="grid">
                    <Input field=Field::Id text=text errors=errors label=words.id width=12>{required}</Input>
                    <Input field=Field::Cpus text=text errors=errors label=words.cpus width=4/>
                    <Input field=Field::Mem text=text errors=errors label=words.memory_mib width=4/>
                    <Input field=Field::Instances text=text errors=errors label=words.instances width=4/>
                    <Input field=Field::Cmd text=text errors=errors label=words.command width=12 help=words.command_help/>
                </div>
            </fieldset>
            <fieldset class="form-sec" data-testid="form-section-container">
                <legend class="sr">{words.docker}</legend>
                <h3>{words.docker}</h3>
                <div class="grid">
                    <Input field=Field::Image text=text errors=errors label=words.image width=8/>
                    <div class="field" style="--c:4">
                        <label for="dockerNetwork">{words.network}</label>
                        <select
                            class="in"
                            id="dockerNetwork"
                            data-testid="field-dockerNetwork"
                            prop:value=move || if text.with(|text| is_bridged(text)) { "bridge" } else { "host" }
                            on:change=move |event| {
                                let is_bridged = event_target_value(&event) == "bridge";
                                text.update(|text| *text = with_network(text, is_bridged));
                            }
                        >
                            <option value="bridge">{words.bridged}</option>
                            <option value="host" selected=move || !text.with(|text| is_bridged(text))>{words.host_network}</option>
                        </select>
                    </div>
                </div>
            </fieldset>
            {move || text.with(|text| is_bridged(text)).then(|| view! { <Ports text=text/> })}
            <p class="fitline"><Icon name="info"/>{words.json_only}</p>
        </div>
    }
}

#[component]
fn Input(
    field: Field,
    text: RwSignal<String>,
    errors: FieldErrors,
    label: &'static str,
    width: u8,
    #[prop(optional)] help: Option<&'static str>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let words = AppWords::here();
    let path = format!("/{}", field.keys().join("/"));
    let problem = Memo::new(move |_| {
        let told = errors.with(|errors| {
            errors.iter().find(|(known, _)| *known == path).map(|(_, text)| text.clone())
        });
        told.or_else(|| text.with(|text| field.is_wrong(text)).then(|| words.a_number.to_owned()))
    });
    let below = move || match problem.get() {
        Some(problem) => view! { <span class="err"><Icon name="warn"/>{problem}</span> }.into_any(),
        None => view! { <span class="help">{help}</span> }.into_any(),
    };
    view! {
        <div class="field" style=format!("--c:{width}")>
            <label for=field.name()>{label}{children.map(|children| children())}</label>
            <input
                class="in"
                class:code=field == Field::Cmd
                id=field.name()
                data-testid=format!("field-{}", field.name())
                autocomplete="off"
                spellcheck="false"
                inputmode=if field.is_number() { "decimal" } else { "text" }
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                prop:value=move || text.with(|text| field.read(text))
                on:input=move |event| {
                    let typed = event_target_value(&event);
                    text.update(|text| *text = field.write(text, &typed));
                }
            />
            {below}
        </div>
    }
}

#[component]
fn Ports(text: RwSignal<String>) -> impl IntoView {
    let words = AppWords::here();
    let count = Memo::new(move |_| text.with(|text| port_count(text)));
    let input = move |row: usize, field: PortField, label: &'static str| {
        view! {
            <label class="field">
                <span class="lbl">{label}</span>
                <input
                    class="in"
                    data-testid=format!("field-dockerPortMappings.{row}.{}", field.key())
                    autocomplete="off"
                    prop:value=move || text.with(|text| port(text, row, field))
                    on:input=move |event| {
                        let typed = event_target_value(&event);
                        text.update(|text| *text = with_port(text, row, field, &typed));
                    }
                />
            </label>
        }
    };
    let row = move |row: usize| {
        view! {
            <div class="ports">
                {input(row, PortField::Container, words.container_port)}
                {input(row, PortField::Host, words.host_port)}
                {input(row, PortField::Protocol, words.protocol)}
                <button
                    type="button"
                    class="btn icon"
                    aria-label=words.remove_port
                    title=words.remove_port
                    on:click=move |_| text.update(|text| *text = without_port(text, row))
                >
                    <Icon name="minus"/>
                </button>
            </div>
        }
    };
    view! {
        <fieldset class="form-sec" data-testid="form-section-ports">
            <legend class="sr">{words.ports}</legend>
            <h3>{words.ports}</h3>
            {move || (0..count.get()).map(row).collect_view()}
            <div>
                <button type="button" class="btn sm" on:click=move |_| text.update(|text| *text = with_new_port(text))>
                    <Icon name="plus"/>
                    {words.add_port}
                </button>
            </div>
            <p class="fitline"><Icon name="info"/>{words.host_port_help}</p>
        </fieldset>
    }
}
