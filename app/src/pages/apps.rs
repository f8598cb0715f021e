//! Pages of the application console (port 8080).

mod actions;
mod app;
mod configuration;
mod debug;
mod definition;
mod deployments;
mod form;
mod instances;
mod list;
mod modal;
mod new;
mod place;
mod waiting;

pub use app::AppPage;
pub use deployments::DeploymentsPage;
pub use list::AppsPage;
pub(crate) use waiting::Help;
