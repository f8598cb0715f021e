//! Changes: each is one request of Marathon's public API, and the same request as a command to paste.

use wire::marathon::{ErrorBody, ErrorDetails, Violation};

/// One change of an application or a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new application, from its definition as typed.
    Create {
        /// JSON.
        definition: String,
    },
    /// Another number of instances.
    Scale {
        /// The application.
        app: String,
        /// How many.
        instances: u32,
    },
    /// All instances anew.
    Restart {
        /// The application.
        app: String,
    },
    /// The application and all its instances end.
    Destroy {
        /// The application.
        app: String,
    },
    /// The next launch does not wait for the back-off.
    ResetDelay {
        /// The application.
        app: String,
    },
    /// An earlier definition again.
    Apply {
        /// The application.
        app: String,
        /// JSON.
        definition: String,
    },
    /// A deployment is undone by another.
    Rollback {
        /// The deployment.
        deployment: String,
    },
}

impl Change {
    /// Method, path and body of the request; `force` stops a deployment that is in the way.
    pub fn request(&self, force: bool) -> (&'static str, String, Option<String>) {
        let (method, path, body) = match self {
            Self::Create { definition } => {
                ("POST", "/v2/apps".to_owned(), Some(definition.clone()))
            }
            Self::Scale { app, instances } => {
                ("PUT", format!("/v2/apps{app}"), Some(format!("{{\"instances\": {instances}}}")))
            }
            Self::Restart { app } => ("POST", format!("/v2/apps{app}/restart"), None),
            Self::Destroy { app } => ("DELETE", format!("/v2/apps{app}"), None),
            Self::ResetDelay { app } => ("DELETE", format!("/v2/queue{app}/delay"), None),
            Self::Apply { app, definition } => {
                ("PUT", format!("/v2/apps{app}"), Some(definition.clone()))
            }
            Self::Rollback { deployment } => {
                ("DELETE", format!("/v2/deployments/{deployment}"), None)
            }
        };
        let forced = force && !matches!(self, Self::Rollback { .. } | Self::ResetDelay { .. });
        (method, if forced { format!("{path}?force=true") } else { path }, body)
    }
}

/// The same change as a command; `base` is the address in the browser, `http://host:8080`.
pub fn curl(base: &str, change: &Change) -> String {
    let (method, path, body) = change.request(false);
    let mut command = format!("curl -X {method} {base}{path}");
    if let Some(body) = body {
        let quoted = body.trim().replace('\'', "'\\''");
        command.push_str(&format!(" -H 'Content-Type: application/json' -d '{quoted}'"));
    }
    command
}

/// What a change led to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The deployment that carries it out, if there is one.
    pub deployment: Option<String>,
    /// The application that the answer names.
    pub app: Option<String>,
}

impl Outcome {
    /// Reads the answer to POST of an app, or to any other change.
    pub fn from_body(body: &str) -> Self {
        let Ok(json) = serde_json::from_str::<serde_json::Value>(body) else {
            return Self::default();
        };
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        Self {
            deployment: text(&json["deploymentId"]).or_else(|| text(&json["deployments"][0]["id"])),
            app: text(&json["id"]),
        }
    }
}

/// Why a change was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// A sentence for the reader.
    pub message: String,
    /// What is wrong, by path.
    pub violations: Vec<Violation>,
    /// Deployments that are in the way: it can be forced.
    pub locked_by: Vec<String>,
}

impl Refusal {
    /// Reads an error answer.
    pub fn from_body(status: u16, body: &str) -> Self {
        let Ok(error) = serde_json::from_str::<ErrorBody>(body) else {
            return Self { status, message: format!("HTTP {status}"), ..Self::default() };
        };
        let (message, violations) = match error.details {
            Some(ErrorDetails::Text(text)) => (format!("{} {text}", error.message), Vec::new()),
            Some(ErrorDetails::Violations(violations)) => (error.message, violations),
            None => (error.message, Vec::new()),
        };
        let locks = error.deployments.unwrap_or_default();
        Self {
            status,
            message,
            violations,
            locked_by: locks.into_iter().map(|lock| lock.id).collect(),
        }
    }
}

/// Asks Marathon for a change.
///
/// # Errors
/// When Marathon refuses, or cannot be reached.
pub async fn send(change: Change, force: bool) -> Result<Outcome, Refusal> {
    let (method, path, body) = change.request(force);
    #[cfg(feature = "hydrate")]
    {
        let answered = crate::api::fetch::send(method, &path, body.as_deref()).await;
        let (status, text) =
            answered.map_err(|message| Refusal { message, ..Refusal::default() })?;
        if (200..300).contains(&status) {
            Ok(Outcome::from_body(&text))
        } else {
            Err(Refusal::from_body(status, &text))
        }
    }
    #[cfg(not(feature = "hydrate"))]
    {
        // Only a browser's click leads here.
        let _ = (method, path, body);
        Err(Refusal::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale() -> Change {
        Change::Scale { app: "/prod/nginx".to_owned(), instances: 2 }
    }

    #[test]
    fn a_change_can_be_pasted_into_a_terminal() {
        assert_eq!(
            curl("http://h:8080", &scale()),
            "curl -X PUT http://h:8080/v2/apps/prod/nginx -H 'Content-Type: application/json' -d '{\"instances\": 2}'"
        );
        let quoted = Change::Create { definition: "{\"cmd\": \"echo 'a'\"}\n".to_owned() };
        assert!(
            curl("", &quoted).ends_with("-d '{\"cmd\": \"echo '\\''a'\\''\"}'"),
            "{}",
            curl("", &quoted)
        );
        assert_eq!(
            curl("", &Change::Restart { app: "/a".to_owned() }),
            "curl -X POST /v2/apps/a/restart"
        );
    }

    #[test]
    fn force_goes_into_the_address() {
        assert_eq!(scale().request(true).1, "/v2/apps/prod/nginx?force=true");
        let rollback = Change::Rollback { deployment: "d".to_owned() };
        assert_eq!(rollback.request(true).1, "/v2/deployments/d", "forced, it would only stop");
    }

    #[test]
    fn the_deployment_is_found_in_either_answer() {
        let created = Outcome::from_body(r#"{"id": "/nginx", "deployments": [{"id": "d1"}]}"#);
        assert_eq!(
            (created.app.as_deref(), created.deployment.as_deref()),
            (Some("/nginx"), Some("d1"))
        );
        let scaled = Outcome::from_body(r#"{"deploymentId": "d2", "version": "x"}"#);
        assert_eq!(scaled.deployment.as_deref(), Some("d2"));
        assert_eq!(Outcome::from_body(""), Outcome::default());
    }

    #[test]
    fn refusals_keep_their_paths_and_locks() {
        let refused = Refusal::from_body(
            422,
            r#"{"message": "Object is not valid", "details": [{"path": "/cpus", "errors": ["error.min"]}]}"#,
        );
        assert_eq!(refused.violations[0].path, "/cpus");
        let locked =
            Refusal::from_body(409, r#"{"message": "locked", "deployments": [{"id": "d"}]}"#);
        assert_eq!(locked.locked_by, ["d"]);
        assert_eq!(Refusal::from_body(502, "<html>").message, "HTTP 502");
    }
}
