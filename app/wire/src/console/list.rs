//! Lists: the question (filter, order, page) and the page that answers it.
//!
//! The same question stands in a page's address, in a link without JavaScript and in a call of `/ui/api/v1`, so its text form
//! lives here and not in three places.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// Everything but the characters that RFC 3986 calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Rows of a page when the question names no size.
pub const DEFAULT_PAGE_SIZE: u32 = 50;
/// The most rows that one page carries, whatever was asked.
pub const MAX_PAGE_SIZE: u32 = 500;

/// Escapes `text` for one path segment or one value of a query string.
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Undoes [`escape`] and the `+` of HTML forms; bytes that are no UTF-8 become U+FFFD.
pub fn unescape(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Splits a query string (without `?`) into decoded pairs; a key without `=` has an empty value.
pub fn query_pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (unescape(key), unescape(value))
    })
}

/// Direction of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Largest first; what a first click on a column gives.
    #[default]
    Desc,
}

/// Which rows of a list are wanted, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListQuery {
    /// Part of any shown text, case does not matter; empty: every row.
    pub q: String,
    /// One exclusive state, in the list's own words; empty: every state.
    pub state: String,
    /// The column's slug; empty: the list's own order.
    pub sort: String,
    /// Direction of `sort`.
    pub dir: Direction,
    /// Counted from 1; 0 means 1.
    pub page: u32,
    /// Rows of a page; 0 means [`DEFAULT_PAGE_SIZE`].
    pub size: u32,
}

impl ListQuery {
    /// Reads the question from a query string; keys carry `prefix`, unknown keys and bad numbers are passed over.
    pub fn from_query(query: &str, prefix: &str) -> Self {
        let mut list = Self::default();
        for (key, value) in query_pairs(query) {
            match key.strip_prefix(prefix) {
                Some("q") => list.q = value,
                Some("state") => list.state = value,
                Some("sort") => list.sort = value,
                Some("dir") => {
                    list.dir = if value == "asc" { Direction::Asc } else { Direction::Desc }
                }
                Some("page") => list.page = value.parse().unwrap_or(0),
                Some("size") => list.size = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        list
    }

    /// The question as a query string without `?`; what has its default is left out, so the empty question is "".
    pub fn to_query(&self, prefix: &str) -> String {
        let mut parts = Vec::new();
        let mut add =
            |key: &str, value: &str| parts.push(format!("{prefix}{key}={}", escape(value)));
        for (key, value) in [("q", &self.q), ("state", &self.state), ("sort", &self.sort)] {
            if !value.is_empty() {
                add(key, value);
            }
        }
        if self.dir == Direction::Asc {
            add("dir", "asc");
        }
        for (key, value) in [("page", self.page), ("size", self.size)] {
            if value > 1 {
                add(key, &value.to_string());
            }
        }
        parts.join("&")
    }

    /// The page's number, from 1.
    pub fn page_number(&self) -> u32 {
        self.page.max(1)
    }

    /// Rows of a page, between 1 and [`MAX_PAGE_SIZE`].
    pub fn page_size(&self) -> u32 {
        if self.size == 0 { DEFAULT_PAGE_SIZE } else { self.size.min(MAX_PAGE_SIZE) }
    }

    /// The same question for another page.
    #[must_use]
    pub fn at_page(&self, page: u32) -> Self {
        Self { page, ..self.clone() }
    }

    /// The same question ordered by `column`: descending at the first click, turned by the next, back on page 1.
    #[must_use]
    pub fn sorted_by(&self, column: &str, current: &str) -> Self {
        let dir = if current == column && self.dir == Direction::Desc {
            Direction::Asc
        } else {
            Direction::Desc
        };
        Self { sort: column.to_owned(), dir, page: 0, ..self.clone() }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows of this page, in order.
    pub rows: Vec<T>,
    /// Rows before any filter.
    pub total: u64,
    /// Rows that pass the filter, over all pages.
    pub matching: u64,
    /// This page's number, from 1.
    pub page: u32,
    /// Rows of a full page.
    pub size: u32,
    /// Rows by state before the state filter, in the order of the filter chips.
    #[serde(default)]
    pub states: Vec<StateCount>,
}

/// How many rows have one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCount {
    /// The value that `ListQuery::state` takes.
    pub state: String,
    /// Rows that have it.
    pub count: u64,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            total: 0,
            matching: 0,
            page: 1,
            size: DEFAULT_PAGE_SIZE,
            states: Vec::new(),
        }
    }
}

impl<T> Page<T> {
    /// The numbers that a pager shows.
    pub fn numbers(&self) -> PageNumbers {
        let pages = self.matching.div_ceil(u64::from(self.size.max(1))).max(1);
        let before = u64::from(self.page.saturating_sub(1)) * u64::from(self.size);
        let shown = self.rows.len() as u64;
        let (first, last) = if shown == 0 { (0, 0) } else { (before + 1, before + shown) };
        let pages = u32::try_from(pages).unwrap_or(u32::MAX);
        PageNumbers { first, last, matching: self.matching, page: self.page, pages }
    }
}

/// What a pager shows: "51-53 of 53", page 2 of 2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageNumbers {
    /// Number of the first row shown, from 1; 0 when there is none.
    pub first: u64,
    /// Number of the last row shown; 0 when there is none.
    pub last: u64,
    /// Rows over all pages.
    pub matching: u64,
    /// This page, from 1.
    pub page: u32,
    /// How many pages there are, at least one.
    pub pages: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_survives_its_text_form() {
        let asked = ListQuery {
            q: "nginx & 日志/+".to_owned(),
            state: "TASK_RUNNING".to_owned(),
            sort: "started".to_owned(),
            dir: Direction::Asc,
            page: 3,
            size: 25,
        };
        assert_eq!(ListQuery::from_query(&asked.to_query("c-"), "c-"), asked);
    }

    #[test]
    fn the_empty_question_is_empty_text() {
        assert_eq!(ListQuery::default().to_query(""), "");
    }

    #[test]
    fn another_lists_keys_are_passed_over() {
        assert_eq!(ListQuery::from_query("c-q=x&page=2", "").q, "");
        assert_eq!(ListQuery::from_query("c-q=x&page=2", "").page_number(), 2);
    }

    #[test]
    fn a_second_click_turns_the_order() {
        let first = ListQuery::default().sorted_by("name", "started");
        assert_eq!((first.sort.as_str(), first.dir), ("name", Direction::Desc));
        assert_eq!(first.sorted_by("name", "name").dir, Direction::Asc);
    }

    #[test]
    fn a_page_knows_its_numbers() {
        let page = Page {
            rows: vec![1, 2, 3],
            total: 60,
            matching: 53,
            page: 2,
            size: 50,
            states: Vec::new(),
        };
        assert_eq!(
            page.numbers(),
            PageNumbers { first: 51, last: 53, matching: 53, page: 2, pages: 2 }
        );
        assert_eq!(
            Page::<u8>::default().numbers(),
            PageNumbers { page: 1, pages: 1, ..PageNumbers::default() }
        );
    }

    #[test]
    fn a_form_writes_a_blank_as_plus() {
        assert_eq!(
            query_pairs("q=a+b%2B").collect::<Vec<_>>(),
            [("q".to_owned(), "a b+".to_owned())]
        );
    }
}
