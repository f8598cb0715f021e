//! From the core's values to the JSON shapes of the API.
//!
//! Outward conversions cannot fail. Numbers leave as the original writes them: quantities as doubles,
//! times with three fraction digits. Lists are sorted by id, which the original leaves open.

mod check;
mod definition;
mod deployment;
mod health;
mod queue;
mod status;
mod task;

pub(crate) use definition::posted;
pub use definition::{app, definition};
pub use deployment::{deployment, deployment_result, deployments, plan, step};
pub use health::health_check;
pub use queue::{launch_queue, queue_item};
pub use status::{Embed, app_with_status, created_app};
pub use task::{all_tasks, readiness_results, task, tasks_of, tasks_text};

#[cfg(test)]
mod tests;
