//! What users do first: load, then process, from manifests.

use std::path::Path;

use kube::api::{Api, ListParams};
use millrace_crds::common::Phase;
use millrace_crds::condition::{COMPLETE, FINISHED, is_true};
use millrace_crds::dataset::{DatasetPhase, DatasetSpec};
use millrace_crds::{NodeTask, Reason};
use millrace_decide::Missing;
use serde_json::{Value, json};

use crate::agent::{Outcome, works};
use crate::world::{World, after_load, dataset, load, process};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_then_a_split_end_well() {
    let world = World::with_agents(&["local"], works).await;
    // Backwards, as a folder of files may have them: each waits for what it names.
    world.create(process("parts", after_load("warm", "Success"))).await;
    let waiting = world.processing("parts", |status| !status.waiting_for.is_empty()).await;
    assert_eq!(waiting.waiting_for, "DataLoad default/warm, which is not there yet");
    world.create(load("warm", json!({}))).await;
    world.create(dataset("digits")).await;
    let status = world.processing("parts", |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.reason), (Phase::Complete, Some(Reason::Succeeded)), "{status:?}");
    assert!(is_true(&status.conditions, COMPLETE) && is_true(&status.conditions, FINISHED));
    assert_eq!((status.progress.as_str(), status.attempts), ("100%", 1));
    assert_eq!(status.outputs.len(), 2);
    assert!(status.duration.ends_with('s') && status.waiting_for.is_empty());
    assert_eq!(status.module.unwrap().version, "0.1.0");
    assert_eq!(world.actions("parts").await, ["1:run"]);
    let loaded = world.load("warm", |status| status.phase.is_finished()).await;
    assert_eq!(loaded.message, "2 files (1000.00B) on 1 node");
    assert_eq!(world.told("DataProcessing", "parts", "Succeeded").await, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dataset_is_bound_and_outputs_become_datasets() {
    let world = World::with_agents(&["local"], works).await;
    world.create(dataset("digits")).await;
    world.create(process("parts", json!({"outputs": [{"port": "train", "dataset": "digits-train"}]}))).await;
    let status = world.processing("parts", |status| status.phase.is_finished()).await;
    assert_eq!(status.phase, Phase::Complete, "{status:?}");
    let train = status.outputs.iter().find(|output| output.port == "train").unwrap();
    assert_eq!(train.dataset.as_deref(), Some("digits-train"));
    let made = world.dataset("digits-train", |_| true).await;
    let spec: DatasetSpec = serde_json::from_value(made["spec"].clone()).unwrap();
    assert_eq!(spec.mounts[0].mount_point, "local:///out/train");
    let bound = world.dataset("digits", |one| one["status"]["phase"] == json!(DatasetPhase::Bound)).await;
    assert_eq!(bound["status"]["cacheStates"]["cachedPercentage"], "100.0%");
    assert_eq!(bound["status"]["profile"], "local (built in; no profile fits)");
    world.stop().await;
}

/// The manifests that the mission names, as they stand in `crds/examples`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_missions_manifests_are_taken_and_wait_in_words() {
    let world = World::with_agents(&["local"], works).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds/examples/mission");
    for name in ["dataset", "runtime-profile", "data-processing"] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        world.create(serde_yaml::from_str(&text).unwrap()).await;
    }
    let status = world.processing("data", |status| !status.waiting_for.is_empty()).await;
    assert_eq!(status.waiting_for, "DataLoad default/dataload, which is not there yet");
    world.stop().await;
}

fn mission() -> Value {
    json!({
        "apiVersion": "data.fluid.io/v1alpha1", "kind": "DataProcessing",
        "metadata": {"name": "data", "namespace": "default"},
        "spec": {
            "datasets": [{"name": "data1", "namespace": "default", "path": "/data1"},
                         {"name": "data2", "namespace": "default1", "path": "/data2"}],
            "runAfter": {"name": "dataload", "namespace": "default", "operationType": "DataLoad"},
            "blockWorkloadPodScheduling": true,
            "processor": {"spec": {"containers": [{"name": "group-data", "image": "myhandler:latest"}]}}
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_come_ends_in_an_attached_run() {
    let mut world = World::new().await;
    world.create(mission()).await;
    world.create(process("parts", json!({}))).await;
    world.start_controller(Missing::Fail);
    let status = world.processing("data", |status| status.phase.is_finished()).await;
    assert_eq!((status.phase, status.reason), (Phase::Failed, Some(Reason::NotFound)));
    let status = world.processing("parts", |status| status.phase.is_finished()).await;
    assert_eq!(status.reason, Some(Reason::NotFound));
    assert!(status.message.contains("Dataset default/digits"), "{}", status.message);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_parameters_end_it_before_anything_runs() {
    let world = World::with_agents(&["local"], |_| Some(Outcome::Failed(Reason::Internal, false))).await;
    let mut wrong = process("parts", json!({}));
    wrong["spec"]["processor"]["wasm"]["parameters"] = json!({"sizes": {}, "stratfy": "label"});
    world.create(wrong).await;
    let status = world.processing("parts", |status| status.phase.is_finished()).await;
    assert_eq!(status.reason, Some(Reason::InvalidParameters));
    assert!(status.message.contains("Did you mean stratify?"), "{}", status.message);
    let tasks: Api<NodeTask> = Api::namespaced(world.client.clone(), "default");
    assert!(tasks.list(&ListParams::default()).await.unwrap().items.is_empty());
    world.stop().await;
}
