//! Tasks that are stopped, agents that start again, runs that died.

use kube::api::{Patch, PatchParams};
use millrace_crds::Reason;
use millrace_crds::node_task::{Action, TaskPhase};
use millrace_data::publish::Staging;
use millrace_tests::guests;
use serde_json::json;

use crate::world::{World, table, wasm};

pub(crate) fn a_cancelled_task_ends_and_leaves_nothing() {
    let mut world = World::new();
    let endless = world.module("loop-in-assign", guests::component("loop-in-assign"));
    world.start("local", 1);
    world.write("in/data.csv", table(10));
    let name = world.create(world.task(Action::Run, Some(wasm(&endless, json!({})))));
    let running = |task: Option<&millrace_crds::NodeTask>| {
        task.and_then(|task| task.status.as_ref()).is_some_and(|status| status.phase == TaskPhase::Running)
    };
    world.runtime.block_on(kube::runtime::wait::await_condition(world.api(), &name, running)).unwrap();
    let cancel = Patch::Merge(json!({ "spec": { "cancelled": true } }));
    world.runtime.block_on(world.api().patch(&name, &PatchParams::default(), &cancel)).unwrap();
    assert_eq!(world.wait(&name).failure.unwrap().reason, Reason::Cancelled);
    assert!(!world.path("out/parts/_millrace/manifest.json").exists());
}

pub(crate) fn a_task_of_an_earlier_boot_is_taken_up_again() {
    let mut world = World::new();
    let honest = world.module("honest-split", guests::component("honest-split"));
    world.write("in/data.csv", table(10));
    let name = world.create(world.task(Action::Run, Some(wasm(&honest, json!({})))));
    let claimed = Patch::Merge(json!({ "status": { "phase": "Running", "bootId": "an-earlier-one" } }));
    world.runtime.block_on(world.api().patch_status(&name, &PatchParams::default(), &claimed)).unwrap();
    world.start("local", 1);
    let status = world.wait(&name);
    assert_eq!(status.phase, TaskPhase::Complete, "{:?}", status.failure);
    assert_ne!(status.boot_id, "an-earlier-one");
}

pub(crate) fn staging_of_a_killed_run_is_swept() {
    let mut world = World::new();
    let honest = world.module("honest-split", guests::component("honest-split"));
    world.start("local", 1);
    world.write("in/data.csv", table(10));
    let dead = Staging::open(&world.path("out/parts"), "dead-run", 1).unwrap();
    std::fs::write(dead.parts().join("half"), "of a part").unwrap();
    // What a killed process leaves: the folder, without the lock.
    drop(dead);
    assert!(world.path("out/parts/_millrace/runs/dead-run").exists());
    world.done(world.task(Action::Run, Some(wasm(&honest, json!({})))));
    assert!(!world.path("out/parts/_millrace/runs/dead-run").exists());
}
