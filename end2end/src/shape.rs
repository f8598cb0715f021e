//! Compares a JSON body with a golden one that leaves open what no one can foresee.
//!
//! In the golden text `"<time>"`, `"<uuid>"`, `"<text>"`, `"<number>"` and `"<any>"` stand for
//! values of that form; everything else must be equal, absent members included.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Fails with the first place where `found` departs from `golden`.
pub fn compare(golden: &str, found: &Value) -> Result<()> {
    let golden = serde_json::from_str(golden).context("the golden body is no JSON")?;
    let mut differences = Vec::new();
    walk("$", &golden, found, &mut differences);
    if differences.is_empty() {
        return Ok(());
    }
    bail!("{}\nthe whole body: {found}", differences.join("\n"))
}

fn walk(at: &str, golden: &Value, found: &Value, differences: &mut Vec<String>) {
    match (golden, found) {
        (Value::String(pattern), _) if pattern.starts_with('<') && pattern.ends_with('>') => {
            if !fits(pattern, found) {
                differences.push(format!("{at}: {found} is no {pattern}"));
            }
        }
        (Value::Object(wanted), Value::Object(have)) => {
            for (name, value) in wanted {
                match have.get(name) {
                    Some(found) => walk(&format!("{at}.{name}"), value, found, differences),
                    None => differences.push(format!("{at}.{name} is missing")),
                }
            }
            for name in have.keys().filter(|name| !wanted.contains_key(*name)) {
                differences.push(format!("{at}.{name} should not be there"));
            }
        }
        (Value::Array(wanted), Value::Array(have)) => {
            if wanted.len() != have.len() {
                differences.push(format!(
                    "{at} has {} elements instead of {}",
                    have.len(),
                    wanted.len()
                ));
            }
            for (index, (value, found)) in wanted.iter().zip(have).enumerate() {
                walk(&format!("{at}[{index}]"), value, found, differences);
            }
        }
        // 1 and 1.0 are one number to every client.
        (Value::Number(wanted), Value::Number(have)) if wanted.as_f64() == have.as_f64() => {}
        _ if golden == found => {}
        _ => differences.push(format!("{at}: {found} instead of {golden}")),
    }
}

fn fits(pattern: &str, found: &Value) -> bool {
    let text = found.as_str();
    match pattern {
        "<any>" => true,
        "<text>" => text.is_some(),
        "<number>" => found.is_number(),
        // 2023-11-27T08:15:02.417Z
        "<time>" => text.is_some_and(|text| has_form(text, "dddd-dd-ddTdd:dd:dd.dddZ")),
        "<uuid>" => text.is_some_and(|text| has_form(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")),
        _ => false,
    }
}

/// `d` is a digit, `x` a hexadecimal one, everything else itself.
fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(found, wanted)| match wanted {
            'd' => found.is_ascii_digit(),
            'x' => found.is_ascii_hexdigit(),
            other => found == other,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn open_places_take_only_values_of_their_form() {
        let golden = r#"{"version":"<time>","id":"<uuid>","mem":32.0}"#;
        let good = json!({"version": "2023-11-27T08:15:02.417Z", "id": "2f0d1a1e-6c0b-4a2b-9d0f-0f6a4b8b1c11", "mem": 32});
        compare(golden, &good).unwrap();
        let bad = json!({"version": "2023-11-27T08:15:02Z", "id": "2f0d", "mem": 31, "more": null});
        let words = compare(golden, &bad).unwrap_err().to_string();
        for place in ["$.version", "$.id", "$.mem", "$.more should not be there"] {
            assert!(words.contains(place), "{words}");
        }
    }

    #[test]
    fn a_missing_member_is_not_a_null_one() {
        assert!(
            compare(r#"{"a":null}"#, &json!({}))
                .unwrap_err()
                .to_string()
                .contains("$.a is missing")
        );
    }
}
