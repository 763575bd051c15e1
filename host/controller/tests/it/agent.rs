//! Agents that claim nothing and compute nothing: each task gets the answer that the test wants.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use millrace_controller::clock::Clock;
use millrace_crds::cache_node::{CacheNodeSpec, CacheNodeStatus};
use millrace_crds::common::OutputStatus;
use millrace_crds::node_task::{Action, NodeTask, NodeTaskStatus, TaskFailure, TaskPhase, TaskResult};
use millrace_crds::reason::Fault;
use millrace_crds::{CacheNode, Reason};
use serde_json::json;

use crate::world::FakeClock;

/// What a test wants to come of a task; none leaves it as it is.
pub type Answer = dyn Fn(&NodeTask) -> Option<Outcome> + Send + Sync;

/// What comes of a task.
pub enum Outcome {
    Done(TaskResult),
    Failed(Reason, bool),
}

/// What an agent that works would answer.
pub fn works(task: &NodeTask) -> Option<Outcome> {
    let mut result = TaskResult { total_bytes: 1000, total_files: 2, ..TaskResult::default() };
    match task.spec.action {
        Action::Load => (result.cached_bytes, result.cached_files) = (1000, 2),
        Action::Plan => (result.fit, result.splits, result.shards) = (true, true, 2),
        Action::Run | Action::Publish => result.outputs = vec![output(task, "train"), output(task, "test")],
        _ => {}
    }
    Some(Outcome::Done(result))
}

fn output(task: &NodeTask, port: &str) -> OutputStatus {
    let folder = task.spec.wasm.as_ref().unwrap().processor.output.clone().unwrap();
    OutputStatus {
        port: port.into(),
        path: format!("{folder}/{port}"),
        url: format!("local:///out/{port}"),
        rows: 10,
        ..OutputStatus::default()
    }
}

/// Says that a node is there.
pub async fn heartbeat(client: &kube::Client, clock: &FakeClock, name: &str) {
    let api: Api<CacheNode> = Api::all(client.clone());
    let node = CacheNode::new(name, CacheNodeSpec::default());
    // It may be there from an earlier heartbeat.
    drop(api.create(&PostParams::default(), &node).await);
    let status = CacheNodeStatus {
        boot_id: "boot".into(),
        seen: Some(Time(clock.now())),
        file_system: "machine".into(),
        ..CacheNodeStatus::default()
    };
    let change = json!({ "status": status });
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
}

/// The node whose agent says nothing any more.
pub const LOST: &str = "lost";

/// Answers every task until it is dropped; a task that was cancelled is always stopped.
pub async fn run(client: kube::Client, clock: FakeClock, answer: Arc<Answer>) {
    let api: Api<NodeTask> = Api::all(client.clone());
    let mut events =
        std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
    while let Some(event) = events.next().await {
        let task = event.unwrap();
        let phase = task.status.clone().unwrap_or_default().phase;
        if task.spec.node == LOST || matches!(phase, TaskPhase::Complete | TaskPhase::Failed) {
            continue;
        }
        let outcome =
            if task.spec.cancelled { Some(Outcome::Failed(Reason::Cancelled, false)) } else { answer(&task) };
        if let Some(outcome) = outcome {
            tell(&client, &clock, &task, outcome).await;
        }
    }
}

async fn tell(client: &kube::Client, clock: &FakeClock, task: &NodeTask, outcome: Outcome) {
    let mut status = NodeTaskStatus { completion_time: Some(Time(clock.now())), ..NodeTaskStatus::default() };
    match outcome {
        Outcome::Done(result) => (status.phase, status.result) = (TaskPhase::Complete, Some(result)),
        Outcome::Failed(reason, retryable) => {
            status.phase = TaskPhase::Failed;
            let message = format!("told to fail with {reason}");
            status.failure = Some(TaskFailure { reason, fault: Fault::Host, message, retryable });
        }
    }
    let api: Api<NodeTask> = Api::namespaced(client.clone(), &task.namespace().unwrap());
    // The task may be gone by now, with what it belonged to.
    drop(
        api.patch_status(
            &task.name_any(),
            &PatchParams::default(),
            &Patch::Merge(json!({ "status": status })),
        )
        .await,
    );
}
