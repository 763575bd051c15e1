//! Operations that an operation makes: runs of a Cron or OnEvent operation, steps of a DataFlow.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use millrace_crds::names;
use serde::Serialize;
use serde_json::Value;

use super::{Operation, Owner};
use crate::name::{Name, OperationKind, OperationName};

/// What belongs to the operation that makes another one, and is no part of what it makes. Ended
/// ones are removed by their maker, so that it never misses an end.
const MAKERS: [&str; 10] = [
    "policy",
    "schedule",
    "concurrencyPolicy",
    "startingDeadlineSeconds",
    "suspend",
    "historyLimit",
    "cancelled",
    "retry",
    "retryFrom",
    "ttlSecondsAfterFinished",
];

/// A change to an operation that this one made.
#[derive(Debug, Clone, PartialEq)]
pub enum ChildChange {
    /// Create it; its name is fixed by what it is.
    Create(Box<Child>),
    /// Ask it to stop.
    Cancel {
        /// Which.
        name: OperationName,
        /// Its UID, so that no other of its name is stopped.
        uid: String,
    },
    /// Remove it: it has ended, and newer ones took its place.
    Delete {
        /// Which.
        name: OperationName,
        /// Its UID, so that no other of its name is removed.
        uid: String,
    },
}

/// An operation to create.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// Kind, namespace and name.
    pub name: OperationName,
    /// What makes it.
    pub owner: Owner,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its spec.
    pub spec: Value,
}

impl Operation {
    /// This operation as the owner of another one.
    pub(super) fn as_owner(&self) -> Owner {
        Owner { name: self.name.clone(), uid: self.uid.clone() }
    }

    /// The name of an operation of `kind` that this one makes for `stage`.
    pub(super) fn child_name(&self, kind: OperationKind, stage: &str, parts: &[&str]) -> OperationName {
        let name = names::made_name(&self.name.name.name, &self.uid, stage, parts);
        OperationName { kind, name: Name::new(&self.name.name.namespace, &name) }
    }

    /// Stopping this operation, unless it was asked to before or has ended.
    pub(super) fn cancel(&self) -> Option<ChildChange> {
        let asked = self.ask.fields().cancelled || self.status.phase.is_finished();
        (!asked).then(|| ChildChange::Cancel { name: self.name.clone(), uid: self.uid.clone() })
    }

    /// Whether it may still be at work.
    pub(super) fn is_active(&self) -> bool {
        !self.status.phase.is_finished()
    }
}

/// The spec without what is the maker's own.
pub(super) fn without_makers(mut spec: Value) -> Value {
    if let Some(fields) = spec.as_object_mut() {
        fields.retain(|field, _| !MAKERS.contains(&field.as_str()));
    }
    spec
}

/// The operation among an object's owners that controls it.
pub(super) fn owner(namespace: &str, owners: &[OwnerReference]) -> Option<Owner> {
    let controller = owners.iter().find(|owner| owner.controller == Some(true))?;
    let kind =
        OperationKind::of(&controller.kind).filter(|kind| kind.api_version() == controller.api_version)?;
    let name = OperationName { kind, name: Name::new(namespace, &controller.name) };
    Some(Owner { name, uid: controller.uid.clone() })
}

/// A spec as JSON. Everything in it came from JSON, so that it always goes back.
pub(super) fn as_json<S: Serialize>(spec: &S) -> Value {
    serde_json::to_value(spec).unwrap_or_default()
}
