//! Partial updates: what a PUT leaves out stays as it is.

use wire::marathon::PostedApp;

use super::migrate::{migrate, mode_of};
use super::{Refusal, RunSpec, schema};
use crate::render;

impl RunSpec {
    /// The definition that `update` makes of `self`.
    ///
    /// Every top-level member given replaces the old one whole; `null` counts as absent, so nothing can
    /// be unset. The id is kept, whatever the update says.
    ///
    /// Compat: ports of the old network mode do not survive a change of the mode; the original keeps
    /// them and then refuses the result.
    ///
    /// # Errors
    /// As [`RunSpec::parse`].
    pub fn merged(&self, update: PostedApp) -> Result<Self, Refusal> {
        schema::check(&update)?;
        let update = migrate(update)?;
        let mut old = render::posted(self);
        let mode = |posted: &PostedApp| posted.networks.as_ref()?.first().map(mode_of);
        if mode(&update).is_some_and(|new| Some(new) != mode(&old)) {
            old.port_definitions = None;
            old.require_ports = None;
            if let Some(container) = &mut old.container {
                container.port_mappings = None;
            }
        }
        Self::parse(overlay(old, update))
    }
}

/// `update` over `old`, member by member. Members without effect come from the update alone, so that
/// asking for them is still refused.
fn overlay(old: PostedApp, update: PostedApp) -> PostedApp {
    PostedApp {
        id: old.id,
        cmd: update.cmd.or(old.cmd),
        args: update.args.or(old.args),
        user: update.user.or(old.user),
        cpus: update.cpus.or(old.cpus),
        mem: update.mem.or(old.mem),
        disk: update.disk.or(old.disk),
        gpus: update.gpus.or(old.gpus),
        instances: update.instances.or(old.instances),
        executor: update.executor.or(old.executor),
        constraints: update.constraints.or(old.constraints),
        container: update.container.or(old.container),
        networks: update.networks.or(old.networks),
        port_definitions: update.port_definitions.or(old.port_definitions),
        require_ports: update.require_ports.or(old.require_ports),
        health_checks: update.health_checks.or(old.health_checks),
        check: update.check.or(old.check),
        readiness_checks: update.readiness_checks.or(old.readiness_checks),
        // Naming either form replaces what was said in the other.
        fetch: if update.uris.is_some() { update.fetch } else { update.fetch.or(old.fetch) },
        env: update.env.or(old.env),
        labels: update.labels.or(old.labels),
        dependencies: update.dependencies.or(old.dependencies),
        upgrade_strategy: update.upgrade_strategy.or(old.upgrade_strategy),
        backoff_seconds: update.backoff_seconds.or(old.backoff_seconds),
        backoff_factor: update.backoff_factor.or(old.backoff_factor),
        max_launch_delay_seconds: update.max_launch_delay_seconds.or(old.max_launch_delay_seconds),
        task_kill_grace_period_seconds: update
            .task_kill_grace_period_seconds
            .or(old.task_kill_grace_period_seconds),
        kill_selection: update.kill_selection.or(old.kill_selection),
        unreachable_strategy: update.unreachable_strategy.or(old.unreachable_strategy),
        accepted_resource_roles: update.accepted_resource_roles.or(old.accepted_resource_roles),
        role: update.role.or(old.role),
        // Compat: the original takes them from the update alone, which looks like an oversight.
        resource_limits: update.resource_limits.or(old.resource_limits),
        ..update
    }
}
