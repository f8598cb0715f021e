//! Label selectors: `key`, `key==v`, `key!=v`, `key in (a, b)`, `key notin (a, b)`, joined by commas.
//!
//! Every part requires the label to exist, `!=` and `notin` too. Source: marathon.md §4.1.

use std::collections::BTreeMap;

/// Labels that an app must have: all parts hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    key: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Exists,
    In(Vec<String>),
    NotIn(Vec<String>),
}

/// A text that is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Can not parse label selector {text}. Reason: {reason}")]
pub(super) struct Malformed {
    text: String,
    reason: String,
}

impl Selector {
    /// Reads a selector.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut reader = Reader { rest: text };
        let malformed = |reason| Malformed { text: text.to_owned(), reason };
        let mut parts = Vec::new();
        loop {
            parts.push(reader.part().map_err(malformed)?);
            if reader.is_done() {
                return Ok(Self(parts));
            }
            reader.expect(",").map_err(malformed)?;
        }
    }

    /// Whether the labels fit.
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|part| {
            labels.get(&part.key).is_some_and(|value| match &part.rule {
                Rule::Exists => true,
                Rule::In(values) => values.contains(value),
                Rule::NotIn(values) => !values.contains(value),
            })
        })
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn part(&mut self) -> Result<Part, String> {
        let key = self.term()?;
        let rule = if self.take("==") {
            Rule::In(vec![self.term()?])
        } else if self.take("!=") {
            Rule::NotIn(vec![self.term()?])
        } else if self.take_word("notin") {
            Rule::NotIn(self.list()?)
        } else if self.take_word("in") {
            Rule::In(self.list()?)
        } else {
            Rule::Exists
        };
        Ok(Part { key, rule })
    }

    /// Letters, digits, `-`, `.`, `_`, or anything behind a backslash.
    fn term(&mut self) -> Result<String, String> {
        self.skip_blanks();
        let mut term = String::new();
        let mut chars = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => term.extend(chars.next().map(|(_, escaped)| escaped)),
                c if c.is_ascii_alphanumeric() || "-._".contains(c) => term.push(c),
                _ => {
                    end = at;
                    break;
                }
            }
        }
        self.rest = &self.rest[end..];
        if term.is_empty() {
            Err(format!("a term is expected at '{}'", self.rest))
        } else {
            Ok(term)
        }
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut terms = vec![self.term()?];
        while self.take(",") {
            terms.push(self.term()?);
        }
        self.expect(")")?;
        Ok(terms)
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A word that ends at a blank or a parenthesis.
    fn take_word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(word) {
            Some(rest) if rest.starts_with([' ', '(']) => {
                self.rest = rest;
                true
            }
            Some(_) | None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(format!("'{token}' is expected at '{}'", self.rest))
        }
    }

    fn is_done(&mut self) -> bool {
        self.skip_blanks();
        self.rest.is_empty()
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_must_hold() {
        let labels = BTreeMap::from([
            ("tier".to_owned(), "web".to_owned()),
            ("a b".to_owned(), "1".to_owned()),
        ]);
        let fits = |text| Selector::parse(text).unwrap().matches(&labels);
        for good in [
            "tier",
            "tier==web",
            "tier != db",
            "tier in (web, db)",
            "tier notin (db)",
            r"a\ b==1,tier",
        ] {
            assert!(fits(good), "{good}");
        }
        for bad in [
            "none",
            "tier==db",
            "tier!=web",
            "tier in (db)",
            "none!=x",
            "none notin (x)",
            "tier,none",
        ] {
            assert!(!fits(bad), "{bad}");
        }
    }

    #[test]
    fn a_malformed_selector_says_why() {
        for text in ["", "tier==", "tier in web", "tier in (web", "tier,", "tier=web", "é"] {
            let error = Selector::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("Can not parse label selector "), "{error}");
        }
    }
}
