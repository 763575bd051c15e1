//! DataFlows: steps in their order, what a failure means, and running again.

use millrace_crds::Reason;
use millrace_crds::common::Phase;
use millrace_crds::operation::StepPhase;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::World;

fn load(name: &str, needs: &[&str], more: Value) -> Value {
    let mut step = json!({"name": name, "needs": needs, "dataLoad": {"dataset": {"name": "digits"}}});
    for (key, value) in more.as_object().unwrap() {
        step[key] = value.clone();
    }
    step
}

fn flow(steps: &[Value], more: Value) -> World {
    let mut spec = json!({ "steps": steps });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let mut world = World::flow(spec);
    world.settle();
    world
}

/// Steps at work.
fn running(world: &World) -> Vec<String> {
    in_state(world, StepPhase::Running)
}

fn in_state(world: &World, state: StepPhase) -> Vec<String> {
    let states = &world.seen.operation.status.step_states;
    states.iter().filter(|step| step.state == state).map(|step| step.name.clone()).collect()
}

fn end(world: &mut World, step: &str, phase: Phase) {
    let states = &world.seen.operation.status.step_states;
    let state = states.iter().find(|state| state.name == step).unwrap();
    let name = state.operation.split_once('/').unwrap().1.to_owned();
    world.end_child(&name, phase);
    world.settle();
}

fn status(world: &World) -> (Phase, Option<Reason>) {
    (world.seen.operation.status.phase, world.seen.operation.status.reason)
}

#[test]
fn steps_start_once_what_they_need_has_ended() {
    let steps = [load("c", &["a", "b"], json!({})), load("a", &[], json!({})), load("b", &[], json!({}))];
    let mut world = flow(&steps, json!({}));
    assert_eq!(running(&world), ["a", "b"]);
    assert_eq!(world.seen.operation.status.step_states[0].message, "waits for a and b");
    end(&mut world, "a", Phase::Complete);
    assert_eq!((running(&world), world.seen.operation.status.steps.as_str()), (vec!["b".to_owned()], "1/3"));
    end(&mut world, "b", Phase::Complete);
    assert_eq!(running(&world), ["c"]);
    end(&mut world, "c", Phase::Complete);
    assert_eq!(status(&world), (Phase::Complete, Some(Reason::Succeeded)));
    assert_eq!(world.seen.operation.status.steps, "3/3");
}

#[test]
fn a_failure_stops_the_rest_or_only_what_needs_it() {
    let steps = || {
        [
            load("a", &[], json!({})),
            load("b", &[], json!({})),
            load("after-a", &["a"], json!({})),
            load("after-b", &["b"], json!({})),
            load("mend", &["a"], json!({"when": "Failure"})),
            load("sweep", &["after-a", "after-b"], json!({"when": "Always"})),
        ]
    };
    let mut world = flow(&steps(), json!({}));
    end(&mut world, "a", Phase::Failed);
    assert_eq!(running(&world), ["b", "mend", "sweep"]);
    assert_eq!(in_state(&world, StepPhase::Skipped), ["after-a", "after-b"]);
    for step in ["b", "mend", "sweep"] {
        end(&mut world, step, Phase::Complete);
    }
    assert_eq!(status(&world), (Phase::Failed, Some(Reason::StepFailed)));
    let told = &world.seen.operation.status.message;
    assert!(told.starts_with("step a failed: DiskFull") && told.ends_with("2 skipped"), "{told}");

    let mut world = flow(&steps(), json!({"onFailure": "Continue"}));
    end(&mut world, "a", Phase::Failed);
    end(&mut world, "b", Phase::Complete);
    assert_eq!(running(&world), ["after-b", "mend"]);
    // Where nothing fails, what is for a failure does not run.
    let mut world = flow(&steps()[..5], json!({}));
    for step in ["a", "b", "after-a", "after-b"] {
        end(&mut world, step, Phase::Complete);
    }
    assert_eq!(in_state(&world, StepPhase::Skipped), ["mend"]);
    assert_eq!(status(&world).0, Phase::Complete);
}

#[test]
fn parameters_fill_the_steps_texts() {
    let step = json!({"name": "a", "dataLoad": {"dataset": {"name": "digits-${parameters.day}"}}});
    let given = json!({"parameters": [{"name": "day", "default": "${tick.date}"}]});
    let world = flow(std::slice::from_ref(&step), given);
    assert_eq!(world.seen.children[0].ask.uses("default")[0].name, "digits-1970-01-01");
    let world = flow(&[step], json!({}));
    assert_eq!(status(&world), (Phase::Failed, Some(Reason::InvalidSpec)));
    assert!(world.seen.operation.status.message.contains("${parameters.day} names nothing"));
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_starts() {
    let table = [
        (vec![load("a", &["b"], json!({})), load("b", &["a"], json!({}))], Reason::Cycle),
        (vec![load("a", &["elsewhere"], json!({}))], Reason::InvalidSpec),
        (vec![load("a", &[], json!({"when": "Failure"}))], Reason::InvalidSpec),
        (vec![json!({"name": "a", "dataLoad": {"datset": {}}})], Reason::InvalidSpec),
        (vec![json!({"name": "a"})], Reason::InvalidSpec),
        (
            vec![json!({"name": "a", "dataLoad": {"dataset": {"name": "digits"}, "policy": "Cron"}})],
            Reason::InvalidSpec,
        ),
    ];
    for (steps, reason) in table {
        let world = flow(&steps, json!({}));
        assert_eq!(status(&world), (Phase::Failed, Some(reason)), "{steps:?}");
        assert!(world.seen.children.is_empty());
    }
}

#[test]
fn retry_runs_what_failed_again_or_from_a_step_on() {
    let steps =
        || vec![load("a", &[], json!({})), load("b", &["a"], json!({})), load("c", &["b"], json!({}))];
    let again = |world: &mut World, more: Value| {
        let mut spec = json!({"steps": steps(), "retry": 1});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        world.seen.operation.ask = World::flow(spec).seen.operation.ask;
        world.settle();
    };
    let mut world = flow(&steps(), json!({}));
    end(&mut world, "a", Phase::Complete);
    end(&mut world, "b", Phase::Failed);
    assert_eq!(status(&world).0, Phase::Failed);
    again(&mut world, json!({}));
    assert_eq!(
        (running(&world), in_state(&world, StepPhase::Complete)),
        (vec!["b".into()], vec!["a".into()])
    );
    end(&mut world, "b", Phase::Complete);
    end(&mut world, "c", Phase::Complete);
    assert_eq!(status(&world).0, Phase::Complete);

    let mut world = flow(&steps(), json!({}));
    for step in ["a", "b", "c"] {
        end(&mut world, step, Phase::Complete);
    }
    again(&mut world, json!({"retryFrom": "b"}));
    assert_eq!(running(&world), ["b"]);
    assert_eq!(world.seen.children.len(), 4);
}

#[test]
fn a_step_that_is_refused_or_deleted_failed() {
    let mut world = flow(&[load("a", &[], json!({}))], json!({}));
    world.seen.children.clear();
    world.settle();
    assert_eq!(status(&world), (Phase::Failed, Some(Reason::StepFailed)));
    let mut world = World::flow(json!({"steps": [load("a", &[], json!({}))]}));
    let decision = world.step();
    assert_eq!(decision.children.len(), 1);
    let name = world.seen.children.remove(0).name.name.name.clone();
    world.seen.refused.insert(name, "spec.dataset.name: Invalid value".into());
    world.settle();
    assert!(world.seen.operation.status.message.contains("the API server refused it"));
}

#[test]
fn cancelling_stops_its_steps_first() {
    let mut world = flow(&[load("a", &[], json!({})), load("b", &["a"], json!({}))], json!({}));
    let spec = json!({"steps": [load("a", &[], json!({})), load("b", &["a"], json!({}))], "cancelled": true});
    world.seen.operation.ask = World::flow(spec).seen.operation.ask;
    world.settle();
    assert!(world.seen.children[0].ask.fields().cancelled);
    end(&mut world, "a", Phase::Failed);
    assert_eq!(status(&world), (Phase::Failed, Some(Reason::Cancelled)));
    assert_eq!(in_state(&world, StepPhase::Skipped), ["b"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the graph and whatever fails, it ends, and nothing runs before what it needs.
    #[test]
    fn every_flow_ends(
        needs in proptest::collection::vec((proptest::collection::vec(0usize..8, 0..4), 0usize..3), 1..8),
        fails in proptest::collection::vec(any::<bool>(), 8),
        goes_on in any::<bool>(),
    ) {
        let name = |index: usize| format!("s{index}");
        let steps: Vec<Value> = needs.iter().enumerate().map(|(index, (needs, when))| {
            // Towards earlier ones only, so that there is no circle.
            let needs: Vec<String> = needs.iter().filter(|need| **need < index).map(|need| name(*need)).collect();
            let when = if needs.is_empty() { "Success" } else { ["Success", "Failure", "Always"][*when] };
            json!({"name": name(index), "needs": needs, "when": when, "dataLoad": {"dataset": {"name": "digits"}}})
        }).collect();
        let on_failure = if goes_on { "Continue" } else { "Stop" };
        let mut world = flow(&steps, json!({"onFailure": on_failure}));
        for _ in 0..=steps.len() {
            for step in running(&world) {
                let index: usize = step[1..].parse().unwrap();
                for need in steps[index]["needs"].as_array().unwrap() {
                    let states = &world.seen.operation.status.step_states;
                    prop_assert!(states.iter().any(|state| state.name == need.as_str().unwrap() && state.state.is_finished()));
                }
                end(&mut world, &step, if fails[index] { Phase::Failed } else { Phase::Complete });
            }
        }
        prop_assert!(status(&world).0.is_finished(), "{:#?}", world.seen.operation.status);
    }
}
