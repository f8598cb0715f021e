use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::run_spec::{RunSpec, VersionedRunSpec};

const OLD: Timestamp = Timestamp::from_millis(1);
const NEW: Timestamp = Timestamp::from_millis(2);

fn definition(app: &str, instances: u32, dependencies: &[&str]) -> Arc<VersionedRunSpec> {
    let posted = json!({"id": app, "instances": instances, "dependencies": dependencies,
        "container": {"docker": {"image": "x", "network": "BRIDGE"}}});
    let spec = RunSpec::parse(serde_json::from_value(posted).unwrap()).unwrap();
    Arc::new(VersionedRunSpec::new(spec, OLD))
}

type Change = (Option<Arc<VersionedRunSpec>>, Option<Arc<VersionedRunSpec>>);

/// The plan's steps as text, beside apps that do not change.
fn steps(
    changes: Vec<Change>,
    kept: &[Arc<VersionedRunSpec>],
) -> Result<Vec<String>, CyclicDependencies> {
    let id = |definition: &Arc<VersionedRunSpec>| definition.spec.id().clone();
    let targets = changes.iter().filter_map(|(_, target)| target.as_ref());
    let mut tree = Tree::new(10_000..=20_000);
    targets.chain(kept).for_each(|definition| tree.insert(Arc::clone(definition)));
    let intents = changes.iter().map(|(original, target)| Intent {
        app: target.as_ref().or(original.as_ref()).map(id).unwrap(),
        original: original.clone(),
        target: target.clone(),
    });
    let plan = build(DeploymentId::new("d"), NEW, intents.collect(), &tree)?;
    let step = |step: &DeploymentStep| {
        let actions = step.actions.iter();
        let words: Vec<String> =
            actions.map(|action| format!("{}{}", action.kind.name(), action.app)).collect();
        words.join(" ")
    };
    Ok(plan.steps.iter().map(step).collect())
}

#[test]
fn removed_apps_stop_before_new_ones_start() {
    let changes =
        vec![(None, Some(definition("/new", 1, &[]))), (Some(definition("/old", 1, &[])), None)];
    assert_eq!(
        steps(changes, &[]).unwrap(),
        ["StopApplication/old", "StartApplication/new", "ScaleApplication/new"]
    );
}

#[test]
fn a_changed_number_scales_and_a_changed_definition_restarts() {
    let old = definition("/a", 1, &[]);
    let scaled = Arc::new(old.updated(old.spec.with_instances(3), NEW));
    assert_eq!(
        steps(vec![(Some(old.clone()), Some(scaled))], &[]).unwrap(),
        ["ScaleApplication/a"]
    );
    let restarted = Arc::new(old.restarted(NEW));
    let restart = vec![(Some(old.clone()), Some(restarted))];
    assert_eq!(steps(restart, &[]).unwrap(), ["RestartApplication/a"]);
    let emptied = old.restarted(NEW);
    let emptied = Arc::new(VersionedRunSpec { spec: emptied.spec.with_instances(0), ..emptied });
    let stop = vec![(Some(old), Some(emptied))];
    assert_eq!(steps(stop, &[]).unwrap(), ["ScaleApplication/a"], "nothing is left to restart");
}

#[test]
fn each_level_of_dependency_is_a_step_of_its_own() {
    let changes = vec![
        (None, Some(definition("/web", 1, &["/backend"]))),
        (None, Some(definition("/backend/api", 1, &["/backend/db"]))),
        (None, Some(definition("/backend/db", 1, &[]))),
        (None, Some(definition("/backend-docs", 1, &[]))),
    ];
    assert_eq!(
        steps(changes, &[]).unwrap(),
        [
            "StartApplication/web StartApplication/backend/api StartApplication/backend/db \
             StartApplication/backend-docs",
            "ScaleApplication/backend/db ScaleApplication/backend-docs",
            "ScaleApplication/backend/api",
            "ScaleApplication/web",
        ]
    );
}

#[test]
fn levels_count_unchanged_apps_too_and_unknown_ones_not() {
    let kept = [definition("/middle", 1, &["/base"])];
    let changes = vec![
        (None, Some(definition("/top", 1, &["/middle", "/nowhere"]))),
        (None, Some(definition("/base", 1, &[]))),
    ];
    let steps = steps(changes, &kept).unwrap();
    assert_eq!(steps[1..], ["ScaleApplication/base", "ScaleApplication/top"]);
}

#[test]
fn circles_are_refused() {
    let circle = vec![
        (None, Some(definition("/a", 1, &["/b"]))),
        (None, Some(definition("/b", 1, &["/c"]))),
        (None, Some(definition("/c", 1, &["/a"]))),
    ];
    assert_eq!(steps(circle, &[]), Err(CyclicDependencies));
    let itself = vec![(None, Some(definition("/a", 1, &["/a"])))];
    assert_eq!(steps(itself, &[]), Err(CyclicDependencies));
}

#[test]
fn a_chain_of_ten_thousand_apps_needs_no_deep_stack() {
    let name = |number: usize| format!("/app-{number:05}");
    let chain = (0..10_000_usize).map(|number| {
        let below = number.checked_sub(1).map(name);
        let dependencies: Vec<&str> = below.as_deref().into_iter().collect();
        (None, Some(definition(&name(number), 1, &dependencies)))
    });
    let changes: Vec<Change> = chain.rev().collect();
    let steps = steps(changes, &[]).unwrap();
    assert_eq!(steps.len(), 10_001);
    assert_eq!(steps[1], "ScaleApplication/app-00000");
    assert_eq!(steps[10_000], "ScaleApplication/app-09999");
}

/// Apps `/g/0` … `/g/5`; each depends on the ones of its mask.
fn graph(masks: &[u8]) -> Vec<Arc<VersionedRunSpec>> {
    let name = |number: usize| format!("/g/{number}");
    let dependencies = |mask: u8| (0..masks.len()).filter(move |n| mask & (1 << n) != 0).map(name);
    masks
        .iter()
        .enumerate()
        .map(|(number, mask)| {
            let dependencies: Vec<String> = dependencies(*mask).collect();
            let dependencies: Vec<&str> = dependencies.iter().map(String::as_str).collect();
            definition(&name(number), 1, &dependencies)
        })
        .collect()
}

/// The length of the longest path of dependencies; `None` when it goes round in circles.
fn longest(masks: &[u8], app: usize, left: usize) -> Option<usize> {
    let below = (0..masks.len()).filter(|n| masks[app] & (1 << n) != 0);
    let left = left.checked_sub(1)?;
    below
        .map(|n| longest(masks, n, left).map(|length| length + 1))
        .try_fold(0, |most, length| Some(most.max(length?)))
}

proptest::proptest! {
    #[test]
    fn an_app_is_scaled_in_the_step_of_its_longest_path_of_dependencies(
        masks in proptest::collection::vec(0..64_u8, 6),
        changed in proptest::collection::vec(proptest::prelude::any::<bool>(), 6),
    ) {
        let definitions = graph(&masks);
        let is_changed = |number: &usize| changed[*number];
        let kept: Vec<_> =
            (0..6).filter(|n| !is_changed(n)).map(|n| definitions[n].clone()).collect();
        let new: Vec<usize> = (0..6).filter(is_changed).collect();
        let changes = new.iter().map(|n| (None, Some(definitions[*n].clone()))).collect();
        let levels: Option<Vec<usize>> = new.iter().map(|n| longest(&masks, *n, 7)).collect();
        let planned = steps(changes, &kept);
        let Some(levels) = levels else {
            proptest::prop_assert_eq!(planned, Err(CyclicDependencies));
            return Ok(());
        };
        let mut by_level: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (app, level) in new.iter().zip(levels) {
            by_level.entry(level).or_default().push(format!("ScaleApplication/g/{app}"));
        }
        let wanted: Vec<String> = by_level.into_values().map(|step| step.join(" ")).collect();
        let planned = planned.unwrap();
        proptest::prop_assert_eq!(planned.get(1..).unwrap_or_default(), wanted.as_slice());
    }
}
