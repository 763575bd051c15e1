//! A run shared by several agents of one machine.

use millrace_crds::node_task::{Action, NodeTaskSpec};
use serde_json::json;

use crate::world::{World, share, table, wasm};

/// More than one share is done by each agent, and some agents have nothing to do in some stage.
const SHARES: i32 = 3;

pub(crate) fn three_agents_publish_what_one_runner_would() {
    let mut world = World::new();
    let Some(split) = world.shipped("split") else { return };
    ["local", "second", "third"].iter().for_each(|node| world.start(node, 1));
    world.write("in/data.csv", table(3000));
    let mut run = wasm(&split, json!({ "sizes": { "a": "70%", "b": "30%" }, "stratify": "label" }));
    run.processor.output_options.target_file_size =
        Some(k8s_openapi::apimachinery::pkg::api::resource::Quantity("4Ki".into()));
    world.done(world.task(Action::Run, Some(run.clone())));
    let alone = world.files("out/parts");
    std::fs::remove_dir_all(world.path("out/parts")).unwrap();

    let first = world.task(Action::Plan, Some(run));
    let task = |node: &str, action, share| NodeTaskSpec { node: node.into(), action, share, ..first.clone() };
    let plan = world.done(first.clone());
    assert!(plan.fit && plan.splits && plan.shards > 5, "{plan:?}");
    every_share(&world, &task, Action::Fit);
    world.done(task("second", Action::Merge, None));
    every_share(&world, &task, Action::Assign);
    let published = world.done(task("third", Action::Publish, None));
    assert_eq!(published.outputs.iter().map(|output| output.rows).sum::<i64>(), 3000);
    assert_eq!(world.files("out/parts"), alone);
    assert!(world.done(first).reused);
}

fn every_share(
    world: &World,
    task: &impl Fn(&str, Action, Option<millrace_crds::node_task::TaskShare>) -> NodeTaskSpec,
    action: Action,
) {
    let nodes = ["local", "second", "third"];
    let names: Vec<_> = (0..SHARES)
        .zip(nodes)
        .map(|(index, node)| world.create(task(node, action, share(index, SHARES))))
        .collect();
    for name in names {
        let status = world.wait(&name);
        assert!(status.failure.is_none(), "{:?}", status.failure);
    }
}
