//! DataFlow: a graph of operations and workloads with one status and one schedule.

use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data_processing::DatasetUse;
use crate::operation::{self, OperationFields, OperationStatus};
use crate::raw::RawObject;

/// What a DataFlow asks for.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "millrace.dev",
    version = "v1alpha1",
    kind = "DataFlow",
    namespaced,
    status = "OperationStatus",
    shortname = "dflow",
    category = "millrace",
    derive = "PartialEq",
    validation = operation::cron_has_a_schedule(),
    validation = operation::schedules_are_cron(),
    validation = operation::order_is_fixed_once_started(),
    validation = steps_are_fixed_once_started(),
    doc = "A graph of operations and workloads with one status and one schedule.",
    printcolumn(name = "Steps", type_ = "string", json_path = ".status.steps"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedule"),
    printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration"),
    printcolumn(name = "Waiting For", type_ = "string", json_path = ".status.waitingFor", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct DataFlowSpec {
    /// The steps; each starts once those that it needs have ended.
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub steps: Vec<FlowStep>,
    /// Values for `${parameters.<name>}` in the steps' texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub parameters: Vec<FlowParameter>,
    /// What a failed step means for those that do not need it.
    #[serde(default)]
    pub on_failure: OnStepFailure,
    /// With `retry`: run this step and everything after it again, and keep the others. Without it what failed is run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub retry_from: Option<String>,
    /// What every operation has.
    #[serde(flatten)]
    pub operation: OperationFields,
}

fn steps_are_fixed_once_started() -> Rule {
    Rule::new(
        "!has(oldSelf.status) || !has(oldSelf.status.startTime) || \
         self.spec.steps.map(step, step.name) == oldSelf.spec.steps.map(step, step.name)",
    )
    .message(
        "it has started: its steps cannot be added to, removed or renamed any more; create a new DataFlow",
    )
}

/// A step: exactly one operation or workload.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.dataLoad), has(self.dataProcessing), has(self.workload)].filter(given, given).size() == 1")
    .message("give exactly one of dataLoad, dataProcessing or workload"))]
#[x_kube(validation = Rule::new("!has(self.dataMigrate) && !has(self.dataBackup)")
    .message("this version has no dataMigrate and no dataBackup steps: use a dataProcessing step"))]
#[x_kube(validation = Rule::new("!has(self.needs) || !self.needs.exists(need, need == self.name)").message("a step cannot need itself"))]
pub struct FlowStep {
    /// Its name in the flow.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Names of the steps that must have ended first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 40)))]
    pub needs: Vec<String>,
    /// How they must have ended.
    #[serde(default)]
    pub when: When,
    /// The spec of a DataLoad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_load: Option<RawObject>,
    /// The spec of a DataProcessing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_processing: Option<RawObject>,
    /// Any other workload, such as a Job or a RayJob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadStep>,
    /// Not in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_migrate: Option<RawObject>,
    /// Not in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_backup: Option<RawObject>,
}

/// A workload as a step; it becomes a DataProcessing with `processor.workload`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStep {
    /// Group and version.
    #[schemars(length(min = 1, max = 253))]
    pub api_version: String,
    /// Kind.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Its spec, as given.
    pub spec: RawObject,
    /// A type of condition, or a phase, that means success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub success_when: Option<String>,
    /// The datasets that it works on; it is started on nodes that hold them.
    #[schemars(length(min = 1, max = 16))]
    pub datasets: Vec<DatasetUse>,
}

/// How the steps that a step needs must have ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum When {
    /// All of them well.
    #[default]
    Success,
    /// At least one of them badly.
    Failure,
    /// However it was.
    Always,
}

/// A value that a flow's steps name as `${parameters.<name>}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowParameter {
    /// Its name.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_-]*$"))]
    pub name: String,
    /// Its value; without one the default is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub value: Option<String>,
    /// Its value where none is given. It may name the tick: `${tick.date}`, `${tick.time}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub default: Option<String>,
}

/// What a failed step means for those that do not need it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnStepFailure {
    /// Nothing new is started, beside steps that are for a failure; what runs is let end.
    #[default]
    Stop,
    /// They go on.
    Continue,
}
