//! From the path of an error to the line that it speaks of.

use serde_json::Value;

use super::tree::{Node, parse};

/// Names of the current format, and where older definitions have the same thing.
const OLDER: [(&str, &str); 3] = [
    ("/container/portMappings", "/container/docker/portMappings"),
    ("/networks(0)/mode", "/container/docker/network"),
    ("/portDefinitions", "/ports"),
];

/// One part of a path.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// `/container/portMappings(0)/hostPort` as steps.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let (key, indices) = part.split_once('(').map_or((part, ""), |(key, rest)| (key, rest));
        if !key.is_empty() {
            match key.parse() {
                Ok(index) => steps.push(Step::Index(index)),
                Err(_) => steps.push(Step::Key(key)),
            }
        }
        let indices = indices.split(['(', ')']).filter_map(|index| index.parse().ok());
        steps.extend(indices.map(Step::Index));
    }
    steps
}

/// How many steps lead somewhere, and the byte where the last of them leads.
fn follow(root: &Node, steps: &[Step<'_>]) -> (usize, usize) {
    let (mut node, mut at) = (root, root.span.start);
    for (done, step) in steps.iter().enumerate() {
        let next = match step {
            Step::Key(key) => node.member(key).map(|member| (member.key_span.start, &member.value)),
            Step::Index(index) => node.items().get(*index).map(|item| (item.span.start, item)),
        };
        let Some((start, inner)) = next else { return (done, at) };
        (node, at) = (inner, start);
    }
    (steps.len(), at)
}

/// The line, from 1, of the value that `path` names, or of the nearest value around it. `None` when `text` is no JSON.
pub fn line_of(text: &str, path: &str) -> Option<usize> {
    let root = parse(text)?;
    let direct = follow(&root, &steps(path));
    let older = OLDER.iter().filter_map(|(new, old)| {
        let rest = path.strip_prefix(new)?;
        let path = format!("{old}{rest}");
        let found = follow(&root, &steps(&path));
        Some(found)
    });
    let (_, at) = older.fold(direct, |best, found| if found.0 > best.0 { found } else { best });
    Some(text[..at].matches('\n').count() + 1)
}

/// The first thing that keeps `text` from being JSON: line, column and the reader's words.
pub fn problem(text: &str) -> Option<(usize, usize, String)> {
    let error = serde_json::from_str::<Value>(text).err()?;
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default().to_owned();
    Some((error.line().max(1), error.column().max(1), words))
}

/// The value below the keys, as it stands in the text.
pub fn text_at<'a>(text: &'a str, keys: &[&str]) -> Option<&'a str> {
    let root = parse(text)?;
    let mut node = &root;
    for key in keys {
        node = &node.member(key)?.value;
    }
    text.get(node.span.clone())
}

/// The value below the keys.
pub fn value_at(text: &str, keys: &[&str]) -> Option<Value> {
    serde_json::from_str(text_at(text, keys)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NGINX: &str = r#"{
  "id": "nginx",
  "constraints": [["hostname", "UNIQUE", ""]],
  "container": {
    "docker": {
      "image": "docker.io/nginx",
      "network": "BRIDGE",
      "portMappings": [
        { "containerPort": 80 },
        {
          "containerPort": 81,
          "hostPort": 310300
        }
      ]
    }
  }
}"#;

    #[test]
    fn an_error_is_shown_at_its_line() {
        for (path, line) in [
            ("/id", 2),
            ("/constraints(0)", 3),
            ("/container/docker/image", 6),
            ("/container/docker/portMappings(1)/hostPort", 12),
            ("/container/portMappings(1)/hostPort", 12),
            ("/networks(0)/mode", 7),
        ] {
            assert_eq!(line_of(NGINX, path), Some(line), "{path}");
        }
    }

    #[test]
    fn what_is_missing_is_shown_at_what_is_around_it() {
        assert_eq!(line_of(NGINX, "/cpus"), Some(1));
        assert_eq!(line_of(NGINX, "/container/docker/portMappings(0)/hostPort"), Some(9));
        assert_eq!(line_of(NGINX, "/"), Some(1));
        assert_eq!(line_of("{", "/id"), None);
    }

    #[test]
    fn a_mistake_in_the_text_has_a_line() {
        let (line, _, words) = problem("{\n  \"id\": \"a\"\n  \"cpus\": 1\n}").unwrap();
        assert_eq!(line, 3);
        assert!(words.contains("expected `,` or `}`"), "{words}");
        assert_eq!(problem(NGINX), None);
    }
}
