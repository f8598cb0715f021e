//! The state machine of an instance, cell by cell: what every Mesos state makes of every condition
//! (marathon.md §1.3).

use std::sync::Arc;

use model::{AgentId, TaskId, TaskState};
use serde_json::json;

use super::world::{World, app, id, update, world};
use crate::command::StatusUpdate;
use crate::effect::{Call, Effect};
use crate::instance::{Condition, Goal};
use crate::{Command, records};

/// Every state with its column; LOST by the three kinds of its reason.
const TOLD: [(&str, TaskState, Option<&str>); 16] = [
    ("STAG", TaskState::Staging, None),
    ("STAR", TaskState::Starting, None),
    ("RUNN", TaskState::Running, None),
    ("KILL", TaskState::Killing, None),
    ("UNRE", TaskState::Unreachable, None),
    ("FINI", TaskState::Finished, None),
    ("KILD", TaskState::Killed, None),
    ("FAIL", TaskState::Failed, None),
    ("ERRO", TaskState::Error, None),
    ("LOST", TaskState::Lost, Some("REASON_CONTAINER_PREEMPTED")),
    ("LOSA", TaskState::Lost, Some("REASON_AGENT_REMOVED")),
    ("LOSU", TaskState::Lost, Some("REASON_TASK_UNKNOWN")),
    ("DROP", TaskState::Dropped, None),
    ("GONE", TaskState::Gone, None),
    ("GOPE", TaskState::GoneByOperator, None),
    ("UNKN", TaskState::Unknown, None),
];

/// Every condition that an instance with a task can have, and its name in the tables.
const KNOWN: [(Condition, &str); 14] = [
    (Condition::Provisioned, "Prov"),
    (Condition::Staging, "Stag"),
    (Condition::Starting, "Star"),
    (Condition::Running, "Runn"),
    (Condition::Killing, "Kill"),
    (Condition::Unreachable, "Unre"),
    (Condition::UnreachableInactive, "Inac"),
    (Condition::Finished, "Fini"),
    (Condition::Killed, "Kild"),
    (Condition::Failed, "Fail"),
    (Condition::Error, "Erro"),
    (Condition::Gone, "Gone"),
    (Condition::Dropped, "Drop"),
    (Condition::Unknown, "Unkn"),
];

/// Wanted instances. A dot: nothing changes. An inactive one that has ended gives way to its replacement.
const WANTED: &str = "
known STAG STAR RUNN KILL UNRE FINI KILD FAIL ERRO LOST LOSA LOSU DROP GONE GOPE UNKN
Prov  Stag Star Runn Kill Unre Fini Kild Fail Erro Gone Unre Unkn Drop Gone Gone Unkn
Stag  .    Star Runn Kill Unre Fini Kild Fail Erro Gone Unre Unkn Drop Gone Gone Unkn
Star  .    .    Runn Kill Unre Fini Kild Fail Erro Gone Unre Unkn Drop Gone Gone Unkn
Runn  .    .    .    Kill Unre Fini Kild Fail Erro Gone Unre Unkn Drop Gone Gone Unkn
Kill  .    .    .    .    Unre Fini Kild Fail Erro Gone Unre Unkn Drop Gone Gone Unkn
Unre  Stag Star Runn Kill .    Fini Kild Fail Erro Gone .    Unkn Drop Gone Gone Unkn
Inac  Stag Star Runn Kill .    gone gone gone gone gone .    gone gone gone gone gone
Fini  .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
Kild  .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
Fail  .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
Erro  .    .    .    .    .    .    .    .    .    .    .    .    .    .    .    .
Gone  Stag Star Runn Kill .    .    .    .    .    .    .    .    .    .    .    .
Drop  Stag Star Runn Kill .    .    .    .    .    .    .    .    .    .    .    .
Unkn  Stag Star Runn Kill .    .    .    .    .    .    .    .    .    .    .    .
";

/// Decommissioned instances: alive they are killed, otherwise forgotten.
const UNWANTED: &str = "
known STAG STAR RUNN KILL UNRE FINI KILD FAIL ERRO LOST LOSA LOSU DROP GONE GOPE UNKN
Prov  Stag Star Runn Kill gone gone gone gone gone gone gone gone gone gone gone gone
Stag  .    Star Runn Kill gone gone gone gone gone gone gone gone gone gone gone gone
Star  .    .    Runn Kill gone gone gone gone gone gone gone gone gone gone gone gone
Runn  .    .    .    Kill gone gone gone gone gone gone gone gone gone gone gone gone
Kill  .    .    .    .    gone gone gone gone gone gone gone gone gone gone gone gone
";

const PATIENT: &str = "disabled";

/// A world whose only instance of `/nginx` is in this condition, as the last leader stored it.
fn with(condition: Condition, goal: Goal) -> (World, TaskId) {
    let mut world = world(1);
    world.holds_tasks = true;
    world.create(app("/nginx", 1, json!({"unreachableStrategy": PATIENT}))).unwrap();
    world.settle();
    let mut instance = (*world.instances("/nginx")[0]).clone();
    (instance.condition, instance.goal) = (condition, goal);
    let write = records::put_instance(&instance);
    world.records.insert(write.path, write.value.unwrap());
    world.restart();
    world.calls.clear();
    (world, instance.task.unwrap().id)
}

fn told(task: &TaskId, state: TaskState, reason: Option<&str>) -> StatusUpdate {
    let told = update(task, &AgentId::new("S0"), state);
    StatusUpdate { reason: reason.map(str::to_owned), uuid: Some(Arc::from([7; 8])), ..told }
}

/// What became of the instance of this task, as a cell.
fn cell(world: &World, task: &TaskId, known: Condition) -> &'static str {
    let snapshot = world.core.snapshot();
    let Some(instance) = snapshot.instance_of_task(task) else { return "gone" };
    let name = |(condition, _): &&(Condition, &str)| *condition == instance.condition;
    if instance.condition == known { "." } else { KNOWN.iter().find(name).unwrap().1 }
}

fn table(goal: Goal, conditions: &[(Condition, &str)]) -> String {
    let mut lines = vec![format!("{:<6}{}", "known", TOLD.map(|(name, _, _)| name).join(" "))];
    for (known, name) in conditions {
        let cells = TOLD.map(|(_, state, reason)| {
            let (mut world, task) = with(*known, goal);
            world.send(Command::StatusUpdate(told(&task, state, reason)));
            let acknowledged =
                world.calls.iter().any(|call| matches!(call, Call::Acknowledge { .. }));
            assert!(acknowledged, "{name} {state:?}");
            cell(&world, &task, *known)
        });
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:<4}")).collect();
        lines.push(format!("{name:<6}{}", cells.join(" ")).trim_end().to_owned());
    }
    format!("\n{}\n", lines.join("\n"))
}

#[test]
fn every_state_moves_every_condition_of_a_wanted_instance_as_the_table_says() {
    let table = table(Goal::Running, &KNOWN);
    assert!(table == WANTED, "{table}");
}

#[test]
fn every_state_moves_every_condition_of_an_unwanted_instance_as_the_table_says() {
    let living = &KNOWN[..5];
    let table = table(Goal::Decommissioned, living);
    assert!(table == UNWANTED, "{table}");
}

#[test]
fn a_living_unwanted_task_is_killed_whatever_it_tells() {
    for (_, state, reason) in &TOLD[..4] {
        let (mut world, task) = with(Condition::Provisioned, Goal::Decommissioned);
        world.send(Command::StatusUpdate(told(&task, *state, *reason)));
        // Sent with the subscription already, and again when it stays unanswered.
        world.now = world.now + std::time::Duration::from_secs(30);
        world.send(Command::Tick);
        let kills = world.calls.iter().filter(|call| matches!(call, Call::Kill { .. })).count();
        assert_eq!(kills, 1, "{state:?}");
    }
}

/// Which ends delay the next launch, and which are noted as the app's last failure (§4.1, §8.4).
#[test]
fn the_ends_that_delay_and_the_ends_that_are_failures_are_the_references() {
    let mut delaying = Vec::new();
    let mut failures = Vec::new();
    for (name, state, reason) in TOLD {
        let (mut world, task) = with(Condition::Running, Goal::Running);
        let effects = world.send(Command::StatusUpdate(told(&task, state, reason)));
        let snapshot = world.core.snapshot();
        let queued = snapshot.queue.get(&id("/nginx"));
        if queued.is_some_and(|entry| entry.delayed_until.is_some()) {
            delaying.push(name);
        }
        let failure = &snapshot.apps[&id("/nginx")].last_failure;
        if failure.as_ref().is_some_and(|failure| failure.state == state) {
            failures.push(name);
        }
        let is_stored = effects.iter().any(
            |effect| matches!(effect, Effect::Persist(write) if write.path.contains("/instances/")),
        );
        let waits = snapshot.instances_of(&id("/nginx")).any(|i| i.waits_for_launch());
        assert_eq!(is_stored, waits, "{name}: an end is stored before it is acknowledged");
    }
    assert_eq!(delaying, ["FINI", "FAIL", "ERRO", "LOST", "DROP", "GONE", "GOPE"]);
    assert_eq!(failures, ["FAIL", "ERRO", "LOST", "LOSU", "DROP", "GONE", "GOPE", "UNKN"]);
}

#[test]
fn a_launch_that_was_lost_on_its_way_delays_nothing() {
    for (state, reason, known, delays) in [
        (TaskState::Dropped, "REASON_INVALID_OFFERS", Condition::Provisioned, false),
        (TaskState::Lost, "REASON_INVALID_OFFERS", Condition::Provisioned, false),
        (TaskState::Dropped, "REASON_SLAVE_DISCONNECTED", Condition::Provisioned, false),
        (TaskState::Dropped, "REASON_AGENT_REMOVED", Condition::Provisioned, false),
        (TaskState::Gone, "REASON_RECONCILIATION", Condition::Provisioned, false),
        (TaskState::Gone, "REASON_RECONCILIATION", Condition::Running, true),
        (TaskState::Dropped, "REASON_AGENT_REMOVED", Condition::Staging, true),
        (TaskState::Error, "REASON_TASK_INVALID", Condition::Provisioned, true),
    ] {
        let (mut world, task) = with(known, Goal::Running);
        world.send(Command::StatusUpdate(told(&task, state, Some(reason))));
        let entry = world.core.snapshot().queue[&id("/nginx")].clone();
        assert_eq!(entry.delayed_until.is_some(), delays, "{state:?} {reason} {known:?}");
    }
}

#[test]
fn a_task_taken_for_dead_that_shows_up_keeps_its_place() {
    let (mut world, task) = with(Condition::Unknown, Goal::Running);
    world.send(Command::StatusUpdate(told(&task, TaskState::Running, None)));
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
    world.set_state(&task, TaskState::Running);
    world.pass(std::time::Duration::from_secs(60));
    assert_eq!(world.live_tasks(), [task], "it is not launched a second time");
}

#[test]
fn a_task_of_an_earlier_run_is_killed() {
    let (mut world, task) = with(Condition::Failed, Goal::Running);
    world.tasks.remove(&task);
    world.holds_tasks = false;
    world.pass(std::time::Duration::from_secs(5));
    assert_eq!(world.instances("/nginx")[0].incarnation, 2);
    world.calls.clear();
    world.send(Command::StatusUpdate(told(&task, TaskState::Running, None)));
    let agent = Some(AgentId::new("S0"));
    assert!(world.calls.contains(&Call::Kill { task, agent }), "{:?}", world.calls);
    assert_eq!(world.conditions("/nginx"), [Condition::Running]);
}

#[test]
fn what_is_said_of_a_launch_is_kept_until_it_goes_on_and_is_not_stored() {
    let (mut world, task) = with(Condition::Provisioned, Goal::Running);
    let news = |world: &World| world.instances("/nginx")[0].task.as_ref().unwrap().news.clone();
    let say = |world: &mut World, state, reason, text: &str| {
        let update = StatusUpdate { message: Some(text.to_owned()), ..told(&task, state, reason) };
        world.send(Command::StatusUpdate(update))
    };
    say(&mut world, TaskState::Staging, None, "1 of 3 layers");
    assert_eq!(news(&world).as_deref(), Some("1 of 3 layers"));
    let effects = say(&mut world, TaskState::Staging, None, "2 of 3 layers");
    assert_eq!(news(&world).as_deref(), Some("2 of 3 layers"));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Persist(_))), "{effects:?}");
    say(&mut world, TaskState::Staging, Some("REASON_RECONCILIATION"), "Reconciliation");
    assert_eq!(news(&world).as_deref(), Some("2 of 3 layers"));
    say(&mut world, TaskState::Starting, None, "");
    assert_eq!(news(&world), None);
}
