//! Pages of the cluster console (port 5050).

mod agent;
mod agents;
mod frameworks;
pub(crate) mod home;
mod links;
mod tasks;

pub use agent::AgentPage;
pub use agents::AgentsPage;
pub use frameworks::FrameworksPage;
pub use home::HomePage;
