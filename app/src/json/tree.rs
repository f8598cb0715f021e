//! Where each value of a JSON text begins and ends.

use std::ops::Range;

/// Deeper texts are not taken apart; JSON readers refuse them too.
const DEEPEST: usize = 120;

/// A value and its place, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// From its first byte to behind its last.
    pub span: Range<usize>,
    /// What it is made of.
    pub kind: Kind,
}

/// What a value is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`.
    Object(Vec<Member>),
    /// `[…]`.
    Array(Vec<Node>),
    /// Anything else.
    Scalar,
}

/// One member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The key without quotes.
    pub key: String,
    /// The key's place, with quotes.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The members; none when it is no object.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            Kind::Array(_) | Kind::Scalar => &[],
        }
    }

    /// The items; none when it is no array.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Array(items) => items,
            Kind::Object(_) | Kind::Scalar => &[],
        }
    }

    /// The member of that name.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.key == key)
    }
}

/// Takes a text apart; `None` when it is not JSON.
pub fn parse(text: &str) -> Option<Node> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0)?;
    reader.blanks();
    (reader.at == text.len()).then_some(node)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.blanks();
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        self.blanks();
        let start = self.at;
        let kind = match self.peek()? {
            _ if depth > DEEPEST => return None,
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => {
                self.string()?;
                Kind::Scalar
            }
            _ => {
                while matches!(
                    self.peek(),
                    Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.')
                ) {
                    self.at += 1;
                }
                let word = &self.text[start..self.at];
                serde_json::from_str::<serde_json::Value>(word).ok()?;
                Kind::Scalar
            }
        };
        Some(Node { span: start..self.at, kind })
    }

    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                b'\n' => return None,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(start..self.at)
    }

    fn object(&mut self, depth: usize) -> Option<Kind> {
        self.at += 1;
        let mut members = Vec::new();
        if self.eat(b'}') {
            return Some(Kind::Object(members));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return None;
            }
            let key_span = self.string()?;
            let key = serde_json::from_str(self.text.get(key_span.clone())?).ok()?;
            if !self.eat(b':') {
                return None;
            }
            let value = self.value(depth + 1)?;
            members.push(Member { key, key_span, value });
            if self.eat(b'}') {
                return Some(Kind::Object(members));
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Kind> {
        self.at += 1;
        let mut items = Vec::new();
        if self.eat(b']') {
            return Some(Kind::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.eat(b']') {
                return Some(Kind::Array(items));
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_places() {
        let text = "{ \"a\": [1, {\"b\\\"\": \"x\"}] }";
        let root = parse(text).unwrap();
        let array = &root.member("a").unwrap().value;
        assert_eq!(&text[array.span.clone()], "[1, {\"b\\\"\": \"x\"}]");
        let inner = array.items()[1].member("b\"").unwrap();
        assert_eq!(&text[inner.value.span.clone()], "\"x\"");
    }

    #[test]
    fn what_is_no_json_is_not_taken_apart() {
        for text in
            ["", "{", "{\"a\"}", "[1,]", "{\"a\": 1,}", "nul", "\"a", "1 2", "\"\\", "{\"a\": 日}"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(5000)), None);
    }
}
