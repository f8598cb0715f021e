//! Lists on the server: filter, order and page.

use std::cmp::Ordering;

use wire::console::{
    AgentRow, Amount, Direction, FrameworkRow, ListQuery, Page, StateCount, TaskRow,
};

/// A row of a list, as filter and order see it.
pub(crate) trait Listed {
    /// The column that orders the list when none is named.
    const DEFAULT_COLUMN: &'static str;
    /// States in the order of their chips; others follow.
    const STATES: &'static [&'static str];

    /// Every text that the filter looks into.
    fn texts(&self) -> Vec<&str>;
    /// The exclusive state; empty when the list has none.
    fn state(&self) -> &str;
    /// Order by a column; an unknown one finds all rows equal.
    fn compare(&self, other: &Self, column: &str) -> Ordering;
    /// What makes the order total.
    fn key(&self) -> &str;
}

/// The page of `rows` that `query` asks for.
pub(crate) fn page_of<T: Listed>(rows: Vec<T>, query: &ListQuery) -> Page<T> {
    let total = rows.len() as u64;
    let states = count_states(&rows);
    let needle = query.q.trim().to_lowercase();
    let mut rows: Vec<T> = rows
        .into_iter()
        .filter(|row| query.state.is_empty() || row.state() == query.state)
        .filter(|row| {
            needle.is_empty()
                || row.texts().iter().any(|text| text.to_lowercase().contains(&needle))
        })
        .collect();
    let column = if query.sort.is_empty() { T::DEFAULT_COLUMN } else { &query.sort };
    rows.sort_by(|a, b| {
        let order = a.compare(b, column);
        let order = if query.dir == Direction::Desc { order.reverse() } else { order };
        order.then_with(|| a.key().cmp(b.key()))
    });
    let matching = rows.len() as u64;
    let (size, page) = (query.page_size(), query.page_number());
    let pages = u32::try_from(matching.div_ceil(u64::from(size)).max(1)).unwrap_or(u32::MAX);
    let page = page.min(pages);
    let before = usize::try_from(u64::from(page - 1) * u64::from(size)).unwrap_or(usize::MAX);
    let rows = rows.into_iter().skip(before).take(size as usize).collect();
    Page { rows, total, matching, page, size, states }
}

fn count_states<T: Listed>(rows: &[T]) -> Vec<StateCount> {
    let mut counts: Vec<StateCount> = Vec::new();
    for row in rows.iter().filter(|row| !row.state().is_empty()) {
        match counts.iter_mut().find(|entry| entry.state == row.state()) {
            Some(entry) => entry.count += 1,
            None => counts.push(StateCount { state: row.state().to_owned(), count: 1 }),
        }
    }
    let rank =
        |state: &str| T::STATES.iter().position(|known| *known == state).unwrap_or(T::STATES.len());
    counts.sort_by(|a, b| rank(&a.state).cmp(&rank(&b.state)).then_with(|| a.state.cmp(&b.state)));
    counts
}

fn by_amount(a: Amount, b: Amount, column: &str) -> Ordering {
    match column {
        "cpus" => a.cpus.total_cmp(&b.cpus),
        "gpus" => a.gpus.total_cmp(&b.gpus),
        "mem" => a.mem.total_cmp(&b.mem),
        "disk" => a.disk.total_cmp(&b.disk),
        _ => Ordering::Equal,
    }
}

impl Listed for TaskRow {
    const DEFAULT_COLUMN: &'static str = "started";
    const STATES: &'static [&'static str] = &[
        "TASK_RUNNING",
        "TASK_STARTING",
        "TASK_STAGING",
        "TASK_KILLING",
        "TASK_FINISHED",
        "TASK_KILLED",
        "TASK_FAILED",
    ];

    fn texts(&self) -> Vec<&str> {
        let host = self.host.as_deref().unwrap_or_default();
        vec![
            &self.id,
            &self.name,
            &self.framework_id,
            &self.role,
            &self.state,
            &self.agent_id,
            host,
        ]
    }

    fn state(&self) -> &str {
        &self.state
    }

    fn compare(&self, other: &Self, column: &str) -> Ordering {
        match column {
            // A task without a start is the newest: it is still being staged.
            "started" => {
                self.started_ms.unwrap_or(u64::MAX).cmp(&other.started_ms.unwrap_or(u64::MAX))
            }
            "stopped" => self.stopped_ms.cmp(&other.stopped_ms),
            "id" => self.id.cmp(&other.id),
            "name" => self.name.cmp(&other.name),
            "framework" => self.framework_id.cmp(&other.framework_id),
            "role" => self.role.cmp(&other.role),
            "state" => self.state.cmp(&other.state),
            "health" => self.healthy.cmp(&other.healthy),
            "host" => self.host.cmp(&other.host),
            _ => by_amount(self.resources, other.resources, column),
        }
    }

    fn key(&self) -> &str {
        &self.id
    }
}

impl Listed for AgentRow {
    const DEFAULT_COLUMN: &'static str = "id";
    const STATES: &'static [&'static str] =
        &["active", "draining", "drained", "deactivated", "unreachable"];

    fn texts(&self) -> Vec<&str> {
        let mut texts = vec![self.id.as_str(), &self.host, &self.address, self.state.name()];
        texts.extend(self.attributes.iter().map(String::as_str));
        texts
    }

    fn state(&self) -> &str {
        self.state.name()
    }

    fn compare(&self, other: &Self, column: &str) -> Ordering {
        match column {
            "id" => natural(&self.id, &other.id),
            "host" => self.host.cmp(&other.host),
            "state" => self.state.name().cmp(other.state.name()),
            "tasks" => self.tasks.cmp(&other.tasks),
            "registered" => self.registered_ms.cmp(&other.registered_ms),
            "reregistered" => self.reregistered_ms.cmp(&other.reregistered_ms),
            _ => by_amount(self.allocated, other.allocated, column),
        }
    }

    fn key(&self) -> &str {
        &self.id
    }
}

impl Listed for FrameworkRow {
    const DEFAULT_COLUMN: &'static str = "id";
    const STATES: &'static [&'static str] = &[];

    fn texts(&self) -> Vec<&str> {
        let mut texts = vec![self.id.as_str(), &self.host, &self.user, &self.name];
        texts.extend(self.principal.as_deref());
        texts.extend(self.roles.iter().map(String::as_str));
        texts
    }

    fn state(&self) -> &str {
        ""
    }

    fn compare(&self, other: &Self, column: &str) -> Ordering {
        match column {
            "id" => natural(&self.id, &other.id),
            "host" => self.host.cmp(&other.host),
            "name" => self.name.cmp(&other.name),
            "tasks" => self.tasks.cmp(&other.tasks),
            _ => by_amount(self.used, other.used, column),
        }
    }

    fn key(&self) -> &str {
        &self.id
    }
}

/// Order of ids that end in a number: S2 before S10.
fn natural(a: &str, b: &str) -> Ordering {
    let split = |text: &str| -> (usize, u64) {
        let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
        let start = text.len() - digits;
        (start, text[start..].parse().unwrap_or(0))
    };
    let ((end_a, number_a), (end_b, number_b)) = (split(a), split(b));
    a[..end_a].cmp(&b[..end_b]).then(number_a.cmp(&number_b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: &str, state: &str, started_ms: Option<u64>) -> TaskRow {
        TaskRow {
            id: id.to_owned(),
            name: id.to_owned(),
            state: state.to_owned(),
            started_ms,
            ..TaskRow::default()
        }
    }

    fn ids(page: &Page<TaskRow>) -> Vec<&str> {
        page.rows.iter().map(|row| row.id.as_str()).collect()
    }

    #[test]
    fn tasks_come_newest_first_and_waiting_ones_before_them() {
        let rows = vec![
            task("old", "TASK_RUNNING", Some(1)),
            task("new", "TASK_RUNNING", Some(2)),
            task("wait", "TASK_STAGING", None),
        ];
        assert_eq!(ids(&page_of(rows, &ListQuery::default())), ["wait", "new", "old"]);
    }

    #[test]
    fn the_filter_looks_into_every_text_and_ignores_case() {
        let rows =
            vec![task("nginx.1", "TASK_RUNNING", None), task("tomcat.1", "TASK_RUNNING", None)];
        let page = page_of(rows, &ListQuery { q: "NGINX".to_owned(), ..ListQuery::default() });
        assert_eq!((ids(&page), page.total, page.matching), (vec!["nginx.1"], 2, 1));
    }

    #[test]
    fn states_are_counted_before_they_filter() {
        let rows = vec![
            task("a", "TASK_STAGING", None),
            task("b", "TASK_RUNNING", None),
            task("c", "TASK_RUNNING", None),
        ];
        let page =
            page_of(rows, &ListQuery { state: "TASK_STAGING".to_owned(), ..ListQuery::default() });
        assert_eq!(ids(&page), ["a"]);
        let states: Vec<_> =
            page.states.iter().map(|entry| (entry.state.as_str(), entry.count)).collect();
        assert_eq!(states, [("TASK_RUNNING", 2), ("TASK_STAGING", 1)]);
    }

    #[test]
    fn a_page_beyond_the_end_is_the_last_page() {
        let rows = (0..7).map(|at| task(&format!("t{at}"), "TASK_RUNNING", Some(at))).collect();
        let page = page_of(rows, &ListQuery { page: 9, size: 3, ..ListQuery::default() });
        assert_eq!((ids(&page), page.page), (vec!["t0"], 3));
    }

    #[test]
    fn ids_are_ordered_by_their_number() {
        assert_eq!(natural("m-S2", "m-S10"), Ordering::Less);
        assert_eq!(natural("m-S10", "m-S10"), Ordering::Equal);
        assert_eq!(natural("a-S9", "b-S1"), Ordering::Less);
    }
}
