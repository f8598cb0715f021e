//! Deployments.

use wire::marathon::{
    Action, CurrentAction, Deployment, DeploymentPlan, DeploymentResult, DeploymentStep,
};

use crate::deployment;
use crate::effect::Deploying;
use crate::snapshot::Snapshot;

/// `GET /v2/deployments`.
pub fn deployments(snapshot: &Snapshot) -> Vec<Deployment> {
    snapshot.deployments.values().map(|running| deployment(snapshot, running)).collect()
}

/// One running deployment.
pub fn deployment(snapshot: &Snapshot, running: &deployment::Deployment) -> Deployment {
    let plan = &running.plan;
    let actions = running.step().map_or(&[][..], |step| &step.actions);
    Deployment {
        id: plan.id.to_string(),
        steps: plan.steps.iter().map(step).collect(),
        version: plan.version.to_rfc3339_millis(),
        affected_apps: running.affected().into_iter().map(ToString::to_string).collect(),
        affected_pods: Vec::new(),
        current_actions: actions
            .iter()
            .map(|action| CurrentAction {
                action: action.kind.name().to_owned(),
                app: action.app.to_string(),
                readiness_check_results: super::readiness_results(snapshot, &action.app),
            })
            .collect(),
        current_step: count(running.current_step),
        total_steps: count(plan.steps.len()),
    }
}

/// The plan as events carry it.
pub fn plan(plan: &deployment::DeploymentPlan) -> DeploymentPlan {
    DeploymentPlan {
        id: plan.id.to_string(),
        steps: plan.steps.iter().map(step).collect(),
        version: plan.version.to_rfc3339_millis(),
    }
}

/// One step.
pub fn step(step: &deployment::DeploymentStep) -> DeploymentStep {
    let action = |action: &deployment::Action| Action {
        action: action.kind.name().to_owned(),
        app: action.app.to_string(),
    };
    DeploymentStep { actions: step.actions.iter().map(action).collect() }
}

/// The answer of a request that started a deployment.
pub fn deployment_result(deploying: &Deploying) -> DeploymentResult {
    DeploymentResult {
        deployment_id: deploying.id.to_string(),
        version: deploying.version.to_rfc3339_millis(),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
