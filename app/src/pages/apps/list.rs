//! Applications: `/ui/apps`.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use wire::console::{AppHealth, AppList, AppRow, AppStatus, AppsQuery, StateCount, Topic};

use super::actions::ActionDialogs;
use super::modal::Modal;
use super::new::NewApp;
use super::place;
use crate::api;
use crate::boot::Boot;
use crate::components::{
    Command, Find, HealthBar, Icon, ListLinks, PageTitle, Pager, Status, Tone, tone_of_app,
    word_of_app,
};
use crate::format;
use crate::i18n::AppWords;
use crate::i18n::apps::phrases;
use crate::live::{Live, Rows, live_page};

const TOPICS: &[Topic] = &[Topic::App, Topic::Deployment, Topic::Queue, Topic::Task, Topic::Leader];

fn read(search: &str) -> AppsQuery {
    AppsQuery::from_query(search.trim_start_matches('?'))
}

/// The list of applications.
#[component]
pub fn AppsPage() -> impl IntoView {
    let search = use_location().search;
    let query = Memo::new(move |_| search.with(|search| read(search)));
    view! {
        {live_page(query, TOPICS, api::apps::apps, list)}
        <NewApp/>
    }
}

fn list(live: Live<AppList>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let modal = Modal::here();
    let totals = live.pick(|list| list.totals);
    let rows = live.pick(|list| list.page.rows.clone());
    let is_empty = Memo::new(move |_| totals.with(|totals| totals.apps == 0));
    let counted = move || {
        (!is_empty.get())
            .then(|| phrases::apps_in_groups(lang, totals.get().apps, totals.get().groups))
    };
    let is_connected = live.pick(|list| list.is_connected);
    let notice = move || {
        (!is_connected.get()).then(|| {
            view! { <div class="strip warn" data-testid="leader-strip"><Icon name="warn"/><span>{words.not_connected}</span></div> }
        })
    };
    let room = live.pick(|list| (list.disk_full, list.log_problem.clone()));
    let no_room = move || {
        let (is_disk_full, problem) = room.get();
        crate::pages::cluster::home::no_room(is_disk_full, problem)
    };
    let instances = Callback::new(move |app: String| {
        rows.with(|rows| rows.iter().find(|row| row.id == app).map_or(1, |row| row.tally.wanted))
    });
    view! {
        <PageTitle text=words.applications/>
        {notice}
        {no_room}
        <div class="shell">
            <Facets live=live/>
            <main class="main" id="main">
                <div class="page-head apps-head">
                    <h1>{words.applications}</h1>
                    <span class="muted nowrap">{counted}</span>
                    <span class="grow"></span>
                    <Find links=ListLinks::here("")/>
                    <a class="btn primary fab" href=move || modal.href("new-app", "") data-noscroll="" data-testid="btn-create-app">
                        <Icon name="plus"/>
                        {words.create_app}
                    </a>
                </div>
                {move || (!is_empty.get()).then(|| view! { <StatusChips live=live/> })}
                {move || {
                    if is_empty.get() { view! { <Empty/> }.into_any() } else { view! { <Table live=live rows=rows/> }.into_any() }
                }}
            </main>
        </div>
        <ActionDialogs app=String::new() instances=instances/>
    }
}

/// One status at a time, where the filters beside the list have no room.
#[component]
fn StatusChips(live: Live<AppList>) -> impl IntoView {
    let words = AppWords::here();
    let location = use_location();
    let query = Memo::new(move |_| location.search.with(|search| read(search)));
    let totals = live.pick(|list| list.totals);
    let states = live.pick(|list| list.page.states.clone());
    let chip = move |status: Option<AppStatus>, label: AnyView, count: u64| {
        let href = move || {
            let asked = query.get().only_status(status).to_query();
            if asked.is_empty() { "/ui/apps".to_owned() } else { format!("/ui/apps?{asked}") }
        };
        let is_on = move || {
            query.with(|query| query.status.as_slice() == status.as_slice()).then_some("true")
        };
        view! { <a class="chip" href=href data-noscroll="" aria-current=is_on>{label}" "<span class="n">{format::count(count)}</span></a> }
    };
    let chips = move || {
        let all = chip(None, words.all.into_any(), totals.get().apps);
        let shown = chips_of(&states.get(), &query.get().status);
        let shown = shown.into_iter().map(|(status, count)| {
            let label = view! { <Icon name=tone_of_app(status).icon/>{word_of_app(status)} };
            chip(Some(status), label.into_any(), count)
        });
        view! { {all}{shown.collect_view()} }
    };
    view! { <nav class="status-chips" aria-label=words.filters data-testid="status-chips">{chips}</nav> }
}

/// The statuses worth a chip: those that occur or are asked for, the ones that need eyes first.
fn chips_of(states: &[StateCount], asked: &[AppStatus]) -> Vec<(AppStatus, u64)> {
    let order = [
        AppStatus::Waiting,
        AppStatus::Delayed,
        AppStatus::Deploying,
        AppStatus::Running,
        AppStatus::Suspended,
        AppStatus::Unscheduled,
    ];
    let counted = order.into_iter().map(|status| (status, count_of(states, status.name())));
    counted.filter(|(status, count)| *count > 0 || asked.contains(status)).collect()
}

/// Filters beside the list: links that put one option in or take it out.
#[component]
fn Facets(live: Live<AppList>) -> impl IntoView {
    let words = AppWords::here();
    let location = use_location();
    let query = Memo::new(move |_| location.search.with(|search| read(search)));
    let href = move |query: AppsQuery| {
        let query = query.to_query();
        if query.is_empty() { "/ui/apps".to_owned() } else { format!("/ui/apps?{query}") }
    };
    let states = live.pick(|list| list.page.states.clone());
    let healths = live.pick(|list| list.health.clone());
    let statuses = AppStatus::ALL.into_iter().filter(|status| *status != AppStatus::Unscheduled);
    let statuses = statuses.map(|status| {
        view! {
            <Facet
                href=Signal::derive(move || href(query.get().toggled_status(status)))
                is_on=Signal::derive(move || query.with(|query| query.status.contains(&status)))
                tone=tone_of_app(status)
                word=word_of_app(status)
                count=Signal::derive(move || states.with(|states| count_of(states, status.name())))
                testid=format!("filter-status-{}", status.name())
            />
        }
    });
    let health = AppHealth::ALL.into_iter().map(|health| {
        let (tone, word) = match health {
            AppHealth::Healthy => (Tone::OK, words.healthy),
            AppHealth::Unhealthy => (Tone::DANGER, words.unhealthy),
            AppHealth::Unknown => (Tone::NEUTRAL, words.unknown),
        };
        view! {
            <Facet
                href=Signal::derive(move || href(query.get().toggled_health(health)))
                is_on=Signal::derive(move || query.with(|query| query.health.contains(&health)))
                tone=tone
                word=word
                count=Signal::derive(move || healths.with(|healths| count_of(healths, health.name())))
                testid=format!("filter-health-{}", health.name())
            />
        }
    });
    let clear = move |is_filtered: fn(&AppsQuery) -> bool, cleared: fn(AppsQuery) -> AppsQuery| {
        move || {
            let query = query.get();
            is_filtered(&query).then(|| view! { <a href=href(cleared(query))>{words.clear}</a> })
        }
    };
    let no_status =
        clear(|query| !query.status.is_empty(), |query| AppsQuery { status: Vec::new(), ..query });
    let no_health =
        clear(|query| !query.health.is_empty(), |query| AppsQuery { health: Vec::new(), ..query });
    view! {
        <aside class="side facet-side" aria-label=words.filters>
            <section><h2>{words.status}" "{no_status}</h2><ul class="facets">{statuses.collect_view()}</ul></section>
            <section><h2>{words.health}" "{no_health}</h2><ul class="facets">{health.collect_view()}</ul></section>
        </aside>
    }
}

fn count_of(counts: &[StateCount], name: &str) -> u64 {
    counts.iter().find(|entry| entry.state == name).map_or(0, |entry| entry.count)
}

#[component]
fn Facet(
    href: Signal<String>,
    is_on: Signal<bool>,
    tone: Tone,
    word: &'static str,
    count: Signal<u64>,
    testid: String,
) -> impl IntoView {
    view! {
        <li>
            <a
                class="facet"
                class:on=is_on
                class:none=move || count.get() == 0
                href=href
                data-noscroll=""
                aria-current=move || is_on.get().then_some("true")
                data-testid=testid
            >
                <span class="box" aria-hidden="true"></span>
                <span class=tone.class><Icon name=tone.icon/></span>
                {word}
                <span class="n">{move || match count.get() { 0 => String::new(), count => format::count(count) }}</span>
            </a>
        </li>
    }
}

#[component]
fn Table(live: Live<AppList>, rows: Memo<Vec<AppRow>>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let links = ListLinks::here("");
    let numbers = live.pick(|list| list.page.numbers());
    let totals = live.pick(|list| list.totals);
    let sums = move || {
        let totals = totals.get();
        let mem = format::bytes_iec(totals.mem * 1_048_576.0, 2);
        phrases::totals(lang, &format::number(totals.cpus), &mem, totals.running, totals.wanted)
    };
    let none = move || {
        rows.with(Vec::is_empty).then(|| {
            view! {
                <div class="empty" data-testid="empty">
                    <h2>{words.none_found}</h2>
                    <p>{words.none_found_text}</p>
                    <a class="btn" href="/ui/apps">{words.show_all}</a>
                </div>
            }
        })
    };
    view! {
        <section class="panel">
            <div class="scroll">
                <table class="tbl apps to-cards" data-testid="table-apps">
                    <caption class="sr">{words.applications}</caption>
                    <thead>
                        <tr>
                            <Head column="name" label=words.name is_key=true/>
                            <Head column="cpu" label=words.cpu is_number=true/>
                            <Head column="memory" label=words.memory is_number=true/>
                            <Head column="status" label=words.status/>
                            <Head column="instances" label=words.running_instances is_number=true/>
                            <Head column="health" label=words.health/>
                            <th scope="col">{words.endpoint}</th>
                            <th class="act"><span class="sr">{words.more_actions}</span></th>
                        </tr>
                    </thead>
                    <tbody><Rows rows=rows key=|row: &AppRow| row.id.clone() cells=|row| view! { <Cells row=row/> }/></tbody>
                </table>
            </div>
            {none}
            <div class="panel-foot"><span data-testid="totals">{sums}</span><Pager links=links numbers=numbers/></div>
        </section>
    }
}

/// The head of a column; its first click orders upwards.
#[component]
fn Head(
    column: &'static str,
    label: &'static str,
    #[prop(optional)] is_number: bool,
    #[prop(optional)] is_key: bool,
) -> impl IntoView {
    let class = if is_key { Some("head") } else { is_number.then_some("num") };
    let location = use_location();
    let query = Memo::new(move |_| location.search.with(|search| read(search)));
    let order = Memo::new(move |_| {
        query.with(|query| match query.order() {
            (current, is_descending) if current == column => Some(is_descending),
            _ => None,
        })
    });
    let href =
        move || format!("/ui/apps?{}", query.with(|query| query.sorted_by(column).to_query()));
    let arrow = move || {
        order.get().map(
            |is_descending| view! { <Icon name=if is_descending { "sortd" } else { "sortu" }/> },
        )
    };
    let sort = move || {
        order.get().map(|is_descending| if is_descending { "descending" } else { "ascending" })
    };
    view! {
        <th scope="col" class=class aria-sort=sort>
            <a href=href data-noscroll="">{label}{arrow}</a>
        </th>
    }
}

#[component]
fn Cells(row: Memo<AppRow>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let id = Memo::new(move |_| row.with(|row| row.id.clone()));
    let tally = Memo::new(move |_| row.with(|row| row.tally));
    let labels = Memo::new(move |_| row.with(|row| row.labels.clone()));
    let labels = move || {
        let labels =
            labels.get().into_iter().map(|label| view! { " "<span class="label">{label}</span> });
        labels.collect_view()
    };
    let what = move || {
        row.with(|row| match (&row.image, &row.cmd) {
            (Some(image), _) => {
                view! { <span class="sub" title=row.cmd.clone()>{image.clone()}</span> }.into_any()
            }
            (None, Some(cmd)) => {
                view! { <span class="sub" title=cmd.clone()><code>{cmd.clone()}</code></span> }
                    .into_any()
            }
            (None, None) => ().into_any(),
        })
    };
    view! {
        <td class="head" data-testid="cell-name">
            <span class="nm">
                <Icon name="app"/>
                <span>
                    <a class="name" href=move || id.with(|id| place::app(id)) title=id>{move || row.with(|row| row.id.trim_start_matches('/').to_owned())}</a>
                    {labels}
                    {what}
                </span>
            </span>
        </td>
        <td class="num" data-l=words.cpu data-testid="cell-cpu">{move || row.with(|row| format!("{:.1}", row.cpus))}</td>
        <td class="num" data-l=words.memory data-testid="cell-memory" title=move || row.with(|row| format!("{} MiB", format::number(row.mem)))>
            {move || row.with(|row| format::bytes_iec(row.mem * 1_048_576.0, 0))}
        </td>
        <td data-l=words.status data-testid="app-status" data-status=move || row.with(|row| row.status.name())><AppState row=row/></td>
        <td class="num" data-l=words.running_instances data-testid="app-instances">
            {move || tally.with(|tally| phrases::of_instances(lang, tally.running, tally.wanted))}
        </td>
        <td data-l=words.health data-testid="cell-health"><HealthBar tally=tally/></td>
        <td class="mono ep" data-l=words.endpoint data-testid="cell-endpoint"><Endpoints row=row/></td>
        <td class="act"><RowMenu id=id tally=tally/></td>
    }
}

/// Status and, where there is one, the next question's answer.
#[component]
pub(super) fn AppState(row: Memo<AppRow>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let status = Memo::new(move |_| row.with(|row| row.status));
    let path = use_location().pathname;
    let note = Memo::new(move |_| row.with(|row| (row.status, row.delay_seconds, row.step)));
    let note = move || match note.get() {
        (AppStatus::Waiting, ..) => {
            let href = row.with(|row| place::tab(&row.id, place::Tab::Debug));
            // The answer needs no link to itself.
            if path.with(|path| *path == href) {
                return ().into_any();
            }
            view! { <span class="sub ind"><a href=href>{words.why_waiting}</a></span> }.into_any()
        }
        (AppStatus::Delayed, Some(seconds), _) => {
            view! { <span class="sub ind">{phrases::retry_in(lang, seconds)}</span> }.into_any()
        }
        (AppStatus::Deploying, _, Some((step, steps))) => {
            view! { <span class="sub ind">{phrases::step_of(lang, step, steps)}</span> }.into_any()
        }
        _ => ().into_any(),
    };
    view! {
        <Status
            tone=Signal::derive(move || tone_of_app(status.get()))
            word=Signal::derive(move || word_of_app(status.get()).to_owned())
        />
        {note}
    }
}

/// The first address as a link, and how many more there are.
#[component]
fn Endpoints(row: Memo<AppRow>) -> impl IntoView {
    let shown =
        Memo::new(move |_| row.with(|row| (row.endpoints.first().cloned(), row.endpoint_count)));
    move || {
        let (first, count) = shown.get();
        let first = first?;
        let address = format!("{}:{}", first.host, first.port);
        let more = (count > 1)
            .then(|| view! { " "<span class="muted">{format!("+{}", count - 1)}</span> });
        Some(
            view! { <a href=format!("http://{address}/") rel="external noopener">{address.clone()}</a>{more} },
        )
    }
}

#[component]
fn RowMenu(id: Memo<String>, tally: Memo<wire::console::Tally>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let modal = Modal::here();
    let name = move || id.with(|id| phrases::actions_for(lang, id.trim_start_matches('/')));
    // Ids are dns-like parts between slashes, so this is a name in HTML and CSS.
    let anchor = Memo::new(move |_| id.with(|id| format!("menu{}", id.replace(['/', '.'], "_"))));
    let item = move |kind: &'static str,
                     icon: &'static str,
                     label: &'static str,
                     class: &'static str| {
        view! { <a class=class href=move || modal.href(kind, &id.get()) data-noscroll=""><Icon name=icon/>{label}</a> }
    };
    view! {
        <button
            type="button"
            class="btn quiet icon sm"
            aria-label=name
            popovertarget=anchor
            style=move || format!("anchor-name:--{}", anchor.get())
            data-testid="row-menu"
        >
            <Icon name="more"/>
        </button>
        <div class="menu" popover="auto" id=anchor style=move || format!("position-anchor:--{}", anchor.get())>
            {item("scale", "scale", words.scale, "")}
            {item("restart", "restart", words.restart, "")}
            {move || (tally.get().wanted > 0).then(|| item("suspend", "pause", words.suspend, ""))}
            <hr/>
            {item("destroy", "trash", words.destroy, "danger")}
        </div>
    }
}

/// No application at all: where to begin.
#[component]
fn Empty() -> impl IntoView {
    let words = AppWords::here();
    let origin = Boot::here().origin;
    let command =
        format!("curl -X POST {origin}/v2/apps -H 'Content-Type: application/json' -d @nginx.json");
    view! {
        <section class="panel">
            <div class="empty first" data-testid="empty">
                <svg class="art" viewBox="0 0 264 96" aria-hidden="true">
                    <path class="b" d="M66 48h38M160 48h38"></path>
                    <path class="o d" d="M40 22l22.5 13v26L40 74 17.5 61V35z"></path>
                    <path class="o d" d="M224 22l22.5 13v26L224 74l-22.5-13V35z"></path>
                    <g transform="translate(84 0) scale(4)">
                        <path class="f" d="M17.89 4.9 12 1.5 2.91 6.75v6.8zM6.11 19.1 12 22.5l9.09-5.25v-6.8z"></path>
                        <path class="s" d="m19.19 5.65 1.9 1.1v2.19L4.81 18.35l-1.9-1.1v-2.19z"></path>
                    </g>
                </svg>
                <h2>{words.none_created}</h2>
                <p>{words.none_created_text}</p>
                <div class="row">
                    <a class="btn" href="/ui/apps?modal=new-app&template=json" data-noscroll="">{words.paste_json}</a>
                </div>
            </div>
        </section>
        <h2>{words.examples}</h2>
        <div class="tpl">
            <a class="card" href="/ui/apps?modal=new-app&template=nginx" data-noscroll="">
                <b>"nginx"</b><span>{words.example_nginx}</span><code>"docker.io/nginx · 0.2 CPUs · 32 MiB"</code>
            </a>
            <a class="card" href="/ui/apps?modal=new-app&template=tomcat" data-noscroll="">
                <b>"tomcat"</b><span>{words.example_tomcat}</span><code>"docker.io/tomcat · 1 CPU · 128 MiB"</code>
            </a>
        </div>
        <section class="panel">
            <div class="panel-head"><h2>{words.from_terminal}</h2></div>
            <Command text=command/>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_show_what_occurs_and_what_is_asked_for() {
        let states = [("running", 6), ("waiting", 1), ("delayed", 0), ("suspended", 0)];
        let states =
            states.map(|(state, count)| StateCount { state: state.to_owned(), count }).to_vec();
        assert_eq!(chips_of(&states, &[]), [(AppStatus::Waiting, 1), (AppStatus::Running, 6)]);
        assert_eq!(chips_of(&states, &[AppStatus::Delayed])[1], (AppStatus::Delayed, 0));
    }
}
