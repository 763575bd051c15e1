//! Several nodes, and several controllers.

use std::sync::Arc;

use millrace_crds::common::Phase;
use millrace_decide::Missing;
use serde_json::json;

use crate::agent::{self, works};
use crate::world::{World, dataset, load, process};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_nodes_work_stage_by_stage() {
    let world = World::with_agents(&["a", "b", "c"], works).await;
    world.create(dataset("digits")).await;
    world.create(process("parts", json!({}))).await;
    let status = world.processing("parts", |status| status.phase.is_finished()).await;
    assert_eq!(status.phase, Phase::Complete, "{status:?}");
    // The plan found two shards, so two of the three nodes work.
    let wanted = ["1:assign", "1:assign", "1:fit", "1:fit", "1:merge", "1:plan", "1:publish"];
    assert_eq!(world.actions("parts").await, wanted);
    assert_eq!(status.outputs.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallelism_of_one_is_one_task() {
    let world = World::with_agents(&["a", "b", "c"], works).await;
    world.create(dataset("digits")).await;
    world.create(process("parts", json!({"parallelism": 1}))).await;
    world.processing("parts", |status| status.phase == Phase::Complete).await;
    assert_eq!(world.actions("parts").await, ["1:run"]);
    world.stop().await;
}

/// Three controllers without a lease: what one does the others find done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_controllers_do_everything_once() {
    let mut world = World::new().await;
    for node in ["a", "b"] {
        agent::heartbeat(&world.client, &world.clock, node).await;
    }
    world.start_agents(Arc::new(works));
    for _ in 0..3 {
        world.start_controller(Missing::Wait);
    }
    world.create(dataset("digits")).await;
    for index in 0..4 {
        world.create(load(&format!("load-{index}"), json!({}))).await;
    }
    for index in 0..4 {
        let name = format!("load-{index}");
        let status = world.load(&name, |status| status.phase.is_finished()).await;
        assert_eq!(status.phase, Phase::Complete, "{status:?}");
        assert_eq!(world.actions(&name).await, ["1:load"]);
        assert_eq!(world.told("DataLoad", &name, "Succeeded").await, 1);
    }
    world.stop().await;
}
