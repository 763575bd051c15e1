//! DataLoad: bring (part of) a Dataset into the cache.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::operation::{self, OperationFields, OperationStatus, is_false};

/// What a DataLoad asks for.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "DataLoad",
    namespaced,
    status = "OperationStatus",
    shortname = "load",
    category = "millrace",
    category = "fluid",
    derive = "PartialEq",
    validation = operation::cron_has_a_schedule(),
    validation = operation::schedules_are_cron(),
    validation = operation::order_is_fixed_once_started(),
    doc = "Brings (part of) a Dataset into the cache.",
    printcolumn(name = "Dataset", type_ = "string", json_path = ".spec.dataset.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Progress", type_ = "string", json_path = ".status.progress", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration")
)]
#[serde(rename_all = "camelCase")]
pub struct DataLoadSpec {
    /// The Dataset.
    #[x_kube(validation = Rule::new("self == oldSelf").message("what an operation works on cannot be edited: create a new DataLoad"))]
    pub dataset: TargetDataset,
    /// Which parts; all of it unless said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("what an operation works on cannot be edited: create a new DataLoad"))]
    pub target: Vec<LoadTarget>,
    /// Look at the source again first.
    #[serde(default, skip_serializing_if = "is_false")]
    pub load_metadata: bool,
    /// Options of the engine, such as JuiceFS's `timeout`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub options: BTreeMap<String, String>,
    /// What every operation has.
    #[serde(flatten)]
    pub operation: OperationFields,
}

/// The Dataset of an operation, as in Fluid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetDataset {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; the operation's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// A part of a Dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadTarget {
    /// A path inside the Dataset; a folder means all below it.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new("self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')").message("a path begins with '/' and may not contain '..'"))]
    pub path: String,
    /// On how many nodes; the profile's number unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub replicas: Option<i32>,
}
