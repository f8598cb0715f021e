//! JSON shapes of Marathon's REST API (`/v2`, port 8080) and of its event stream.
//!
//! What comes in ([`PostedApp`]) accepts every form that Marathon 1.4 to 1.10 took; what goes out
//! ([`App`] and the rest) has the members, their order and their absence as Marathon 1.10 sends them.
//! Nothing here is validated: `marathon-core` turns a [`PostedApp`] into a run spec or into violations.
//!
//! Source: d2iq-archive/marathon: docs/docs/rest-api/public/api/v2/types/*.raml.

mod app;
mod check;
mod container;
mod deployment;
mod error;
mod event;
mod fetch;
mod health;
mod info;
mod number;
mod posted;
mod queue;
mod task;

pub use app::{
    App, AppResponse, Apps, DeploymentRef, PortDefinition, TaskFailure, UnreachableStrategy,
    UnreachableWindow, UpgradeStrategy, VersionInfo, Versions,
};
pub use check::{
    Check, CheckResult, CommandCheckResult, ExecCheck, ExecCommand, HttpCheck, HttpCheckResult,
    PostedCheck, PostedExecCheck, PostedHttpCheck, PostedTcpCheck, TcpCheck, TcpCheckResult,
};
pub use container::{Container, Docker, Network, Parameter, PortMapping, Volume};
pub use deployment::{
    Action, CurrentAction, Deployment, DeploymentPlan, DeploymentResult, DeploymentStep,
};
pub use error::{ErrorBody, ErrorDetails, Violation};
pub use event::{
    AddHealthCheck, ApiPost, AppTerminated, DeploymentFailed, DeploymentInfo, DeploymentSuccess,
    Event, EventStreamAttached, FailedHealthCheck, GroupChangeFailed, GroupChangeSuccess,
    HealthStatusChanged, InstanceChanged, InstanceHealthChanged, RemoveHealthCheck,
    SchedulerConnected, StatusUpdate, UnhealthyInstanceKill, UnknownInstanceTerminated,
};
pub use fetch::{Fetch, PostedFetch};
pub use health::{
    CheckCommand, HealthCheck, HealthCheckResult, PostedHealthCheck, PostedReadinessCheck,
    ReadinessCheck, ReadinessCheckResult, ReadinessResponse,
};
pub use info::{Info, LeaderResponse};
pub use posted::{
    PostedApp, PostedContainer, PostedDocker, PostedIpAddress, PostedNetwork, PostedParameter,
    PostedPortDefinition, PostedPortMapping, PostedUnreachableStrategy, PostedUpgradeStrategy,
    PostedVolume,
};
pub use queue::{
    LaunchQueue, OffersSummary, QueueDelay, QueueItem, RejectStep, UnusedOffer, UnusedOfferDetails,
};
pub use task::{IpAddress, Task, TaskResponse, Tasks};

#[cfg(test)]
mod tests;
