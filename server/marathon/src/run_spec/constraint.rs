//! Placement constraints.

use std::fmt;

use regex::Regex;

/// One placement constraint: an agent's field and what its value must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// `hostname` (or `@hostname`), `@region`, `@zone`, or the name of an agent attribute.
    pub field: String,
    /// The rule, with its value.
    pub operator: Operator,
}

/// What the field's value must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// No counted instance has the same value.
    Unique,
    /// This value, or the first counted instance's.
    Cluster(Option<String>),
    /// Spread evenly over this many values, or over all.
    GroupBy(Option<u32>),
    /// The whole value matches.
    Like(Pattern),
    /// The whole value does not match, or the field is absent.
    Unlike(Pattern),
    /// Fewer than this many counted instances share the value.
    MaxPer(u32),
    /// Equal; numbers compare with three decimals.
    Is(String),
}

impl Operator {
    /// As Marathon writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unique => "UNIQUE",
            Self::Cluster(_) => "CLUSTER",
            Self::GroupBy(_) => "GROUP_BY",
            Self::Like(_) => "LIKE",
            Self::Unlike(_) => "UNLIKE",
            Self::MaxPer(_) => "MAX_PER",
            Self::Is(_) => "IS",
        }
    }

    /// Its value as text, if it has one.
    pub fn value(&self) -> Option<String> {
        match self {
            Self::Unique => None,
            Self::Cluster(value) => value.clone(),
            Self::GroupBy(count) => count.map(|count| count.to_string()),
            Self::Like(pattern) | Self::Unlike(pattern) => Some(pattern.as_str().to_owned()),
            Self::MaxPer(count) => Some(count.to_string()),
            Self::Is(value) => Some(value.clone()),
        }
    }
}

/// A regular expression that must match a whole value; equal when its text is.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    anchored: Regex,
}

impl Pattern {
    /// Compiles the expression; `None` when it is not valid.
    ///
    /// Compat: Java's look-around and back references are not understood; they count as not valid.
    pub fn new(text: &str) -> Option<Self> {
        // The text alone must be valid, or `a)|(b` would pass inside the group.
        Regex::new(text).ok()?;
        let anchored = Regex::new(&format!(r"\A(?:{text})\z")).ok()?;
        Some(Self { text: text.to_owned(), anchored })
    }

    /// The expression as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole value matches.
    pub fn matches(&self, value: &str) -> bool {
        self.anchored.is_match(value)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}
