//! RuntimeProfile: an administrator's recipe for a cache.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::is_false;
use crate::raw::RawObject;

/// A recipe with exactly one engine.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "fluid.io",
    version = "v1alpha1",
    kind = "RuntimeProfile",
    status = "RuntimeProfileStatus",
    shortname = "rtp",
    category = "millrace",
    derive = "PartialEq",
    doc = "An administrator's recipe for a cache: engine, size, medium.",
    printcolumn(name = "Default", type_ = "boolean", json_path = ".spec.default"),
    printcolumn(name = "Priority", type_ = "integer", json_path = ".spec.priority"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.local), has(self.alluxio), has(self.juicefs), has(self.s3)].filter(given, given).size() == 1")
    .message("give exactly one engine: local, alluxio, juicefs or s3"))]
pub struct RuntimeProfileSpec {
    /// Millrace's own node cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalEngine>,
    /// An Alluxio cache, deployed from this profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alluxio: Option<DistributedEngine>,
    /// A JuiceFS cache, deployed from this profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub juicefs: Option<DistributedEngine>,
    /// An S3 endpoint that already runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Engine>,
    /// Resources and placement of the workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<Component>,
    /// Resources and placement of the master.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<Component>,
    /// Which Datasets it is for, where they name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<ProfileSelector>,
    /// Of several that fit, the highest wins.
    #[serde(default)]
    pub priority: i32,
    /// Used where nothing else fits.
    #[serde(default, skip_serializing_if = "is_false")]
    pub default: bool,
}

/// Millrace's own node cache: plain files on local disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalEngine {
    /// Nodes that keep the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub replicas: Option<i32>,
    /// Labels of nodes that may keep the data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub node_selector: BTreeMap<String, String>,
    /// Where and how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tieredstore: Option<TieredStore>,
}

/// An existing distributed cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DistributedEngine {
    /// Workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub replicas: Option<i32>,
    /// Image of master and workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub image: Option<String>,
    /// Where and how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tieredstore: Option<TieredStore>,
    /// Options that are passed through to the engine.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 256))]
    pub properties: BTreeMap<String, String>,
}

/// An S3 endpoint that already runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Engine {
    /// Its URL.
    #[schemars(length(min = 8, max = 2048))]
    pub endpoint: String,
}

/// Levels of a cache, fastest first, as in Fluid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TieredStore {
    /// The levels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub levels: Vec<Level>,
}

/// One level of a cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Level {
    /// What it is made of.
    pub mediumtype: Medium,
    /// Folder on the node.
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,
    /// How much of it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quantity>,
}

/// What a cache level is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Medium {
    /// tmpfs.
    #[serde(rename = "MEM")]
    Mem,
    /// Flash.
    #[serde(rename = "SSD")]
    Ssd,
    /// Rotating disks.
    #[serde(rename = "HDD")]
    Hdd,
}

/// Resources and placement of one part of an engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Requests and limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Placement and whatever else a pod template has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<RawObject>,
}

/// Which Datasets a profile is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileSelector {
    /// Schemes of their mounts, such as `s3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub schemes: Vec<String>,
    /// Their namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub namespaces: Vec<String>,
    /// Their labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub match_labels: BTreeMap<String, String>,
}

/// What is known of a profile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeProfileStatus {
    /// Ready, with the engine's stand-in on a laptop in words.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
