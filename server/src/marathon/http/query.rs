//! The query of a request; names may stand more than once.

use axum::http::Uri;
use percent_encoding::percent_decode_str;

use super::error::ApiError;

/// Names and values in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The query of `uri`; empty without one.
    pub(super) fn of(uri: &Uri) -> Self {
        let parts = uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
        Self(
            parts
                .map(|part| {
                    let (name, value) = part.split_once('=').unwrap_or((part, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The first value of `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of `name`.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether `name` is given and not `false`.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.eq_ignore_ascii_case("false") && value != "0")
    }

    /// A boolean, `default` where it is not given.
    pub(super) fn bool(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("") => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(ApiError::unprocessable(format!(
                "'{other}' is not a value of '{name}': it is true or false"
            ))),
        }
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_repeat_and_values_are_decoded() {
        let query = Query::of(
            &"/v2/apps?embed=apps.tasks&embed=a%20b+c&force=true&pretty".parse().unwrap(),
        );
        assert_eq!(query.all("embed").collect::<Vec<_>>(), ["apps.tasks", "a b c"]);
        assert_eq!((query.bool("force", false), query.flag("pretty")), (Ok(true), true));
        assert_eq!(query.bool("scale", false), Ok(false));
        assert!(Query::of(&"/?force=maybe".parse().unwrap()).bool("force", false).is_err());
    }
}
