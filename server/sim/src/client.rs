//! The people who use the platform: they post, scale, restart and delete apps, and remember what was answered.
//!
//! An answer is a promise. A request whose answer was lost may or may not have been carried out; whichever it
//! was, the next leader's state decides, and from then on it stays so.

use std::collections::BTreeMap;

use marathon_core::Command;
use marathon_core::command::{AfterKill, AppChange, ChangeApps, KillTasks, TaskSelection};
use marathon_core::effect::Reply;
use marathon_core::run_spec::RunSpec;
use model::{AppId, RequestId};
use serde_json::{Value, json};

use crate::event::{Event, Place};
use crate::store::Role;
use crate::world::World;

/// What a client knows of an app's definition; `None` when there is no app.
pub(crate) type Known = Option<(u32, String)>;

/// A request without an answer so far.
#[derive(Debug)]
struct Pending {
    node: usize,
    lead: u64,
    app: AppId,
    /// What the app is if the request is carried out; the outer `None` when it changes no definition.
    outcome: Option<Known>,
}

/// The clients.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// What each app may be: one state, or several while an answer is missing.
    pub(crate) apps: BTreeMap<AppId, Vec<Known>>,
    pending: BTreeMap<RequestId, Pending>,
    requests: u64,
    marks: u64,
}

impl Client {
    /// Whether an answer about this app is still to come.
    pub(crate) fn is_waiting(&self, app: &AppId) -> bool {
        self.pending.values().any(|pending| pending.app == *app)
    }
}

/// The definition of an app; the mark tells two versions apart.
fn definition(
    app: &AppId,
    instances: u32,
    mark: &str,
    capacities: (f64, f64),
    unreachable: &Value,
    checks: &Value,
) -> RunSpec {
    let posted = json!({
        "id": app.to_string(),
        "instances": instances,
        "cpus": 0.5,
        "mem": 64,
        "container": {
            "type": "DOCKER",
            "docker": {"image": "docker.io/nginx"},
            "portMappings": [{"containerPort": 80, "hostPort": 0}]
        },
        "networks": [{"mode": "container/bridge"}],
        "env": {"MARK": mark},
        "healthChecks": checks,
        "backoffSeconds": 1,
        "maxLaunchDelaySeconds": 5,
        "unreachableStrategy": unreachable,
        "upgradeStrategy": {
            "minimumHealthCapacity": capacities.0,
            "maximumOverCapacity": capacities.1
        }
    });
    let posted = serde_json::from_value(posted).expect("the text above is an app");
    RunSpec::parse(posted).expect("the text above is a valid app")
}

/// A check by the agent or by Marathon that gives a task up after a few seconds.
fn health_check(protocol: &str) -> Value {
    json!([{"protocol": protocol, "portIndex": 0, "delaySeconds": 0, "gracePeriodSeconds": 10,
        "intervalSeconds": 2, "timeoutSeconds": 1, "maxConsecutiveFailures": 2}])
}

impl World {
    pub(crate) fn client_acts(&mut self) {
        if self.faults.is_over {
            return;
        }
        let pause = self.random.pick(&[50, 500, 3_000, 8_000]).unwrap_or(500);
        let next = self.now + self.random.millis(pause / 4, pause);
        self.schedule(next, Event::Client);
        let leading = (0..self.nodes.len()).filter(|node| {
            self.is_responsive(Place::Node(*node)) && self.nodes[*node].marathon.is_some()
        });
        let leading: Vec<usize> = leading.collect();
        let Some(node) = self.random.pick(&leading) else { return };
        let name = self.random.pick(&["/web", "/group/api", "/batch"]).unwrap_or("/web");
        let Ok(app) = AppId::parse(name) else { return };
        if let [_, _, ..] = leading.as_slice() {
            // All but one have been replaced and do not know it.
            for node in &leading {
                self.client_reads(*node, &app);
            }
        }
        if self.random.percent(30) {
            return self.client_reads(node, &app);
        }
        if self.client.is_waiting(&app) {
            return;
        }
        if self.nodes[node].disk.is_full {
            return; // It is refused before it reaches the core.
        }
        let known = self.client.apps.entry(app.clone()).or_insert_with(|| vec![None]);
        // What is not known for sure is looked at first.
        let [known] = known.as_slice() else { return };
        let known = known.clone();
        self.request(node, app, known);
    }

    /// Looks at an app. A process without a lease answers nothing from its state.
    fn client_reads(&mut self, node: usize, app: &AppId) {
        if self.holds_lease(node) {
            self.trace.note(self.now, || format!("client: reads {app} from node {node}"));
            self.check_read(node, app);
        }
    }

    fn request(&mut self, node: usize, app: AppId, known: Known) {
        self.client.requests += 1;
        let request = RequestId(self.client.requests);
        let Some(lead) = self.lead_of(node, Role::Marathon) else { return };
        let (command, outcome) = match known {
            None => {
                let (spec, outcome) = self.new_definition(&app);
                (self.change(request, AppChange::Create(spec)), Some(outcome))
            }
            Some((instances, mark)) => self.change_of(request, &app, instances, mark),
        };
        self.trace.note(self.now, || {
            let what = match &command {
                Command::ChangeApps(change) => match change.changes.first() {
                    Some(AppChange::Create(_)) => "create",
                    Some(AppChange::Put { .. }) => "put",
                    Some(AppChange::Scale { .. }) => "scale",
                    Some(AppChange::Restart(_)) => "restart",
                    Some(AppChange::Delete(_)) => "delete",
                    None => "nothing",
                },
                _ => "kill",
            };
            format!("client: request {} to node {node}: {what} {app} -> {outcome:?}", request.0)
        });
        if let Some(outcome) = &outcome {
            let possible = self.client.apps.entry(app.clone()).or_default();
            possible.push(outcome.clone());
        }
        self.client.pending.insert(request, Pending { node, lead, app, outcome });
        self.tell_marathon(node, command);
    }

    #[cfg(test)]
    pub(crate) fn client_creates(&mut self, node: usize, app: &str) -> AppId {
        let app = AppId::parse(app).expect("the test's path is valid");
        self.request(node, app.clone(), None);
        app
    }

    fn new_definition(&mut self, app: &AppId) -> (RunSpec, Known) {
        self.client.marks += 1;
        let mark = format!("m{}", self.client.marks);
        let instances = u32::try_from(self.random.between(1, 4)).unwrap_or(1);
        let capacities = [(1.0, 1.0), (0.5, 0.5), (0.5, 0.0), (0.0, 0.0), (1.0, 0.0)];
        let capacities = self.random.pick(&capacities).unwrap_or((1.0, 1.0));
        let after = |inactive: u32, expunge: u32| json!({"inactiveAfterSeconds": inactive, "expungeAfterSeconds": expunge});
        let strategies = [after(0, 0), after(0, 5), after(2, 8), after(5, 40), json!("disabled")];
        let unreachable = self.random.pick(&strategies).unwrap_or_default();
        let checks = self.random.pick(&[None, None, Some("MESOS_HTTP"), Some("TCP")]).flatten();
        let checks = checks.map_or(json!([]), health_check);
        let spec = definition(app, instances, &mark, capacities, &unreachable, &checks);
        (spec, Some((instances, mark)))
    }

    fn change(&mut self, request: RequestId, change: AppChange) -> Command {
        // A scaling that cuts an upgrade off leaves the old version running, as in the original.
        let may_force = !matches!(change, AppChange::Scale { .. });
        let force = may_force && self.random.percent(50);
        Command::ChangeApps(ChangeApps { request, changes: vec![change], force, caller: None })
    }

    fn change_of(
        &mut self,
        request: RequestId,
        app: &AppId,
        instances: u32,
        mark: String,
    ) -> (Command, Option<Known>) {
        match self.random.below(100) {
            0..30 => {
                let (spec, outcome) = self.new_definition(app);
                let put = AppChange::Put { spec: Box::new(spec), based_on: None };
                (self.change(request, put), Some(outcome))
            }
            30..60 => {
                let wanted = u32::try_from(self.random.between(0, 5)).unwrap_or(1);
                let scale = AppChange::Scale { app: app.clone(), instances: wanted };
                (self.change(request, scale), Some(Some((wanted, mark))))
            }
            60..72 => {
                let restart = AppChange::Restart(app.clone());
                (self.change(request, restart), Some(Some((instances, mark))))
            }
            72..82 => (self.change(request, AppChange::Delete(app.clone())), Some(None)),
            _ => {
                let tasks = TaskSelection::OfApp { app: app.clone(), host: None };
                let after =
                    if self.random.percent(50) { AfterKill::Relaunch } else { AfterKill::Wipe };
                (Command::KillTasks(KillTasks { request, tasks, after, force: false }), None)
            }
        }
    }

    /// An answer came: what it says holds from now on.
    pub(crate) fn client_answered(&mut self, request: RequestId, reply: &Reply) {
        let Some(Pending { app, outcome, .. }) = self.client.pending.remove(&request) else {
            return;
        };
        let Some(outcome) = outcome else { return };
        let Some(possible) = self.client.apps.get_mut(&app) else { return };
        if let Reply::Refused(_) = reply {
            possible.pop();
        } else {
            *possible = vec![outcome];
        }
    }

    /// The process that had requests is gone, or leads no more; their answers will not come.
    pub(crate) fn client_lost(&mut self, node: usize, lead: Option<u64>) {
        self.client.pending.retain(|_, pending| {
            pending.node != node || lead.is_some_and(|lead| lead != pending.lead)
        });
    }
}
