//! Rules of placement constraints.
//!
//! Compat: an empty third value of UNIQUE, CLUSTER and GROUP_BY counts as none; every guide of the 1.4
//! era has `["hostname", "UNIQUE", ""]` (marathon.md §12.1).

use crate::run_spec::{Constraint, Operator, Pattern, Violations};

const OPERATORS: &str =
    "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS";
const NO_PATTERN: &str = "LIKE and UNLIKE require a non-empty, regular expression value";
const IS_TEXT: &str = "IS only supports Mesos text and float values (see http://mesos.apache.org/documentation/latest/attributes-resources/)";

/// The constraints that are valid; the others are noted.
pub(super) fn parse(given: &[Vec<String>], found: &mut Violations) -> Vec<Constraint> {
    let mut constraints = Vec::with_capacity(given.len());
    for (index, words) in given.iter().enumerate() {
        match parse_one(words) {
            Ok(constraint) => constraints.push(constraint),
            Err(error) => found.add(format!("/constraints({index})"), error),
        }
    }
    constraints
}

fn parse_one(words: &[String]) -> Result<Constraint, &'static str> {
    let (field, operator, value) = match words {
        [field, operator] => (field, operator, None),
        [field, operator, value] => (field, operator, Some(value.as_str())),
        _ => return Err("Each constraint must have either 2 or 3 fields"),
    };
    if field.is_empty() {
        return Err("missing field for constraint declaration");
    }
    let value = value.filter(|value| !value.is_empty());
    let operator = match operator.to_ascii_uppercase().as_str() {
        "UNIQUE" if value.is_some() => return Err("UNIQUE does not accept a value"),
        "UNIQUE" => Operator::Unique,
        "CLUSTER" => Operator::Cluster(value.map(ToOwned::to_owned)),
        "GROUP_BY" => Operator::GroupBy(value.map(group_count).transpose()?),
        "LIKE" => Operator::Like(pattern(value)?),
        "UNLIKE" => Operator::Unlike(pattern(value)?),
        "MAX_PER" => Operator::MaxPer(
            value
                .and_then(|value| value.parse().ok())
                .ok_or("MAX_PER requires an integer value")?,
        ),
        "IS" => Operator::Is(text(value)?),
        _ => return Err(OPERATORS),
    };
    Ok(Constraint { field: field.clone(), operator })
}

fn group_count(value: &str) -> Result<u32, &'static str> {
    let count: u32 = value.parse().unwrap_or(0);
    if count == 0 {
        return Err("GROUP BY must define an integer value or else no value at all");
    }
    Ok(count)
}

fn pattern(value: Option<&str>) -> Result<Pattern, &'static str> {
    Pattern::new(value.ok_or(NO_PATTERN)?).ok_or("is not a valid regular expression")
}

fn text(value: Option<&str>) -> Result<String, &'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_/.-".contains(c);
    value.filter(|value| value.chars().all(is_plain)).map(ToOwned::to_owned).ok_or(IS_TEXT)
}
