//! Deployments: started, stepped, finished, cancelled (marathon.md §8.2, §8.10).

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AppId, RequestId};
use wire::marathon::Event;

use super::Marathon;
use crate::command::{AppChange, ChangeApps};
use crate::deployment::{ActionKind, Deployment, DeploymentPlan};
use crate::effect::{Refusal, Reply};
use crate::events;
use crate::identity::DeploymentId;

/// The reason that events give for a cancelled deployment.
const CANCELLED: &str = "The upgrade has been cancelled";

impl Marathon {
    /// Begins a stored change. A plan without steps is done at once and leaves no record.
    pub(super) fn start_deployment(&mut self, plan: DeploymentPlan) {
        if plan.steps.is_empty() {
            self.publish(events::deployment_success(&plan, self.wall()));
            return;
        }
        let deployment = Deployment { plan: Arc::new(plan), current_step: 0 };
        for intent in &deployment.plan.intents {
            self.state.locks.insert(intent.app.clone(), deployment.plan.id.clone());
        }
        self.begin_step(deployment);
    }

    /// Moves on to the next step; the step number is stored before any of its actions.
    fn begin_step(&mut self, mut deployment: Deployment) {
        deployment.current_step += 1;
        self.persist_deployment(&deployment);
        let Some(step) = deployment.step() else { return };
        let info = events::step_info(&deployment.plan, step, self.wall());
        for action in &step.actions {
            if action.kind == ActionKind::Restart {
                self.backoffs.reset(&action.app);
                self.refresh_launchable(&action.app);
            }
            self.touched.insert(action.app.clone());
        }
        let id = deployment.plan.id.clone();
        self.publish(Event::DeploymentInfo(info));
        self.tell_health_checks(&deployment);
        self.await_step(&deployment);
        self.state.deployments.insert(id, Arc::new(deployment));
    }

    /// Tells of the checks that appear and vanish with the step.
    fn tell_health_checks(&mut self, deployment: &Deployment) {
        let plan = &deployment.plan;
        let wall = self.wall();
        for action in deployment.step().into_iter().flat_map(|step| &step.actions) {
            let is_first = plan.first_step_of(&action.app) == Some(deployment.current_step);
            let Some(intent) = plan.intent_of(&action.app).filter(|_| is_first) else { continue };
            match (&intent.target, &intent.original) {
                (Some(target), _) => {
                    for check in target.spec.health_checks() {
                        self.publish(events::add_health_check(target, check, wall));
                    }
                }
                (None, Some(original)) => {
                    for _ in original.spec.health_checks() {
                        self.publish(events::remove_health_check(&action.app, wall));
                    }
                }
                (None, None) => {}
            }
        }
    }

    /// Notes which apps the current step waits for. An action that has reached its target once is done, whatever
    /// fails later, as in the original.
    pub(super) fn await_step(&mut self, deployment: &Deployment) {
        let id = deployment.plan.id.clone();
        let actions = deployment.step().into_iter().flat_map(|step| &step.actions);
        let awaited = actions.filter(|action| action.kind != ActionKind::Start);
        let awaited: BTreeSet<_> = awaited.map(|action| action.app.clone()).collect();
        awaited.iter().for_each(|app| self.watch_readiness(app));
        if awaited.is_empty() {
            self.stepping.insert(id.clone());
        }
        self.unfinished.insert(id, awaited);
    }

    /// The action of `app` in the current step, if there is one, has reached its target.
    pub(super) fn finish_action(&mut self, app: &AppId) {
        let Some(id) = self.state.locks.get(app) else { return };
        if let Some(unfinished) = self.unfinished.get_mut(id)
            && unfinished.remove(app)
            && unfinished.is_empty()
        {
            self.stepping.insert(id.clone());
        }
    }

    /// Takes the next step; all actions of the current one have reached their targets.
    pub(super) fn advance(&mut self, id: &DeploymentId) {
        let Some(deployment) = self.state.deployments.get(id).cloned() else { return };
        let Some(step) = deployment.step() else { return };
        for action in step.actions.iter().filter(|action| action.kind == ActionKind::Stop) {
            self.publish(events::app_terminated(&action.app, self.wall()));
        }
        let info = events::step_info(&deployment.plan, step, self.wall());
        self.publish(Event::DeploymentStepSuccess(info));
        if deployment.current_step < deployment.plan.steps.len() {
            return self.begin_step((*deployment).clone());
        }
        self.forget_deployment(&deployment);
        self.publish(events::deployment_success(&deployment.plan, self.wall()));
    }

    /// Ends a deployment where it stands; instances stay as they are.
    pub(super) fn drop_deployment(&mut self, id: &DeploymentId) {
        let Some(deployment) = self.state.deployments.get(id).cloned() else { return };
        self.forget_deployment(&deployment);
        self.publish(events::deployment_failed(&deployment.plan, CANCELLED, self.wall()));
    }

    fn forget_deployment(&mut self, deployment: &Deployment) {
        let id = &deployment.plan.id;
        self.state.deployments.remove(id);
        self.unfinished.remove(id);
        for intent in &deployment.plan.intents {
            self.state.locks.remove(&intent.app);
            self.touched.insert(intent.app.clone());
        }
        self.delete_deployment(id);
    }

    /// Cancels on a client's request: stops with force, else rolls back as a deployment of its own.
    pub(super) fn cancel_deployment(&mut self, request: RequestId, id: DeploymentId, force: bool) {
        let Some(deployment) = self.state.deployments.get(&id).cloned() else {
            return self.refuse(request, Refusal::DeploymentUnknown(id));
        };
        if force {
            self.drop_deployment(&id);
            return self.reply(request, Reply::Done);
        }
        let changes = deployment.plan.intents.iter().filter_map(|intent| match &intent.original {
            Some(original) => {
                let spec = Box::new(original.spec.clone());
                Some(AppChange::Put { spec, based_on: None })
            }
            None if self.state.apps.contains_key(&intent.app) => {
                Some(AppChange::Delete(intent.app.clone()))
            }
            None => None,
        });
        let changes = changes.collect();
        let change = ChangeApps { request, changes, force: true, caller: None };
        // The roll-back of a restart changes no definition and so would not conflict with it.
        match self.start_change(change) {
            Ok(deploying) => {
                self.drop_deployment(&id);
                self.reply(request, Reply::Deploying(deploying));
            }
            Err(refusal) => self.refuse(request, refusal),
        }
    }
}
