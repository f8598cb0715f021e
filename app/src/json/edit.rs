//! Changes of single values; the rest of the text stays as it was typed.

use super::tree::{Kind, Node, parse};

/// The widest array that is written on one line.
const NARROW: usize = 60;

/// Puts `value` (JSON) below the keys, making what is missing on the way. `None` when `text` is no object.
pub fn set(text: &str, keys: &[&str], value: &str) -> Option<String> {
    let root = parse(text)?;
    let mut node = &root;
    for (depth, key) in keys.iter().enumerate() {
        let Kind::Object(members) = &node.kind else {
            // What stands there cannot hold a member: it gives way.
            return Some(replaced(text, node, &nested(&keys[depth..], value, depth)));
        };
        match members.iter().find(|member| member.key == *key) {
            Some(member) => node = &member.value,
            None => return Some(inserted(text, node, &keys[depth..], value, depth)),
        }
    }
    Some(replaced(text, node, value))
}

/// Takes the member below the keys away. `None` when it is not there.
pub fn remove(text: &str, keys: &[&str]) -> Option<String> {
    let (last, above) = keys.split_last()?;
    let root = parse(text)?;
    let mut node = &root;
    for key in above {
        node = &node.member(key)?.value;
    }
    let members = node.members();
    let at = members.iter().position(|member| member.key == *last)?;
    let range = if at > 0 {
        members[at - 1].value.span.end..members[at].value.span.end
    } else if let Some(next) = members.get(1) {
        members[0].key_span.start..next.key_span.start
    } else {
        node.span.start + 1..node.span.end - 1
    };
    Some(format!("{}{}", &text[..range.start], &text[range.end..]))
}

fn replaced(text: &str, node: &Node, value: &str) -> String {
    format!("{}{value}{}", &text[..node.span.start], &text[node.span.end..])
}

fn inserted(text: &str, object: &Node, keys: &[&str], value: &str, depth: usize) -> String {
    let indent = "  ".repeat(depth + 1);
    let Some((key, below)) = keys.split_first() else { return text.to_owned() };
    let value = if below.is_empty() { value.to_owned() } else { nested(below, value, depth + 1) };
    let member = format!("\n{indent}{}: {value}", quoted(key));
    match object.members().last() {
        Some(last) => {
            let at = last.value.span.end;
            format!("{},{member}{}", &text[..at], &text[at..])
        }
        None => {
            let outer = "  ".repeat(depth);
            let (start, end) = (object.span.start + 1, object.span.end - 1);
            format!("{}{member}\n{outer}{}", &text[..start], &text[end..])
        }
    }
}

/// Objects for all keys, one in the other, around `value`.
fn nested(keys: &[&str], value: &str, depth: usize) -> String {
    match keys.split_first() {
        None => value.to_owned(),
        Some((key, below)) => {
            let inner = nested(below, value, depth + 1);
            let (indent, outer) = ("  ".repeat(depth + 1), "  ".repeat(depth));
            format!("{{\n{indent}{}: {inner}\n{outer}}}", quoted(key))
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The same values, written evenly; members keep their order. `None` when `text` is no JSON.
pub fn pretty(text: &str) -> Option<String> {
    let root = parse(text)?;
    let mut out = String::new();
    write(text, &root, 0, &mut out);
    out.push('\n');
    Some(out)
}

fn write(text: &str, node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth + 1);
    match &node.kind {
        Kind::Scalar => out.push_str(&text[node.span.clone()]),
        Kind::Object(members) if members.is_empty() => out.push_str("{}"),
        Kind::Array(items) if items.is_empty() => out.push_str("[]"),
        Kind::Object(members) => {
            for (at, member) in members.iter().enumerate() {
                out.push_str(if at == 0 { "{\n" } else { ",\n" });
                out.push_str(&indent);
                out.push_str(&text[member.key_span.clone()]);
                out.push_str(": ");
                write(text, &member.value, depth + 1, out);
            }
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
            out.push('}');
        }
        Kind::Array(items) => {
            if let Some(line) = one_line(text, node).filter(|line| line.len() <= NARROW) {
                out.push_str(&line);
                return;
            }
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "[\n" } else { ",\n" });
                out.push_str(&indent);
                write(text, item, depth + 1, out);
            }
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
            out.push(']');
        }
    }
}

/// Arrays of scalars and of such arrays.
fn one_line(text: &str, node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Scalar => Some(text[node.span.clone()].to_owned()),
        Kind::Object(_) => None,
        Kind::Array(items) => {
            let items: Option<Vec<String>> =
                items.iter().map(|item| one_line(text, item)).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_changes_and_the_rest_stays() {
        let text = "{ \"cpus\":  0.20,\n\"id\": \"a\" }";
        assert_eq!(set(text, &["cpus"], "1").unwrap(), "{ \"cpus\":  1,\n\"id\": \"a\" }");
    }

    #[test]
    fn what_is_missing_is_made() {
        let text = set("{}", &["container", "docker", "image"], "\"nginx\"").unwrap();
        assert_eq!(
            text,
            "{\n  \"container\": {\n    \"docker\": {\n      \"image\": \"nginx\"\n    }\n  }\n}"
        );
        let text = set(&text, &["id"], "\"a\"").unwrap();
        assert_eq!(pretty(&text).unwrap().trim_end(), text, "it is written as `pretty` writes it");
        assert_eq!(set("[", &["id"], "1"), None);
    }

    #[test]
    fn a_member_goes_with_its_comma() {
        let text = "{\"a\": 1, \"b\": 2, \"c\": 3}";
        assert_eq!(remove(text, &["a"]).unwrap(), "{\"b\": 2, \"c\": 3}");
        assert_eq!(remove(text, &["c"]).unwrap(), "{\"a\": 1, \"b\": 2}");
        assert_eq!(remove("{\"a\": {\"b\": 1}}", &["a", "b"]).unwrap(), "{\"a\": {}}");
        assert_eq!(remove(text, &["d"]), None);
    }

    #[test]
    fn formatting_keeps_order_and_short_arrays() {
        let text =
            "{\"z\":1,\"constraints\":[[\"hostname\",\"UNIQUE\",\"\"]],\"a\":[{\"b\":null}]}";
        let expected = "{\n  \"z\": 1,\n  \"constraints\": [[\"hostname\", \"UNIQUE\", \"\"]],\n  \"a\": [\n    {\n      \"b\": null\n    }\n  ]\n}\n";
        assert_eq!(pretty(text).unwrap(), expected);
    }
}
