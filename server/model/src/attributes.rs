//! What an agent says of its machine: `rack:abc;zone:west;level:10`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Ranges, Scalar};

/// The value of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// A number.
    Scalar(Scalar),
    /// Ranges of whole numbers.
    Ranges(Ranges),
    /// Anything else.
    Text(String),
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => write!(f, "{scalar}"),
            Self::Ranges(ranges) => write!(f, "{ranges}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Attributes in the order given; a name may stand more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attributes(Vec<(String, AttributeValue)>);

/// A part of a list of attributes that is not `name:value`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{0}` is not of the form name:value")]
pub struct MalformedAttributes(String);

impl Attributes {
    /// Reads the form of the `--attributes` flag. Numbers become scalars, `[a-b]` ranges, the rest text.
    ///
    /// # Errors
    /// When a part has no colon, no name or no value.
    pub fn parse(text: &str) -> Result<Self, MalformedAttributes> {
        let mut all = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) =
                part.split_once(':').ok_or_else(|| MalformedAttributes(part.to_owned()))?;
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || value.is_empty() {
                return Err(MalformedAttributes(part.to_owned()));
            }
            all.push((name.to_owned(), Self::value(value)));
        }
        Ok(Self(all))
    }

    fn value(text: &str) -> AttributeValue {
        if let Ok(ranges) = text.parse() {
            return AttributeValue::Ranges(ranges);
        }
        match text.parse().map(Scalar::from_f64) {
            Ok(Ok(scalar)) => AttributeValue::Scalar(scalar),
            Ok(Err(_)) | Err(_) => AttributeValue::Text(text.to_owned()),
        }
    }

    /// Adds one at the end.
    pub fn push(&mut self, name: impl Into<String>, value: AttributeValue) {
        self.0.push((name.into(), value));
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The first value under `name`.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_form() {
        let attributes = Attributes::parse("rack:abc;level:10;keys:[1000-1500]").unwrap();
        assert_eq!(attributes.get("rack"), Some(&AttributeValue::Text("abc".into())));
        assert_eq!(attributes.get("level"), Some(&AttributeValue::Scalar(Scalar::from_units(10))));
        assert_eq!(attributes.get("keys").unwrap().to_string(), "[1000-1500]");
        assert!(Attributes::parse("rack").is_err());
    }
}
