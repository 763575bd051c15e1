//! ProcessorModule: an uploaded Wasm module, by digest.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::common::Share;
use crate::data_processing::RunLimits;
use crate::raw::RawObject;

/// Where a module comes from and who may use it.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "millrace.dev",
    version = "v1alpha1",
    kind = "ProcessorModule",
    namespaced,
    status = "ProcessorModuleStatus",
    shortname = "pmod",
    category = "millrace",
    derive = "PartialEq",
    doc = "An uploaded Wasm module, by digest.",
    printcolumn(name = "Version", type_ = "string", json_path = ".status.descriptor.version"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status"
    ),
    printcolumn(name = "Digest", type_ = "string", json_path = ".status.digest", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ProcessorModuleSpec {
    /// Where the module's bytes are.
    #[x_kube(validation = Rule::new("self == oldSelf").message("a module never changes: push the new version as a new object"))]
    pub source: ModuleSource,
    /// Caps for all runs of this module.
    #[serde(default)]
    pub limits: RunLimits,
    /// Namespaces whose operations may use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub shared_with: Vec<Share>,
}

/// Exactly one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.blob), has(self.dataset)].filter(given, given).size() == 1")
    .message("give exactly one of source.blob or source.dataset"))]
pub struct ModuleSource {
    /// Pieces that `millrace module push` stored through the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<BlobSource>,
    /// A file of a Dataset in this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetSource>,
}

/// Pieces in the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlobSource {
    /// `sha256:<64 hex>` of the whole.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
    /// Number of pieces.
    #[schemars(range(min = 1, max = 64))]
    pub pieces: i32,
}

/// A file of a Dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatasetSource {
    /// The Dataset's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The file's path inside it.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// `<64 hex>` of the file.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// What is known of a module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessorModuleStatus {
    /// `sha256:<64 hex>` of the bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 71))]
    pub digest: String,
    /// Name, version, parameters' schema, inputs and outputs, as the module says them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<RawObject>,
    /// Stored, Valid, Compiled, Ready.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
