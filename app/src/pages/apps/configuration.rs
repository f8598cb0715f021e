//! The definition of an application and its earlier versions.

use leptos::prelude::*;
use wire::console::{AppDetail, VersionRow};
use wire::marathon::App;

use super::actions::act;
use crate::api::apps::Change;
use crate::boot::Boot;
use crate::components::{CopyButton, Icon, JsonLines, TimeAgo, Toasts};
use crate::format;
use crate::i18n::AppWords;

fn json(definition: &App) -> String {
    serde_json::to_string_pretty(definition).unwrap_or_default()
}

/// "hostname:UNIQUE" and the like, one for each constraint.
fn constraints(app: &App) -> String {
    let one = |words: &Vec<String>| {
        words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(":")
    };
    app.constraints.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// Name and value of what a definition says, in the order of the original.
fn facts(words: &AppWords, app: &App) -> Vec<(&'static str, String)> {
    let container = app.container.as_ref();
    let image = container
        .and_then(|container| container.docker.as_ref())
        .map(|docker| docker.image.clone());
    let mappings = container.and_then(|container| container.port_mappings.as_ref());
    let mappings = mappings.into_iter().flatten().map(|mapping| {
        let host = mapping.host_port.unwrap_or(0);
        format!(
            "{} → {host} (service {}) {}",
            mapping.container_port, mapping.service_port, mapping.protocol
        )
    });
    let definitions = app.port_definitions.iter().flatten();
    let definitions = definitions.map(|port| format!("{} {}", port.port, port.protocol));
    let env = app.env.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    });
    let labels = app.labels.iter().map(|(key, value)| format!("{key}={value}"));
    let command = app.cmd.clone().or_else(|| (!app.args.is_empty()).then(|| app.args.join(" ")));
    vec![
        (words.id, app.id.clone()),
        (words.command, command.unwrap_or_default()),
        (words.constraints, constraints(app)),
        (words.labels, labels.collect::<Vec<_>>().join("\n")),
        (words.image, image.unwrap_or_default()),
        (words.cpus, format::number(app.cpus)),
        (words.environment, env.collect::<Vec<_>>().join("\n")),
        (words.instances, app.instances.to_string()),
        (words.memory, format!("{} MiB", format::number(app.mem))),
        (
            words.network,
            app.networks.iter().map(|network| network.mode.clone()).collect::<Vec<_>>().join("\n"),
        ),
        (words.ports, mappings.chain(definitions).collect::<Vec<_>>().join("\n")),
    ]
}

/// The tab.
#[component]
pub(super) fn Configuration(detail: Memo<AppDetail>) -> impl IntoView {
    let words = AppWords::here();
    let versions = Memo::new(move |_| detail.with(|detail| detail.versions.clone()));
    let current =
        Memo::new(move |_| versions.with(|versions| versions.first().cloned().unwrap_or_default()));
    let text = Signal::derive(move || current.with(|current| json(&current.definition)));
    let list = move || {
        let facts = current.with(|current| facts(words, &current.definition));
        let facts = facts.into_iter().map(|(name, value)| {
            let value = match value.as_str() {
                "" => view! { <span class="muted">{words.unspecified}</span> }.into_any(),
                _ => value.into_any(),
            };
            view! { <dt>{name}</dt><dd class="lines">{value}</dd> }
        });
        facts.collect_view()
    };
    let older = move || {
        let rows = versions.with(|versions| versions.iter().skip(1).cloned().collect::<Vec<_>>());
        if rows.is_empty() {
            return view! { <p class="panel-body muted">{words.no_older}</p> }.into_any();
        }
        let rows = rows.into_iter().map(|row| view! { <Older row=row/> });
        rows.collect_view().into_any()
    };
    view! {
        <div class="two-up conf">
            <section class="panel">
                <div class="panel-head">
                    <h2>{words.current_version}</h2>
                    <span class="muted"><TimeAgo at=Signal::derive(move || current.with(|current| Some(current.version_ms)))/></span>
                </div>
                <dl class="facts panel-body" data-testid="configuration">{list}</dl>
            </section>
            <section class="panel">
                <div class="panel-head">
                    <h2>"JSON"</h2>
                    <span class="grow"></span>
                    <span class="copy-as"><CopyButton text=text label=words.copy_json/>{words.copy_json}</span>
                </div>
                <div class="code" data-testid="definition"><JsonLines text=text/></div>
            </section>
        </div>
        <section class="panel">
            <div class="panel-head"><h2>{words.older_versions}</h2></div>
            {older}
        </section>
    }
}

#[component]
fn Older(row: VersionRow) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let toasts = Toasts::here();
    let text = json(&row.definition);
    let app = row.definition.id.clone();
    let definition = text.clone();
    let apply = move |_| {
        act(lang, toasts, Change::Apply { app: app.clone(), definition: definition.clone() });
    };
    let when = row.version_ms;
    let version = row.version.clone();
    view! {
        <details class="older" data-testid="version-row" data-key=row.version>
            <summary>
                <span class="mono">{version}</span>
                " "
                <span class="muted"><TimeAgo at=Some(when)/></span>
            </summary>
            <div class="code"><JsonLines text=text/></div>
            <p class="panel-body scripted">
                <button type="button" class="btn sm" data-testid="btn-apply-version" on:click=apply><Icon name="ok"/>{words.apply}</button>
            </p>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::Lang;

    #[test]
    fn a_definition_is_told_in_words() {
        let app: App = serde_json::from_value(serde_json::json!({
            "id": "/nginx", "cpus": 0.2, "mem": 32.0, "instances": 2,
            "constraints": [["hostname", "UNIQUE", ""]],
            "container": {"type": "DOCKER", "docker": {"image": "docker.io/nginx"},
                "portMappings": [{"containerPort": 80, "hostPort": 31030, "servicePort": 33180, "protocol": "tcp"}]},
            "networks": [{"mode": "container/bridge"}],
        }))
        .unwrap();
        let facts = facts(AppWords::of(Lang::En), &app);
        let of = |name| &facts.iter().find(|(known, _)| *known == name).unwrap().1;
        assert_eq!(of("Constraints"), "hostname:UNIQUE");
        assert_eq!(of("Ports"), "80 → 31030 (service 33180) tcp");
        assert_eq!(of("Command"), "");
        assert_eq!(of("Memory"), "32 MiB");
    }
}
