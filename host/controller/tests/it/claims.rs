//! The volume and the claim by which pods mount a Dataset.

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use millrace_crds::node_task::Action;
use millrace_crds::{CacheNode, NodeTask};
use serde_json::{Value, json};

use crate::agent::works;
use crate::world::{World, dataset, load, until, until_gone};

fn claims(world: &World) -> Api<PersistentVolumeClaim> {
    Api::namespaced(world.client.clone(), "default")
}

fn volumes(world: &World) -> Api<PersistentVolume> {
    Api::all(world.client.clone())
}

fn condition<'a>(dataset: &'a Value, kind: &str) -> Option<&'a Value> {
    dataset["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == kind)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dataset_has_a_claim_of_its_name_and_takes_its_volume_with_it() {
    let world = World::in_a_cluster(&["n1"], works).await;
    world.create(dataset("digits")).await;
    let claim = until(claims(&world), "digits", |_| true).await;
    let volume = claim.spec.unwrap().volume_name.unwrap();
    let made = until(volumes(&world), &volume, |_| true).await;
    assert_eq!(made.spec.unwrap().claim_ref.unwrap().name.as_deref(), Some("digits"));
    let seen = world.dataset("digits", |one| condition(one, "Accessible").is_some()).await;
    assert_eq!(condition(&seen, "Accessible").unwrap()["status"], "True");
    world.delete_dataset("digits").await;
    until_gone(claims(&world), "digits").await;
    until_gone(volumes(&world), &volume).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_of_somebody_else_is_named_and_left_alone() {
    let world = World::in_a_cluster(&["n1"], works).await;
    let foreign = json!({
        "metadata": {"name": "digits"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    });
    claims(&world).create(&PostParams::default(), &serde_json::from_value(foreign).unwrap()).await.unwrap();
    world.create(dataset("digits")).await;
    let taken =
        |one: &Value| condition(one, "Accessible").is_some_and(|one| one["reason"] == "ClaimNameTaken");
    let seen = world.dataset("digits", taken).await;
    assert_eq!(condition(&seen, "Accessible").unwrap()["status"], "False");
    // Once it is out of the way, the Dataset's own takes its place.
    claims(&world).delete("digits", &DeleteParams::default()).await.unwrap();
    until(claims(&world), "digits", |claim| !claim.owner_references().is_empty()).await;
    world.dataset("digits", |one| !taken(one)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_pod_waits_for_is_loaded_on_its_node_once() {
    let world = World::in_a_cluster(&["n1", "n2"], works).await;
    world.create(dataset("digits")).await;
    let uid = world.dataset_uid("digits").await;
    let nodes: Api<CacheNode> = Api::all(world.client.clone());
    let wanted = json!({"status": {"wanted": [{"namespace": "default", "name": "digits", "uid": uid}]}});
    nodes.patch_status("n2", &PatchParams::default(), &Patch::Merge(&wanted)).await.unwrap();
    let tasks: Api<NodeTask> = Api::namespaced(world.client.clone(), "default");
    let load = world.until_task(|task| task.spec.action == Action::Load).await;
    assert_eq!((load.spec.node.as_str(), load.spec.operation.kind.as_str()), ("n2", "Dataset"));
    assert_eq!(load.spec.datasets[0].uid, uid);
    until(tasks.clone(), &load.name_any(), |task| {
        task.status.as_ref().is_some_and(|status| status.completion_time.is_some())
    })
    .await;
    // When nobody waits any more, the task is not kept.
    let nobody = json!({"status": {"wanted": null}});
    nodes.patch_status("n2", &PatchParams::default(), &Patch::Merge(&nobody)).await.unwrap();
    until_gone(tasks.clone(), &load.name_any()).await;
    let loads = tasks.list(&ListParams::default()).await.unwrap().items;
    assert!(loads.iter().all(|task| task.spec.action != Action::Load));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_choose_nodes_by_the_clusters_labels() {
    let world = World::in_a_cluster(&["n1", "n2"], works).await;
    world.create(dataset("digits")).await;
    world.create(load("warm", json!({"nodeSelector": {"disk": "fast"}}))).await;
    let waits = world.load("warm", |status| !status.waiting_for.is_empty()).await;
    assert!(waits.waiting_for.contains("nodeSelector"), "{}", waits.waiting_for);
    let nodes: Api<Node> = Api::all(world.client.clone());
    let node = json!({"metadata": {"name": "n2", "labels": {"disk": "fast"}}});
    nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
    world.load("warm", |status| status.phase.is_finished()).await;
    let task = world.until_task(|task| task.spec.action == Action::Load).await;
    assert_eq!(task.spec.node, "n2");
    world.stop().await;
}
