//! NodeTask: a piece of an operation for one node. Internal: only the controller creates one.
//!
//! One per (operation, attempt, stage, node), never per partition. It names everything that the
//! node's agent needs and holds no secret: where a store needs one, it says which key of which
//! Secret.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{EncryptOption, OutputStatus, Progress};
use crate::data_processing::WasmProcessor;
use crate::operation::{ResolvedModule, is_false};
use crate::reason::Fault;

/// What the agent is to do.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "millrace.dev",
    version = "v1alpha1",
    kind = "NodeTask",
    namespaced,
    status = "NodeTaskStatus",
    shortname = "ntask",
    category = "millrace-internal",
    derive = "PartialEq",
    selectable = ".spec.node",
    doc = "A piece of an operation for one node (internal).",
    printcolumn(name = "Node", type_ = "string", json_path = ".spec.node"),
    printcolumn(name = "Action", type_ = "string", json_path = ".spec.action"),
    printcolumn(name = "Operation", type_ = "string", json_path = ".spec.operation.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.node == oldSelf.node && self.operation == oldSelf.operation && self.action == oldSelf.action")
    .message("a task is never changed, only cancelled"))]
pub struct NodeTaskSpec {
    /// The node whose agent does it.
    #[schemars(length(min = 1, max = 253))]
    pub node: String,
    /// What it belongs to.
    pub operation: TaskOperation,
    /// Which try of the operation, from 1.
    #[schemars(range(min = 1))]
    pub attempt: i32,
    /// Rises with every reassignment; part of the staging path. Publishing below the highest is refused.
    #[schemars(range(min = 1))]
    pub epoch: i64,
    /// What to do.
    pub action: Action,
    /// Which shards of the stage's work: those whose number modulo `of` is `index`. All unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<TaskShare>,
    /// The datasets, with their mounts.
    #[schemars(length(min = 1, max = 64))]
    pub datasets: Vec<TaskDataset>,
    /// For `List` and `Load`: paths inside the first dataset; all of it where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub paths: Vec<String>,
    /// For the stages of a module's run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasm: Option<TaskWasm>,
    /// Seconds from the start of the task after which it is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub active_deadline_seconds: Option<i64>,
    /// Compute again what was published before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fresh: bool,
    /// Stop, and end as Failed with reason Cancelled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cancelled: bool,
}

/// The operation (or Dataset) that a task belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskOperation {
    /// Its kind.
    #[schemars(length(max = 63))]
    pub kind: String,
    /// Its name; its namespace is the task's own.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its UID.
    #[schemars(length(max = 64))]
    pub uid: String,
}

/// The stages of a run, and what else an agent does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Look at a dataset's source: bytes and files.
    #[default]
    List,
    /// Bring files into the cache.
    Load,
    /// Freeze the inputs' list, ask the module for its plan, cut partitions and shards.
    Plan,
    /// A partial state per partition of the share.
    Fit,
    /// Fold the states in partition order; the model, and what comes before each partition.
    Merge,
    /// A splitter's pass over the share: part files in staging.
    Assign,
    /// A transformer's pass over the share: part files in staging.
    Transform,
    /// All parts are there: check, write the manifest.
    Publish,
    /// Plan to Publish in one runner, where one node holds everything.
    Run,
    /// Remove what an ended operation left in staging.
    Clean,
    /// A Job or workload, which no agent does: a task in decisions only, never an object.
    #[serde(skip)]
    Command,
}

impl std::fmt::Display for Action {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::List => "list",
            Self::Load => "load",
            Self::Plan => "plan",
            Self::Fit => "fit",
            Self::Merge => "merge",
            Self::Assign => "assign",
            Self::Transform => "transform",
            Self::Publish => "publish",
            Self::Run => "run",
            Self::Clean => "clean",
            Self::Command => "command",
        })
    }
}

/// Part `index` of `of`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskShare {
    /// From 0.
    #[schemars(range(min = 0))]
    pub index: i32,
    /// How many shares there are.
    #[schemars(range(min = 1, max = 10_000))]
    pub of: i32,
}

/// A Dataset with everything that is needed to reach its data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskDataset {
    /// Its namespace, which is also where its Secrets are.
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its UID.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub uid: String,
    /// Where the processor sees it; `/` for List and Load.
    #[schemars(length(max = 1024))]
    pub path: String,
    /// Whether accessModes lets anything be written.
    #[serde(default, skip_serializing_if = "is_false")]
    pub writable: bool,
    /// Its mounts, with paths filled in and shared options merged.
    #[schemars(length(max = 256))]
    pub mounts: Vec<TaskMount>,
}

/// A mount with its defaults filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskMount {
    /// Its URL.
    #[schemars(length(max = 2048))]
    pub mount_point: String,
    /// Where it is inside the dataset.
    #[schemars(length(max = 1024))]
    pub path: String,
    /// Never written to.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Options of the store.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 128))]
    pub options: BTreeMap<String, String>,
    /// Options whose values the agent reads from Secrets of the dataset's namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub encrypt_options: Vec<EncryptOption>,
}

/// A module's run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskWasm {
    /// Which module, by digest.
    pub module: ResolvedModule,
    /// As the user wrote it, with defaults filled in.
    pub processor: WasmProcessor,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaskPhase {
    /// Its agent has not claimed it.
    #[default]
    Pending,
    /// Claimed.
    Running,
    /// Done.
    Complete,
    /// Not done, and over.
    Failed,
}

/// What the agent says of a task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeTaskStatus {
    /// Where it stands.
    #[serde(default)]
    pub phase: TaskPhase,
    /// Boot id of the agent that claimed it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub boot_id: String,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// When it was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<TaskResult>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TaskFailure>,
    /// The last lines of the module's log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32768))]
    pub log_tail: String,
}

/// What came of a task. Data never travels here: large results lie in staging.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskResult {
    /// Of List and Load: bytes in the source.
    #[serde(default)]
    pub total_bytes: i64,
    /// Of List and Load: files in the source.
    #[serde(default)]
    pub total_files: i64,
    /// Of Load: bytes now in the cache (or read in place).
    #[serde(default)]
    pub cached_bytes: i64,
    /// Of Load: files now in the cache (or read in place).
    #[serde(default)]
    pub cached_files: i64,
    /// Of Plan: whether a pass over the data comes first.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fit: bool,
    /// Of Plan: whether the module splits (Assign) or transforms (Transform).
    #[serde(default, skip_serializing_if = "is_false")]
    pub splits: bool,
    /// Of Plan: how many shards there are to share out.
    #[serde(default)]
    pub shards: i64,
    /// Of Publish and Run: what was published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4096))]
    pub outputs: Vec<OutputStatus>,
    /// Of Plan, Publish and Run: the result was there already.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reused: bool,
    /// Rows that were bad and left out.
    #[serde(default)]
    pub bad_rows: i64,
    /// Counters of the module.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub counters: BTreeMap<String, i64>,
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskFailure {
    /// From the closed list.
    pub reason: crate::Reason,
    /// Whose move it is.
    pub fault: Fault,
    /// What happened, why, what to do.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// Whether another try may go better.
    pub retryable: bool,
}
