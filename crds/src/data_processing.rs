//! DataProcessing: run a processor over datasets, as a Wasm module, a container or another workload.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation::{self, OperationFields, OperationStatus};
use crate::raw::RawObject;

/// What a DataProcessing asks for.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "DataProcessing",
    plural = "dataprocessings",
    namespaced,
    status = "OperationStatus",
    shortname = "dproc",
    category = "millrace",
    derive = "PartialEq",
    validation = operation::cron_has_a_schedule(),
    validation = operation::schedules_are_cron(),
    validation = operation::order_is_fixed_once_started(),
    doc = "Runs a processor over datasets: a Wasm module, a container, or any workload.",
    printcolumn(name = "Module", type_ = "string", json_path = ".spec.processor.wasm.module"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Progress", type_ = "string", json_path = ".status.progress"),
    printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration"),
    printcolumn(name = "Waiting For", type_ = "string", json_path = ".status.waitingFor", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct DataProcessingSpec {
    /// The datasets, and where the processor sees each.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("what an operation works on cannot be edited: create a new DataProcessing"))]
    #[x_kube(validation = Rule::new("self.all(a, self.exists_one(b, b.path == a.path))").message("two datasets have the same path: the processor could see only one of them"))]
    pub datasets: Vec<DatasetUse>,
    /// What runs.
    #[x_kube(validation = Rule::new("[has(self.wasm), has(self.spec), has(self.workload)].filter(given, given).size() == 1")
        .message("give exactly one of processor.wasm, processor.spec (a PodSpec) or processor.workload"))]
    pub processor: Processor,
    /// Published outputs that become Datasets of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub outputs: Vec<OutputDataset>,
    /// What every operation has.
    #[serde(flatten)]
    pub operation: OperationFields,
}

/// A dataset, and where the processor sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatasetUse {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; the operation's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Where the processor sees it, whatever the processor is.
    #[schemars(length(min = 2, max = 1024))]
    #[x_kube(validation = Rule::new("self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')").message("a path begins with '/' and may not contain '..'"))]
    pub path: String,
}

/// Exactly one of three ways to process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Processor {
    /// A Wasm module, in a sandbox beside the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasm: Option<WasmProcessor>,
    /// A PodSpec, run as a Job with the datasets mounted at their paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<RawObject>,
    /// Any other workload, such as a RayJob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadProcessor>,
}

/// A Wasm module and what it works on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.method != 'Transform' || has(self.model)").message("method Transform reads a model: name its folder in processor.wasm.model"))]
#[x_kube(validation = Rule::new("self == oldSelf").message("what an operation works on cannot be edited: create a new DataProcessing"))]
pub struct WasmProcessor {
    /// `split`, `split@1.2`, `namespace/name@version`, or `sha256:<64 hex>`.
    #[schemars(length(min = 1, max = 512))]
    pub module: String,
    /// The port `data`: a file, a folder or a glob below one of the datasets' paths.
    #[schemars(length(min = 2, max = 4096))]
    pub input: String,
    /// Other inputs, by the names that the module gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub inputs: Vec<NamedInput>,
    /// Where the outputs are published: a folder below a dataset's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 4096))]
    pub output: Option<String>,
    /// How the outputs are written.
    #[serde(default)]
    pub output_options: OutputOptions,
    /// What happens where something was published before.
    #[serde(default)]
    pub output_mode: OutputMode,
    /// The module's parameters; checked against its JSON Schema.
    #[serde(default)]
    pub parameters: RawObject,
    /// The only randomness.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub seed: i64,
    /// scikit-learn's words, for modules that learn.
    #[serde(default)]
    pub method: Method,
    /// The model's folder: written by Fit and FitTransform, read by Transform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 4096))]
    pub model: Option<String>,
    /// The input's format; found by the files' names unless said.
    #[serde(default)]
    pub format: InputFormat,
    /// Options of the format: `delimiter`, `header`, `quote`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub format_options: BTreeMap<String, String>,
    /// What the run may use.
    #[serde(default)]
    pub limits: RunLimits,
    /// What becomes of rows that cannot be read or that the module refuses.
    #[serde(default)]
    pub on_bad_row: OnBadRow,
    /// Bytes in a partition; 64 MiB unless said. Part of the result's meaning only where the module's state is not exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024))]
    pub partition_bytes: Option<i64>,
}

/// A further input of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedInput {
    /// The module's name for it.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// A file, a folder or a glob below one of the datasets' paths.
    #[schemars(length(min = 2, max = 4096))]
    pub path: String,
}

/// How outputs are written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputOptions {
    /// The input's format unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<InputFormat>,
    /// `none`, `gzip`, `zstd`, `snappy`; the format's usual one unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub compression: Option<String>,
    /// Part files are at least about this large; 16Mi unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_file_size: Option<Quantity>,
}

/// File formats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputFormat {
    /// By the files' names.
    #[default]
    Auto,
    /// Comma-separated, RFC 4180.
    Csv,
    /// Tab-separated.
    Tsv,
    /// One JSON object per line.
    Jsonl,
    /// Parquet.
    Parquet,
    /// NumPy's array format.
    Npy,
}

/// What happens where something was published before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OutputMode {
    /// What is there stays, and the step says so.
    #[default]
    Fail,
    /// What is there is replaced in one step.
    Replace,
    /// Each run has a folder of its own below the output.
    Version,
}

/// scikit-learn's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Method {
    /// Learn, then apply.
    #[default]
    FitTransform,
    /// Learn only.
    Fit,
    /// Apply a model that was learnt before.
    Transform,
}

/// What becomes of bad rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnBadRow {
    /// The step fails and names the row.
    #[default]
    Fail,
    /// They are left out and counted.
    Skip,
    /// They are left out, counted, and kept in an output of their own.
    Quarantine,
}

/// What a run may use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunLimits {
    /// Memory of the module, all instances together; 512Mi unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// Seconds for the whole run; 3600 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub timeout_seconds: Option<i64>,
    /// Bytes that may be written; 10 x input + 1Gi unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<Quantity>,
}

/// A workload of another kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadProcessor {
    /// Group and version.
    #[schemars(length(min = 1, max = 253))]
    pub api_version: String,
    /// Kind.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Its spec, as given.
    pub spec: RawObject,
    /// A condition type, or a phase, that means success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub success_when: Option<String>,
}

/// An output that becomes a Dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputDataset {
    /// The output.
    #[schemars(length(min = 1, max = 253))]
    pub port: String,
    /// Name of the Dataset, in the operation's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub dataset: String,
}
