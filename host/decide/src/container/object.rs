//! The Job or workload as it is created: a name fixed by owner and try, labels, owner, nodes preferred.

use std::collections::BTreeSet;

use millrace_crds::names;
use serde_json::{Map, Value, json};

use super::Command;
use crate::affinity::{self, within};
use crate::name::Name;
use crate::operation::task::label_value;
use crate::operation::{Operation, Seen};

/// What the pods of the try at work wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pods {
    /// Completes "waits for …".
    pub words: String,
    /// Since when.
    pub since: k8s_openapi::jiff::Timestamp,
}

/// The object for try `attempt`; creating it twice is creating it once.
#[must_use]
pub fn object(seen: &Seen, command: &Command, datasets: &BTreeSet<Name>, attempt: i32) -> Value {
    let operation = &seen.operation;
    let labels = labels(operation, attempt);
    let mut spec = command.spec.clone();
    if let Some(template) = template(command, &mut spec) {
        within(template, "metadata", |metadata| {
            within(metadata, "labels", |all| {
                all.extend(labels.clone());
                all.insert(names::LABEL_WATCH.to_owned(), json!(names::WATCH_OPERATION));
            });
        });
        let nodes = affinity::holders(&seen.nodes, datasets, seen.now);
        within(template, "spec", |spec| affinity::prefer(spec, &nodes));
    }
    let owner = &operation.name;
    json!({
        "apiVersion": command.api_version,
        "kind": command.kind,
        "metadata": {
            "name": name(operation, command, attempt),
            "namespace": owner.name.namespace,
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": owner.kind.api_version(), "kind": owner.kind.word(), "name": owner.name.name,
                "uid": operation.uid, "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    })
}

/// The pod template of kinds that are known to have one at this place.
fn template<'a>(command: &Command, spec: &'a mut Value) -> Option<&'a mut Map<String, Value>> {
    let is_job = command.kind == "Job" && command.api_version == "batch/v1";
    if is_job { spec.get_mut("template")?.as_object_mut() } else { None }
}

fn name(operation: &Operation, command: &Command, attempt: i32) -> String {
    let kind: String = command.kind.to_lowercase().chars().take(16).collect();
    names::made_name(&operation.name.name.name, &operation.uid, &kind, &[&attempt.to_string()])
}

fn labels(operation: &Operation, attempt: i32) -> Map<String, Value> {
    let labels = [
        (
            names::LABEL_OPERATION,
            label_value(&format!("{}.{}", operation.name.kind, operation.name.name.name)),
        ),
        (names::LABEL_OPERATION_UID, label_value(&operation.uid)),
        (names::LABEL_ATTEMPT, attempt.to_string()),
    ];
    labels.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect()
}
