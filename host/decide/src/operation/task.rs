//! Making a NodeTask: everything that its agent needs, under a name that is fixed by what it is.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use millrace_crds::names;
use millrace_crds::node_task::{Action, NodeTask, NodeTaskSpec, TaskOperation, TaskShare};

use super::ask::Work;
use super::{Operation, Seen};

/// Seconds that a module's run may take where its limits do not say.
const RUN_SECONDS: i64 = 3600;

/// A task's place in its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// The stage.
    pub action: Action,
    /// The try, from 1.
    pub attempt: i32,
    /// The place in the stage, from 0.
    pub index: usize,
    /// The share of the work, where it is shared out.
    pub share: Option<TaskShare>,
}

/// The name of the task in that place. The node is no part of it: were it, two controllers that see
/// different nodes could both fill one place.
pub(super) fn slot_name(operation: &Operation, action: Action, attempt: i32, index: usize) -> String {
    let parts = [attempt.to_string(), index.to_string()];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    names::made_name(&operation.name.name.name, &operation.uid, &action.to_string(), &parts)
}

/// The task for `slot` on `node`.
pub(super) fn new_task(seen: &Seen, work: &Work, slot: &Slot, node: &str) -> NodeTask {
    let operation = &seen.operation;
    let spec = NodeTaskSpec {
        node: node.to_owned(),
        operation: TaskOperation {
            kind: operation.name.kind.word().to_owned(),
            name: operation.name.name.name.clone(),
            uid: operation.uid.clone(),
        },
        attempt: slot.attempt,
        // Every try is a reassignment: what an earlier one left behind can never be published.
        epoch: i64::from(slot.attempt),
        action: slot.action,
        share: slot.share,
        datasets: work.datasets.clone(),
        paths: work.paths.clone(),
        wasm: work.wasm.clone(),
        inspect: None,
        active_deadline_seconds: seconds(operation, work),
        fresh: operation.fresh,
        cancelled: false,
    };
    let name = slot_name(operation, slot.action, slot.attempt, slot.index);
    NodeTask { metadata: metadata(operation, name, slot.action), spec, status: None }
}

/// Cleaning up after an operation, told what one of its tasks was told.
pub(super) fn clean_task(operation: &Operation, like: &NodeTask, node: &str, attempt: i32) -> NodeTask {
    let name = slot_name(operation, Action::Clean, attempt, 0);
    let spec = NodeTaskSpec {
        node: node.to_owned(),
        attempt,
        epoch: i64::from(attempt),
        action: Action::Clean,
        share: None,
        cancelled: false,
        ..like.spec.clone()
    };
    NodeTask { metadata: metadata(operation, name, Action::Clean), spec, status: None }
}

fn metadata(operation: &Operation, name: String, action: Action) -> ObjectMeta {
    let owner = &operation.name;
    ObjectMeta {
        name: Some(name),
        namespace: Some(owner.name.namespace.clone()),
        labels: Some(labels(owner.kind.word(), &owner.name.name, &operation.uid, action)),
        owner_references: Some(vec![OwnerReference {
            api_version: owner.kind.api_version(),
            kind: owner.kind.word().to_owned(),
            name: owner.name.name.clone(),
            uid: operation.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    }
}

/// The labels of a task made for an object.
pub(crate) fn labels(kind: &str, name: &str, uid: &str, action: Action) -> BTreeMap<String, String> {
    let labels = [
        (names::LABEL_OPERATION, label_value(&format!("{kind}.{name}"))),
        (names::LABEL_OPERATION_UID, label_value(uid)),
        (names::LABEL_ACTION, action.to_string()),
    ];
    labels.map(|(key, value)| (key.to_owned(), value)).into()
}

/// A label's value has at most 63 bytes and ends in a letter or digit.
pub(crate) fn label_value(text: &str) -> String {
    let cut: String = text.chars().take(63).collect();
    cut.trim_end_matches(|last: char| !last.is_ascii_alphanumeric()).to_owned()
}

/// A run has its own limit; a load has what is given to the whole operation.
fn seconds(operation: &Operation, work: &Work) -> Option<i64> {
    match &work.wasm {
        Some(wasm) => Some(wasm.processor.limits.timeout_seconds.unwrap_or(RUN_SECONDS)),
        None => operation.ask.fields().active_deadline_seconds,
    }
}
