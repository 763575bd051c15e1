//! What DataLoad, DataProcessing and the operations to come share: order, schedule, retries, placement, status.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use kube::KubeSchema;
use kube::core::Rule;
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
    /// The same, several: all of them must have ended so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub run_after_all: Vec<RunAfter>,
    /// Once, at the ticks of a schedule, or whenever what it runs after or works on has something new.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("policy cannot be edited: create a new operation"))]
    pub policy: Policy,
    /// Five fields as in a CronJob, such as `0 2 * * *`, or `@daily`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub schedule: Option<String>,
    /// IANA name of the zone in which the schedule is read, such as `Europe/Berlin`; UTC unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
    /// What happens at a tick while an earlier run is at work, as in a CronJob.
    #[serde(default)]
    pub concurrency_policy: ConcurrencyPolicy,
    /// A tick that was missed for longer does not run any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub starting_deadline_seconds: Option<i64>,
    /// How many runs that ended well, and how many that ended badly, are kept; 3 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub history_limit: Option<i32>,
    /// Raising it runs an operation that has ended once more.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    #[x_kube(validation = Rule::new("self >= oldSelf").message("retry counts up: raise it to run the operation once more"))]
    pub retry: i32,
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

/// How many runs are kept where `historyLimit` does not say.
const HISTORY_LIMIT: i32 = 3;

impl OperationFields {
    /// Everything that it runs after: `runAfter`, then `runAfterAll`.
    pub fn predecessors(&self) -> impl Iterator<Item = &RunAfter> {
        self.run_after.iter().chain(&self.run_after_all)
    }

    /// How many ended runs of each kind of ending are kept.
    #[must_use]
    pub fn kept_runs(&self) -> usize {
        usize::try_from(self.history_limit.unwrap_or(HISTORY_LIMIT)).unwrap_or(0)
    }
}

/// When an operation runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Policy {
    /// Once.
    #[default]
    Once,
    /// At every tick of `schedule`, each time as an operation of its own.
    Cron,
    /// Each time what it runs after ends again, or what it works on has other files.
    OnEvent,
}

/// What happens at a tick while an earlier run is at work. CronJob's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// Both run.
    #[default]
    Allow,
    /// The new one waits; where several ticks pass meanwhile, only the latest of them runs.
    Forbid,
    /// The earlier one is cancelled, and the new one starts once it has stopped.
    Replace,
}

/// A rule that every kind of operation has, on the whole object.
#[must_use]
pub fn cron_has_a_schedule() -> Rule {
    Rule::new("!has(self.spec.policy) || self.spec.policy != 'Cron' || has(self.spec.schedule)")
        .message("policy Cron needs a schedule, such as `schedule: \"0 2 * * *\"`")
}

/// A rule that every kind of operation has, on the whole object.
#[must_use]
pub fn schedules_are_cron() -> Rule {
    Rule::new("!has(self.spec.schedule) || (has(self.spec.policy) && self.spec.policy == 'Cron')")
        .message("a schedule is given and policy is not Cron: set policy: Cron, or remove the schedule")
}

/// A rule that every kind of operation has, on the whole object.
#[must_use]
pub fn order_is_fixed_once_started() -> Rule {
    Rule::new(
        "!has(oldSelf.status) || !has(oldSelf.status.startTime) || \
         (has(self.spec.runAfter) == has(oldSelf.spec.runAfter) && \
          has(self.spec.runAfterAll) == has(oldSelf.spec.runAfterAll) && \
          (!has(self.spec.runAfter) || self.spec.runAfter == oldSelf.spec.runAfter) && \
          (!has(self.spec.runAfterAll) || self.spec.runAfterAll == oldSelf.spec.runAfterAll))",
    )
    .message("it has started: what it runs after cannot be edited any more")
}

/// For `skip_serializing_if`, which hands out references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &i32) -> bool {
    *value == 0
}

/// For `skip_serializing_if`, which hands out references.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

/// What an operation runs after. `operationType` is Fluid's word, `kind` Kubernetes' own; they mean the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.kind) || has(self.operationType)")
    .message("say which kind of object to run after: operationType (or kind)"))]
#[x_kube(validation = Rule::new("!has(self.kind) || !has(self.operationType) || self.kind == self.operationType")
    .message("kind and operationType are the same field under two names: give one, or the same value"))]
#[x_kube(validation = Rule::new("has(self.name) != has(self.selector)")
    .message("say which object to run after: a name, or a selector for its labels"))]
#[x_kube(validation = Rule::new("!has(self.outcome) || !has(self.on)")
    .message("outcome and on are the same field under two names: give outcome"))]
pub struct RunAfter {
    /// Group and version of the kind; found by itself for operations and for the kinds in use, such as Job or RayJob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub api_version: Option<String>,
    /// Kind of the predecessor: an operation, a DataFlow, or any workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: Option<String>,
    /// Kind of the predecessor, in Fluid's spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub operation_type: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its labels, where its name changes, as that of a CronJob's Jobs: the newest one counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Its namespace; the operation's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Which ending it waits for; Success unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The same as `outcome`. Write `outcome`: YAML 1.1 readers take the bare word `on` for a boolean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Outcome>,
    /// What kubectl, which reads YAML 1.1, makes of the bare word `on`. It counts as `on`; write `outcome`.
    #[serde(default, rename = "true", skip_serializing_if = "Option::is_none")]
    pub on_in_yaml_1_1: Option<Outcome>,
    /// A type of condition, or a phase, that means success; for a kind that says neither Complete nor Succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub success_when: Option<String>,
}

impl RunAfter {
    /// The kind, under whichever name it was given; empty only where a server let neither through.
    #[must_use]
    pub fn target_kind(&self) -> &str {
        self.kind.as_deref().or(self.operation_type.as_deref()).unwrap_or_default()
    }

    /// The ending that is waited for, under whichever name it was given.
    #[must_use]
    pub fn wanted(&self) -> Outcome {
        self.outcome.or(self.on).or(self.on_in_yaml_1_1).unwrap_or_default()
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
    /// What it runs after, as far as it was seen: so that one that was deleted is told from one not yet there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 65))]
    pub predecessors: Vec<PredecessorStatus>,
    /// How often it was run again by `spec.retry`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: i32,
    /// Tries that were made before it was last run again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts_before: i32,
    /// Of a Cron or OnEvent operation: the last tick or event that was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// Of a Cron or OnEvent operation: when a run last ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,
    /// Of a Cron operation: the next tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// Of a Cron or OnEvent operation: runs that have not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub active: Vec<ActiveRun>,
    /// Of an OnEvent operation: the events that were run, of those that can still be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 128)))]
    pub events: Vec<String>,
    /// Of a DataFlow: steps that have ended, of how many, such as `3/5`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16))]
    pub steps: String,
    /// Of a DataFlow: how each step stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub step_states: Vec<StepState>,
    /// What the module's name was resolved to when the operation started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<ResolvedModule>,
}

/// One of the objects that an operation runs after.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PredecessorStatus {
    /// Kind, namespace and name or labels, in words.
    #[schemars(length(max = 1024))]
    pub what: String,
    /// UID of the object that was found.
    #[schemars(length(max = 64))]
    pub uid: String,
    /// When that object was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Time>,
    /// It ended as this operation needs it, so that it may be deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub done: bool,
}

/// A run of a Cron or OnEvent operation that has not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveRun {
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// The tick, or when the event was seen.
    pub time: Time,
    /// Its UID, once it was seen; until then it is to be created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub uid: Option<String>,
}

/// How a step of a DataFlow stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepState {
    /// Its name in the flow.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Where it stands.
    #[serde(default)]
    pub state: StepPhase,
    /// The operation that it became: `<kind>/<name>`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 320))]
    pub operation: String,
    /// UID of that operation, once it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub uid: Option<String>,
    /// `"62%"`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16))]
    pub progress: String,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// How long it took.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub duration: String,
    /// Why it is as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<crate::Reason>,
    /// The same in words, or what it waits for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub message: String,
    /// How often the flow had been run again when this step was made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: i32,
}

/// Where a step of a DataFlow stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StepPhase {
    /// It waits for the steps that it needs.
    #[default]
    Waiting,
    /// It was started.
    Running,
    /// It ended well.
    Complete,
    /// It ended badly.
    Failed,
    /// It does not run: the case that it is for did not come about, or a step that it needs did not end well.
    Skipped,
}

impl StepPhase {
    /// Whether nothing will happen to it any more.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Skipped)
    }
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
