//! Identifiers. Each kind is a type of its own, so that a task's id is never taken for an agent's.
//!
//! Ids are cheap to clone (`Arc<str>`) and order as their text does.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text cannot be an id that becomes part of a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text has no characters.
    #[error("the id must not be empty")]
    Empty,
    /// The text is over 255 bytes.
    #[error("the id must not be longer than 255 bytes")]
    TooLong,
    /// The text is `.` or `..`, which would leave its folder.
    #[error("'{0}' is disallowed")]
    Dots(String),
    /// The text has a slash, a backslash or a control character.
    #[error("'{0}' contains invalid characters")]
    Characters(String),
}

/// Checks the rule that Mesos applies to ids which become folder names.
///
/// Source: mesos.md §1.2 (`src/common/validation.cpp` of the original).
fn check(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > 255 {
        return Err(InvalidId::TooLong);
    }
    if text == "." || text == ".." {
        return Err(InvalidId::Dots(text.to_owned()));
    }
    if text.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        return Err(InvalidId::Characters(text.to_owned()));
    }
    Ok(())
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text that is known to be an id: minted here, or read from our own records.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// Takes a text from outside.
            ///
            /// # Errors
            /// When the text is empty, over 255 bytes, or could leave its folder as a path segment.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check(text).map(|()| Self(text.into()))
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id_type!(
    /// One master process: a UUID made at its start.
    MasterId
);
id_type!(
    /// A machine that runs tasks: `<master id>-S<n>`, minted by the leading master at first registration.
    AgentId
);
id_type!(
    /// A scheduler: `<master id>-<nnnn>`, minted by the leading master at first subscription.
    FrameworkId
);
id_type!(
    /// Resources proposed to a framework: `<master id>-O<n>`, minted by the leading master.
    OfferId
);
id_type!(
    /// A unit of work; minted by its framework and unique within it.
    TaskId
);
id_type!(
    /// What runs tasks on an agent; minted by the framework. For a command or Docker task it equals the task id.
    ExecutorId
);
id_type!(
    /// One run of an executor: a UUID minted by the agent before anything is started.
    ContainerId
);
id_type!(
    /// One running copy of an app: `<safe path>.instance-<uuid>`, minted by Marathon.
    InstanceId
);
id_type!(
    /// A share bucket of the allocator; `*` is the default one.
    Role
);

impl Role {
    /// The role of frameworks that name none.
    pub fn any() -> Self {
        Self::new("*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_leave_its_folder_is_refused() {
        for bad in ["", ".", "..", "a/b", "a\\b", "a\nb", "a\0"] {
            assert!(TaskId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(TaskId::parse(&"x".repeat(256)).is_err());
        assert_eq!(
            TaskId::parse("nginx.instance-1._app.1").unwrap().as_str(),
            "nginx.instance-1._app.1"
        );
    }

    #[test]
    fn ids_order_as_their_text() {
        assert!(AgentId::new("a-S1") < AgentId::new("a-S2"));
    }
}
