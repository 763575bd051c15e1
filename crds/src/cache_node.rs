//! CacheNode: what one agent has and can do. Internal.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// Nothing is asked of a CacheNode; its agent only tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "millrace.dev",
    version = "v1alpha1",
    kind = "CacheNode",
    status = "CacheNodeStatus",
    shortname = "cnode",
    category = "millrace-internal",
    derive = "PartialEq",
    doc = "What one node's agent has and can do (internal).",
    printcolumn(name = "Seen", type_ = "date", json_path = ".status.seen"),
    printcolumn(name = "Free", type_ = "integer", json_path = ".status.freeBytes"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version")
)]
#[serde(rename_all = "camelCase")]
pub struct CacheNodeSpec {}

/// What an agent says every 10 s; it is lost after 40 s of silence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheNodeStatus {
    /// Changes with every start of the agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub boot_id: String,
    /// When it last spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Time>,
    /// Free bytes of the cache's disk.
    #[serde(default)]
    pub free_bytes: i64,
    /// Bytes of the cache's disk.
    #[serde(default)]
    pub capacity_bytes: i64,
    /// Nodes that say the same value see the same `local://` files (agents of one machine).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub file_system: String,
    /// Version of the agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub version: String,
    /// CPU features that change f64 results, such as `x86-64-v3`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub instruction_level: String,
    /// Sandbox layers that this kernel has: `landlock`, `seccomp`, `userns`, `netns`.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub sandbox: Vec<String>,
    /// What it holds, per Dataset.
    #[serde(default)]
    #[schemars(length(max = 100_000))]
    pub datasets: Vec<HeldDataset>,
    /// Datasets that pods on this node wait to mount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10_000))]
    pub wanted: Vec<WantedDataset>,
}

/// A Dataset that is to be whole on a node because a pod there mounts it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WantedDataset {
    /// Namespace of the Dataset.
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its UID: a Dataset that took the name later is another one.
    #[schemars(length(max = 64))]
    pub uid: String,
}

/// What a node holds of one Dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldDataset {
    /// Namespace of the Dataset.
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Bytes of whole files.
    pub cached_bytes: i64,
    /// Whole files.
    pub cached_files: i64,
}
