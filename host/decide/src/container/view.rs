//! Reads a Job or another workload back as a task of its operation.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use millrace_crds::node_task::{
    Action, NodeTask, NodeTaskSpec, NodeTaskStatus, TaskFailure, TaskPhase, TaskResult,
};
use millrace_crds::reason::Fault;
use millrace_crds::{Reason, names};
use serde_json::Value;

use super::Pods;
use crate::text;
use crate::workload::{self, WorkloadState};

/// Bytes of a log's end that are kept.
const LOG: usize = 4096;
/// The exit code of a process that the kernel killed.
const KILLED: i32 = 137;

/// How `object` stands, as a task: its name, try, phase and failure. `pods` are its own.
#[must_use]
pub fn task(object: &Value, pods: &[&Pod], success_when: Option<&str>) -> NodeTask {
    let text = |place: &str| object.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    let label = |name: &str| object.pointer("/metadata/labels").and_then(|all| all.get(name)?.as_str());
    let node = pods.last().and_then(|pod| pod.spec.as_ref()?.node_name.clone()).unwrap_or_default();
    NodeTask {
        metadata: ObjectMeta {
            name: Some(text("/metadata/name")),
            namespace: Some(text("/metadata/namespace")),
            uid: Some(text("/metadata/uid")),
            creation_timestamp: time(object, "/metadata/creationTimestamp"),
            ..ObjectMeta::default()
        },
        spec: NodeTaskSpec {
            node,
            attempt: label(names::LABEL_ATTEMPT).and_then(|text| text.parse().ok()).unwrap_or(1),
            epoch: 1,
            action: Action::Command,
            cancelled: is_stopping(object),
            ..NodeTaskSpec::default()
        },
        status: Some(status(object, pods, success_when)),
    }
}

/// Whether we asked it to stop: a Job may be suspended by others as well, who will resume it.
fn is_stopping(object: &Value) -> bool {
    let annotations = object.pointer("/metadata/annotations");
    annotations.and_then(|all| all.get(names::ANNOTATION_STOPPED)).is_some()
        || object.pointer("/metadata/deletionTimestamp").is_some()
}

fn status(object: &Value, pods: &[&Pod], success_when: Option<&str>) -> NodeTaskStatus {
    let mut status = NodeTaskStatus {
        start_time: time(object, "/status/startTime"),
        completion_time: ended(object),
        log_tail: log_tail(pods),
        ..NodeTaskStatus::default()
    };
    match workload::state(object, success_when) {
        WorkloadState::Succeeded => {
            (status.phase, status.result) = (TaskPhase::Complete, Some(TaskResult::default()));
        }
        WorkloadState::Failed { why } => {
            (status.phase, status.failure) = (TaskPhase::Failed, Some(failure(object, pods, why)));
        }
        WorkloadState::Running { .. } if is_stopping(object) && !is_active(object) => {
            let message = "it was stopped".to_owned();
            let failure =
                TaskFailure { reason: Reason::Cancelled, fault: Fault::User, message, retryable: false };
            (status.phase, status.failure) = (TaskPhase::Failed, Some(failure));
        }
        WorkloadState::Running { .. } => status.phase = TaskPhase::Running,
    }
    status
}

/// Whether pods may still be at work. An object that is being deleted is gone once it is.
fn is_active(object: &Value) -> bool {
    object.pointer("/status/active").and_then(Value::as_i64).unwrap_or(0) > 0
        || object.pointer("/metadata/deletionTimestamp").is_some()
}

/// When it ended: its completion time, or when a condition said so.
fn ended(object: &Value) -> Option<Time> {
    let condition = || {
        let conditions = object.pointer("/status/conditions")?.as_array()?;
        let finished = |one: &&Value| {
            let kind = one.get("type").and_then(Value::as_str).unwrap_or_default();
            matches!(kind, "Complete" | "Failed" | "Succeeded")
                && one.get("status").and_then(Value::as_str) == Some("True")
        };
        time(conditions.iter().find(finished)?, "/lastTransitionTime")
    };
    time(object, "/status/completionTime").or_else(condition)
}

fn time(object: &Value, place: &str) -> Option<Time> {
    object.pointer(place)?.as_str()?.parse::<Timestamp>().ok().map(Time)
}

/// Every status of a container of these pods, the latest pod last.
fn containers<'a>(pods: &'a [&Pod]) -> impl Iterator<Item = (&'a Pod, &'a ContainerStatus)> {
    pods.iter().flat_map(|pod| {
        let status = pod.status.as_ref();
        let inits = status.and_then(|status| status.init_container_statuses.as_ref()).into_iter().flatten();
        let mains = status.and_then(|status| status.container_statuses.as_ref()).into_iter().flatten();
        inits.chain(mains).map(move |container| (*pod, container))
    })
}

fn terminated(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let now = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    now.or_else(|| container.last_state.as_ref().and_then(|state| state.terminated.as_ref()))
}

/// What the containers left as their last words.
fn log_tail(pods: &[&Pod]) -> String {
    let latest = pods.len().saturating_sub(1);
    let words = containers(pods.get(latest..).unwrap_or_default())
        .filter_map(|(_, container)| terminated(container)?.message.clone());
    let all: Vec<String> = words.collect();
    text::clip(&all.join("\n"), LOG)
}

/// Why it failed: the container that ended badly says more than the Job.
fn failure(object: &Value, pods: &[&Pod], why: String) -> TaskFailure {
    let deadline = why.starts_with("DeadlineExceeded");
    let found = containers(pods).filter_map(|(pod, container)| {
        let ended = terminated(container).filter(|ended| ended.exit_code != 0)?;
        Some(of_container(pod, container, ended))
    });
    let is_job = object.pointer("/kind").and_then(Value::as_str) == Some("Job");
    let (reason, message) = match found.last() {
        _ if deadline => (Reason::DeadlineExceeded, format!("it did not end in time: {why}")),
        Some(said) => said,
        None if is_job => (Reason::ContainerFailed, why),
        None => (Reason::WorkloadFailed, why),
    };
    TaskFailure { reason, fault: Fault::User, message, retryable: !deadline && !restarted(object) }
}

/// With `OnFailure` the kubelet has done the tries already.
fn restarted(object: &Value) -> bool {
    object.pointer("/spec/template/spec/restartPolicy").and_then(Value::as_str) == Some("OnFailure")
}

fn of_container(
    pod: &Pod,
    container: &ContainerStatus,
    ended: &ContainerStateTerminated,
) -> (Reason, String) {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
    let place = if node.is_empty() { String::new() } else { format!(" on node {node}") };
    let name = &container.name;
    match ended.reason.as_deref() {
        Some("OOMKilled") => (
            Reason::MemoryLimit,
            format!(
                "container {name}{place} used more memory than its limit and was killed: raise resources.limits.memory"
            ),
        ),
        reason => {
            let killed = if ended.exit_code == KILLED { ", killed by a signal" } else { "" };
            let word =
                reason.filter(|word| *word != "Error").map(|word| format!(" ({word})")).unwrap_or_default();
            let code = ended.exit_code;
            (
                Reason::ContainerFailed,
                format!(
                    "container {name}{place} ended with exit code {code}{killed}{word}; the log tail shows its last lines"
                ),
            )
        }
    }
}

/// What the pods wait for before their containers run; none once one does.
#[must_use]
pub fn waits(object: &Value, pods: &[&Pod]) -> Option<Pods> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let Some(pod) = pods.last() else {
        let since = time(object, "/metadata/creationTimestamp")?.0;
        let suspended = object.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true);
        let words = if suspended {
            format!("Job {name} to be resumed by whoever suspended it")
        } else {
            format!("a pod of {name}; where none comes, `kubectl describe job {name}` says why")
        };
        return Some(Pods { words, since });
    };
    let ran = |(_, container): (&Pod, &ContainerStatus)| {
        terminated(container).is_some()
            || container.state.as_ref().is_some_and(|state| state.running.is_some())
    };
    if containers(pods).any(ran) {
        return None;
    }
    let since = pod.metadata.creation_timestamp.as_ref()?.0;
    Some(Pods { words: text::clip(&of_pod(pod), 1000), since })
}

fn of_pod(pod: &Pod) -> String {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    let unscheduled = conditions.into_iter().find(|one| one.type_ == "PodScheduled" && one.status == "False");
    if let Some(condition) = unscheduled {
        let message = condition.message.as_deref().unwrap_or_default();
        return format!("a node for pod {name}: {message}");
    }
    let waiting = containers(&[pod]).find_map(|(_, container)| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let message = waiting.message.as_deref().unwrap_or_default();
        Some(format!(
            "container {} of pod {name}: {} {message}",
            container.name,
            waiting.reason.as_deref().unwrap_or("waiting")
        ))
    });
    waiting.unwrap_or_else(|| format!("pod {name} to start")).trim_end().to_owned()
}
