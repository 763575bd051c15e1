//! How operations end before or after their work: cancelled, suspended, deleted, expired.

use kube::api::{DeleteParams, Patch, PatchParams};
use millrace_crds::common::Phase;
use millrace_crds::node_task::Action;
use millrace_crds::{NodeTask, Reason, names};
use serde_json::json;

use crate::agent::works;
use crate::world::{World, after_load, dataset, load, process, until_gone};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_stops_the_tasks_first() {
    let world = World::with_agents(&["local"], |_| None).await;
    world.create(dataset("digits")).await;
    world.create(load("warm", json!({}))).await;
    world.load("warm", |status| status.phase == Phase::Executing).await;
    let change = Patch::Merge(json!({"spec": {"cancelled": true}}));
    world.loads().patch("warm", &PatchParams::default(), &change).await.unwrap();
    let status = world.load("warm", |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.reason), (Phase::Failed, Some(Reason::Cancelled)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_suspended_goes_on_later_without_counting_a_failure() {
    let second = |task: &NodeTask| if task.spec.attempt == 1 { None } else { works(task) };
    let world = World::with_agents(&["local"], second).await;
    world.create(dataset("digits")).await;
    world.create(load("warm", json!({"backoffLimit": 0}))).await;
    world.load("warm", |status| status.phase == Phase::Executing).await;
    let suspend = |value: bool| Patch::Merge(json!({"spec": {"suspend": value}}));
    world.loads().patch("warm", &PatchParams::default(), &suspend(true)).await.unwrap();
    let status = world.load("warm", |status| status.phase == Phase::Suspended).await;
    assert_eq!(status.waiting_for, "spec.suspend to become false");
    // Where the controller had not yet seen the task it made, it stops it once it does.
    world.until_tasks_ended("warm").await;
    world.loads().patch("warm", &PatchParams::default(), &suspend(false)).await.unwrap();
    let status = world.load("warm", |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.attempts), (Phase::Complete, 2), "{status:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_stops_cleans_and_lets_go() {
    let cleans = |task: &NodeTask| if task.spec.action == Action::Clean { works(task) } else { None };
    let world = World::with_agents(&["local"], cleans).await;
    world.create(dataset("digits")).await;
    world.create(process("parts", json!({}))).await;
    world.processing("parts", |status| status.phase == Phase::Executing).await;
    let object = world.processings().get("parts").await.unwrap();
    assert!(object.metadata.finalizers.unwrap().contains(&names::FINALIZER.to_owned()));
    world.processings().delete("parts", &DeleteParams::default()).await.unwrap();
    until_gone(world.processings(), "parts").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_is_deleted_once_nothing_waits_for_it() {
    let world = World::with_agents(&["local"], works).await;
    world.create(process("parts", after_load("warm", "Success"))).await;
    world.create(load("warm", json!({"ttlSecondsAfterFinished": 0}))).await;
    world.load("warm", |status| status.phase == Phase::Pending).await;
    world.create(dataset("digits")).await;
    let status = world.processing("parts", |status| status.phase.is_finished()).await;
    assert_eq!(status.phase, Phase::Complete, "{status:?}");
    until_gone(world.loads(), "warm").await;
    world.stop().await;
}
