//! Lists that are filtered, ordered and paged on the server: their links, filter box, heads and pager.
//!
//! Everything is a link or a form, so it works without JavaScript; the state of a list is in the page's address.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use wire::console::{Direction, ListQuery, PageNumbers, StateCount, query_pairs};

use crate::boot::Boot;
use crate::components::Icon;
use crate::format;
use crate::i18n::{ShellWords, phrases};

/// The keys of one list in an address, without their prefix.
const KEYS: [&str; 6] = ["q", "state", "sort", "dir", "page", "size"];

/// The page's address seen from one list: its own question, and links that change it alone.
#[derive(Debug, Clone, Copy)]
pub struct ListLinks {
    path: Memo<String>,
    search: Memo<String>,
    prefix: &'static str,
}

impl ListLinks {
    /// The list whose keys begin with `prefix`.
    pub fn here(prefix: &'static str) -> Self {
        let location = use_location();
        Self { path: location.pathname, search: location.search, prefix }
    }

    /// What the address asks of this list.
    pub fn query(self) -> Memo<ListQuery> {
        Memo::new(move |_| {
            self.search.with(|search| ListQuery::from_query(plain(search), self.prefix))
        })
    }

    /// The address with another question for this list.
    pub fn href(self, query: &ListQuery) -> String {
        let search = self.search.with(|search| replaced(plain(search), self.prefix, query));
        let path = self.path.get();
        if search.is_empty() { path } else { format!("{path}?{search}") }
    }

    /// The pairs of the address that belong to other lists.
    fn others(self) -> Vec<(String, String)> {
        self.search.with(|search| {
            query_pairs(plain(search)).filter(|(key, _)| !belongs(key, self.prefix)).collect()
        })
    }
}

fn plain(search: &str) -> &str {
    search.trim_start_matches('?')
}

fn belongs(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|key| KEYS.contains(&key))
}

/// `search` with the keys of one list exchanged for `query`.
fn replaced(search: &str, prefix: &str, query: &ListQuery) -> String {
    let kept = search.split('&').filter(|part| {
        let key = part.split_once('=').map_or(*part, |(key, _)| key);
        !part.is_empty() && !belongs(key, prefix)
    });
    let own = query.to_query(prefix);
    kept.chain((!own.is_empty()).then_some(own.as_str())).collect::<Vec<_>>().join("&")
}

/// The filter box: a form without JavaScript, as one types with it.
#[component]
pub fn Find(
    /// The list it filters.
    links: ListLinks,
) -> impl IntoView {
    let words = ShellWords::here();
    let query = links.query();
    let navigate = use_navigate();
    let go = move |text: String| {
        let next = ListQuery { q: text, page: 0, ..query.get_untracked() };
        let options =
            NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
        navigate(&untrack(|| links.href(&next)), options);
    };
    let submit = {
        let go = go.clone();
        move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            go(query.get_untracked().q);
        }
    };
    let hidden = move || {
        let ListQuery { state, sort, dir, size, .. } = query.get();
        let size = if size > 0 { size.to_string() } else { String::new() };
        let dir = if dir == Direction::Asc { "asc".to_owned() } else { String::new() };
        let own = [("state", state), ("sort", sort), ("dir", dir), ("size", size)];
        let own = own.into_iter().map(|(key, value)| (format!("{}{key}", links.prefix), value));
        own.chain(links.others())
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
            .collect_view()
    };
    view! {
        <form method="get" action=links.path role="search" on:submit=submit>
            <label class="find" class:on=move || query.with(|query| !query.q.is_empty())>
                <Icon name="filter"/>
                <span class="sr">{words.find}</span>
                <input
                    name=format!("{}q", links.prefix)
                    placeholder=words.find
                    autocomplete="off"
                    data-testid="filter-input"
                    value=query.get_untracked().q
                    prop:value=move || query.with(|query| query.q.clone())
                    on:input=move |event| go(event_target_value(&event))
                />
            </label>
            {hidden}
        </form>
    }
}

/// The head of a column that orders the list.
#[component]
pub fn SortHead(
    /// The list it orders.
    links: ListLinks,
    /// The column's slug, as `sort=` takes it.
    column: &'static str,
    /// Its title.
    label: &'static str,
    /// The column that orders the list when the address names none.
    default: &'static str,
    /// Numbers stand at the right.
    #[prop(optional)]
    is_number: bool,
    /// The column that names the row: it stays in view when the table is scrolled sideways.
    #[prop(optional)]
    is_key: bool,
) -> impl IntoView {
    let class = if is_key { Some("head") } else { is_number.then_some("num") };
    let query = links.query();
    let current = move || {
        query.with(
            |query| if query.sort.is_empty() { default.to_owned() } else { query.sort.clone() },
        )
    };
    let order = move || {
        (current() == column).then(|| match query.with(|query| query.dir) {
            Direction::Asc => "ascending",
            Direction::Desc => "descending",
        })
    };
    let href = move || links.href(&query.with(|query| query.sorted_by(column, &current())));
    let arrow = move || {
        order().map(
            |order| view! { <Icon name=if order == "ascending" { "sortu" } else { "sortd" }/> },
        )
    };
    view! {
        <th scope="col" class=class aria-sort=order>
            <a href=href>{label}{arrow}</a>
        </th>
    }
}

/// One chip for each state, exclusive.
#[component]
pub fn StateChips(
    /// The list they filter.
    links: ListLinks,
    /// Rows before any filter.
    #[prop(into)]
    total: Signal<u64>,
    /// Rows by state.
    #[prop(into)]
    states: Signal<Vec<StateCount>>,
    /// The word for a state.
    word: fn(&str) -> String,
) -> impl IntoView {
    let words = ShellWords::here();
    let query = links.query();
    let chip = move |state: String, word: String, count: u64| {
        let asked = state.clone();
        let href = move || links.href(&ListQuery { state: asked.clone(), page: 0, ..query.get() });
        let is_on = move || query.with(|query| query.state == state).then_some("true");
        view! { <a class="chip" href=href aria-current=is_on>{word}" "<span class="n">{format::count(count)}</span></a> }
    };
    let chips = move || {
        let all = chip(String::new(), words.all.to_owned(), total.get());
        let states = states
            .get()
            .into_iter()
            .map(|entry| chip(entry.state.clone(), word(&entry.state), entry.count));
        view! { {all}{states.collect_view()} }
    };
    view! { <div class="row chips">{chips}</div> }
}

/// "1-50 of 120" and links to the pages.
#[component]
pub fn Pager(
    /// The list.
    links: ListLinks,
    /// What it shows.
    numbers: Memo<PageNumbers>,
) -> impl IntoView {
    let words = ShellWords::here();
    let lang = Boot::here().lang;
    let query = links.query();
    let text = move || {
        let PageNumbers { first, last, matching, .. } = numbers.get();
        phrases::range_of(lang, first, last, matching)
    };
    let links_to_pages = move || {
        let PageNumbers { page: current, pages, .. } = numbers.get();
        (pages > 1).then(|| {
            page_numbers(current, pages)
                .into_iter()
                .map(|number| match number {
                    None => view! { <span>"…"</span> }.into_any(),
                    Some(number) => {
                        let href = links.href(&query.get().at_page(number));
                        let is_current = (number == current).then_some("page");
                        view! { <a href=href aria-current=is_current>{number}</a> }.into_any()
                    }
                })
                .collect_view()
        })
    };
    view! {
        <nav class="pager" aria-label=words.pages data-testid="pager"><span>{text}</span>{links_to_pages}</nav>
    }
}

/// The first, the last and five numbers around the current one; `None` is a gap.
fn page_numbers(current: u32, pages: u32) -> Vec<Option<u32>> {
    let mut numbers = Vec::new();
    for number in 1..=pages {
        let is_near = number.abs_diff(current) <= 2;
        if number == 1 || number == pages || is_near {
            numbers.push(Some(number));
        } else if numbers.last() != Some(&None) {
            numbers.push(None);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_changes_its_own_keys_alone() {
        let query = ListQuery { q: "web".to_owned(), ..ListQuery::default() };
        assert_eq!(
            replaced("page=2&c-q=old&c-page=3&file=stdout", "c-", &query),
            "page=2&file=stdout&c-q=web"
        );
        assert_eq!(replaced("page=2&c-q=old", "", &ListQuery::default()), "c-q=old");
        assert_eq!(replaced("", "", &query), "q=web");
    }

    #[test]
    fn the_pager_shows_the_ends_and_what_is_near() {
        assert_eq!(page_numbers(1, 3), [Some(1), Some(2), Some(3)]);
        assert_eq!(
            page_numbers(6, 12),
            [Some(1), None, Some(4), Some(5), Some(6), Some(7), Some(8), None, Some(12)]
        );
    }
}
