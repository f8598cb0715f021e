//! The form of all files: names and values, each ended by a NUL, which neither can contain.

/// A file whose content makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub(crate) String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// Names and values in order.
#[derive(Debug, Default)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn push(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_owned(), value.to_string()));
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in &self.0 {
            for part in [name, value] {
                // A NUL within would end the part early; whoever fills a file refuses it before.
                bytes.extend(part.bytes().filter(|byte| *byte != 0));
                bytes.push(0);
            }
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|error| Malformed(error.to_string()))?;
        let Some(text) = text.strip_suffix('\0') else {
            return Err(Malformed("the file does not end where a value ends".to_owned()));
        };
        let parts: Vec<&str> = text.split('\0').collect();
        if !parts.len().is_multiple_of(2) {
            return Err(Malformed("the last name has no value".to_owned()));
        }
        let pairs = parts.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned()));
        Ok(Self(pairs.collect()))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub(crate) fn need(&self, name: &str) -> Result<&str, Malformed> {
        self.get(name).ok_or_else(|| Malformed(format!("there is no `{name}`")))
    }

    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<N, Malformed> {
        let text = self.need(name)?;
        text.parse().map_err(|_| Malformed(format!("`{name}` is `{text}` and should be a number")))
    }
}
