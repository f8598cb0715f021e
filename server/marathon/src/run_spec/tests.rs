//! What is accepted, what is refused and with which words; how definitions change over time.

mod catalogue;
mod check;
mod docker;
mod fetch;
mod guide;
mod health;
mod mesos;
mod properties;
mod resource_limits;
mod updates;

use serde_json::{Value, json};

use super::{Refusal, RunSpec, read};
use crate::render;

/// A definition that is accepted as it stands.
pub(super) fn nginx() -> Value {
    json!({
        "id": "/nginx", "cpus": 0.2, "mem": 32,
        "container": {
            "docker": {"image": "nginx", "network": "BRIDGE", "portMappings": [{"containerPort": 80}]},
        },
    })
}

/// `base` with the members of `more` over its own.
pub(super) fn with(mut base: Value, more: Value) -> Value {
    let (Value::Object(members), Value::Object(more)) = (&mut base, more) else { unreachable!() };
    members.extend(more);
    base
}

pub(super) fn parse(body: &Value) -> Result<RunSpec, Refusal> {
    RunSpec::parse(read(body.to_string().as_bytes())?)
}

pub(super) fn spec(body: &Value) -> RunSpec {
    parse(body).unwrap_or_else(|refusal| panic!("{refusal}: {body}"))
}

/// Status and body of the refusal.
pub(super) fn refused(body: &Value) -> (u16, Value) {
    let refusal = parse(body).expect_err(&body.to_string());
    (refusal.status(), serde_json::to_value(refusal.body()).unwrap())
}

/// The definition as clients read it.
pub(super) fn rendered(body: &Value) -> Value {
    serde_json::to_value(render::definition(&spec(body))).unwrap()
}
