//! What DataLoad, DataProcessing and the operations to come share: order, schedule, retries, placement, status.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{OutputStatus, Phase, Progress};

/// The fields that every operation has beside its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationFields {
    /// What must have ended before this starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_after: Option<RunAfter>,
    /// Pods that use one of this operation's datasets are held until it succeeds.
    #[serde(default, skip_serializing_if = "is_false")]
    pub block_workload_pod_scheduling: bool,
    /// How often a failure that another try may mend is tried again.
    #[serde(default = "default_backoff_limit")]
    #[schemars(range(min = 0, max = 100))]
    pub backoff_limit: i32,
    /// The whole operation is stopped after this many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub active_deadline_seconds: Option<i64>,
    /// The object is deleted this many seconds after it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ttl_seconds_after_finished: Option<i32>,
    /// How many nodes may work at once; all that hold data unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub parallelism: Option<i32>,
    /// Held back while true.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// Stops the operation; it ends as Failed with reason Cancelled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cancelled: bool,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub node_selector: BTreeMap<String, String>,
    /// Where the work may run, as on a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Taints that are put up with, as on a pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub tolerations: Vec<Toleration>,
    /// Requests and limits, as on a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Priority of what runs, as on a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub priority_class_name: Option<String>,
    /// Labels and annotations for pods that are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
}

/// Labels and annotations for pods that an operation makes, as in Fluid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
}

fn default_backoff_limit() -> i32 {
    3
}

/// For `skip_serializing_if`, which hands out references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

/// What an operation runs after. `operationType` is Fluid's word, `kind` Kubernetes' own; they mean the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.kind) || has(self.operationType)")
    .message("say which kind of object to run after: operationType (or kind)"))]
#[x_kube(validation = Rule::new("!has(self.kind) || !has(self.operationType) || self.kind == self.operationType")
    .message("kind and operationType are the same field under two names: give one, or the same value"))]
pub struct RunAfter {
    /// Group and version of the kind; those of Millrace's kind unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub api_version: Option<String>,
    /// Kind of the predecessor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: Option<String>,
    /// Kind of the predecessor, in Fluid's spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub operation_type: Option<String>,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; the operation's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Which ending it waits for.
    #[serde(default)]
    pub on: Outcome,
}

impl RunAfter {
    /// The kind, under whichever name it was given; empty only where a server let neither through.
    #[must_use]
    pub fn target_kind(&self) -> &str {
        self.kind.as_deref().or(self.operation_type.as_deref()).unwrap_or_default()
    }
}

/// Which ending of a predecessor counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// It ended well.
    #[default]
    Success,
    /// It ended badly.
    Failure,
    /// It ended.
    Finish,
}

/// The status that every operation has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// Where it stands.
    #[serde(default)]
    pub phase: Phase,
    /// What it waits for, in words; empty when it waits for nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub waiting_for: String,
    /// `"62%"`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16))]
    pub progress: String,
    /// The same in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Progress>,
    /// How long it took, or `Unfinished`, in Fluid's way of writing: `1m3s`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub duration: String,
    /// When the first task started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// Tries so far, the running one included.
    #[serde(default)]
    pub attempts: i32,
    /// Why it is in this phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::Reason>,
    /// The same in words: what, why, what to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32768))]
    pub message: String,
    /// The last lines of the module's or container's log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32768))]
    pub log_tail: String,
    /// What was published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4096))]
    pub outputs: Vec<OutputStatus>,
    /// Complete, Failed, Finished.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// UID of what it runs after, once that was seen: so a predecessor that was deleted is told from one not yet there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub run_after_uid: Option<String>,
    /// What the module's name was resolved to when the operation started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<ResolvedModule>,
}

/// What a module's name means; fixed once an operation starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedModule {
    /// Name in the descriptor.
    #[schemars(length(max = 253))]
    pub name: String,
    /// SemVer in the descriptor.
    #[schemars(length(max = 64))]
    pub version: String,
    /// `sha256:<64 hex>` of the module's bytes.
    #[schemars(length(max = 71))]
    pub digest: String,
}
