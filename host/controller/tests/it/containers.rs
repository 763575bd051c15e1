//! Container and workload steps: a Job per try, whose status comes back. The tests play the Job controller.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use millrace_crds::common::Phase;
use millrace_crds::{Reason, names};
use serde_json::{Value, json};

use crate::agent::works;
use crate::world::{World, dataset, until};

fn jobs(world: &World) -> Api<Job> {
    Api::namespaced(world.client.clone(), "default")
}

/// A step with a container that needs a GPU, with further fields.
fn container(name: &str, more: Value) -> Value {
    let mut spec = json!({
        "datasets": [{"name": "digits", "path": "/digits"}],
        "processor": {"spec": {"containers": [
            {"name": "group", "image": "handler:1", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
        ]}}
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "DataProcessing",
        "metadata": {"name": name, "namespace": "default"}, "spec": spec
    })
}

/// The Job of a try, once it is there.
async fn job(world: &World, attempt: &str) -> Job {
    use futures::StreamExt;
    let of_try = watcher::Config::default().labels(&format!("{}={attempt}", names::LABEL_ATTEMPT));
    let mut events = std::pin::pin!(watcher(jobs(world), of_try).applied_objects());
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), events.next()).await;
    waited.unwrap().unwrap().unwrap()
}

async fn tell(world: &World, job: &Job, status: Value) {
    let change = Patch::Merge(json!({"status": status}));
    jobs(world).patch_status(&job.name_any(), &PatchParams::default(), &change).await.unwrap();
}

fn ended(kind: &str) -> Value {
    json!({"active": 0, "conditions": [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded",
        "message": "it is over", "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
}

/// A pod of the Job whose container ended so.
async fn pod(world: &World, job: &Job, code: i32, words: &str) {
    let template = job.spec.clone().unwrap().template;
    let pods: Api<Pod> = Api::namespaced(world.client.clone(), "default");
    let pod = json!({
        "metadata": {"name": format!("{}-pod", job.name_any()), "labels": template.metadata.unwrap().labels,
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": job.name_any(), "uid": job.uid().unwrap(), "controller": true}]},
        "spec": template.spec,
    });
    let made = pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let status = json!({"status": {"phase": "Failed", "containerStatuses": [{
        "name": "group", "image": "handler:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": code, "reason": "Error", "message": words}}
    }]}});
    pods.patch_status(&made.name_any(), &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_a_job_that_mounts_the_datasets_and_its_end_is_the_steps() {
    let world = World::in_a_cluster(&["n1"], works).await;
    world.create(dataset("digits")).await;
    let outputs = json!({"outputs": [{"port": "/digits/groups", "dataset": "groups"}]});
    world.create(container("data", outputs)).await;
    let made = job(&world, "1").await;
    let pod = made.spec.clone().unwrap().template.spec.unwrap();
    let claim = pod.volumes.unwrap()[0].persistent_volume_claim.clone().unwrap();
    assert_eq!(claim.claim_name, "digits");
    let container = &pod.containers[0];
    assert_eq!(container.volume_mounts.as_ref().unwrap()[0].mount_path, "/digits");
    assert_eq!(container.resources.as_ref().unwrap().limits.as_ref().unwrap()["nvidia.com/gpu"].0, "1");
    assert_eq!(made.labels()[names::LABEL_OPERATION], "DataProcessing.data");
    let at_work = format!("Job {}", made.name_any());
    world.processing("data", |status| status.phase == Phase::Executing && status.message == at_work).await;
    tell(&world, &made, ended("Complete")).await;
    let status = world.processing("data", |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.attempts), (Phase::Complete, 1), "{status:?}");
    assert_eq!(status.outputs[0].url, "local:///data/groups");
    let groups = world.dataset("groups", |_| true).await;
    assert_eq!(groups["spec"]["mounts"][0]["mountPoint"], "local:///data/groups");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_container_is_tried_again_and_its_last_words_are_kept() {
    let world = World::in_a_cluster(&["n1"], works).await;
    world.create(dataset("digits")).await;
    world.create(container("data", json!({"backoffLimit": 1}))).await;
    for attempt in ["1", "2"] {
        let made = job(&world, attempt).await;
        pod(&world, &made, 3, "no such column: label").await;
        tell(&world, &made, ended("Failed")).await;
        // The pause before the next try.
        world.clock.advance(2);
    }
    let status = world.processing("data", |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.attempts), (Phase::Failed, 2), "{status:?}");
    assert_eq!(status.reason, Some(Reason::BackoffLimitExceeded));
    assert!(status.message.contains("container group ended with exit code 3"), "{}", status.message);
    assert_eq!(status.log_tail, "no such column: label");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_step_suspends_its_job_and_waits_for_it() {
    let world = World::in_a_cluster(&["n1"], works).await;
    world.create(dataset("digits")).await;
    world.create(container("data", json!({}))).await;
    let made = job(&world, "1").await;
    tell(&world, &made, json!({"active": 1})).await;
    let cancel = Patch::Merge(json!({"spec": {"cancelled": true}}));
    world.processings().patch("data", &PatchParams::default(), &cancel).await.unwrap();
    let suspended = |job: &Job| job.spec.as_ref().is_some_and(|spec| spec.suspend == Some(true));
    until(jobs(&world), &made.name_any(), suspended).await;
    tell(&world, &made, json!({"active": 0})).await;
    let status = world.processing("data", |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.reason), (Phase::Failed, Some(Reason::Cancelled)), "{status:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_refuses_or_nobody_serves_ends_the_step() {
    let world = World::in_a_cluster(&["n1"], works).await;
    world.create(dataset("digits")).await;
    let mounts = json!([{"name": "nothing", "mountPath": "/x"}]);
    let refused =
        json!({"processor": {"spec": {"containers": [{"name": "a", "image": "b", "volumeMounts": mounts}]}}});
    world.create(container("refused", refused)).await;
    let status = world.processing("refused", |status| status.phase.is_finished()).await;
    assert_eq!(status.reason, Some(Reason::WorkloadRefused), "{status:?}");
    let unknown =
        json!({"processor": {"workload": {"apiVersion": "ray.io/v1", "kind": "RayJob", "spec": {}}}});
    world.create(container("unknown", unknown)).await;
    let status = world.processing("unknown", |status| status.phase.is_finished()).await;
    assert_eq!(status.reason, Some(Reason::NotSupported), "{status:?}");
    assert!(jobs(&world).list(&ListParams::default()).await.unwrap().items.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_that_do_not_start_are_waited_for_in_words() {
    let world = World::in_a_cluster(&["n1"], works).await;
    world.create(dataset("digits")).await;
    world.create(container("data", json!({}))).await;
    job(&world, "1").await;
    world.processing("data", |status| status.phase == Phase::Executing).await;
    world.clock.advance(6);
    let status = world.processing("data", |status| !status.waiting_for.is_empty()).await;
    assert!(status.waiting_for.starts_with("a pod of data-job-"), "{}", status.waiting_for);
    world.stop().await;
}
