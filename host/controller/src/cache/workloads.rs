//! Workloads of the kinds that operations run after: as much of each as says whether it ended.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use millrace_decide::predecessor::Candidate;
use millrace_decide::target::{Which, WorkloadKind};
use millrace_decide::{Name, selector};
use serde_json::{Value, json};

use super::{Awaited, Objects};
use crate::key::Key;

/// A workload without what nobody here reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Workload {
    labels: BTreeMap<String, String>,
    object: Value,
}

impl Workload {
    /// Keeps metadata and status of an object as the API server has it.
    pub(crate) fn new(labels: BTreeMap<String, String>, object: &Value) -> Self {
        let kept = ["uid", "creationTimestamp", "deletionTimestamp"];
        let metadata: serde_json::Map<String, Value> = kept
            .into_iter()
            .filter_map(|field| {
                Some((field.to_owned(), object.pointer(&format!("/metadata/{field}"))?.clone()))
            })
            .collect();
        let status = object.get("status").cloned().unwrap_or_default();
        Self { labels, object: json!({ "metadata": metadata, "status": status }) }
    }
}

/// How far a kind is followed.
#[derive(Debug, Clone, PartialEq)]
enum Followed {
    /// It is being looked up or listed; what went wrong last, if anything did.
    NotYet { trouble: Option<String> },
    /// Everything of it is seen.
    Listed(BTreeMap<Name, Workload>),
}

/// Workloads by kind.
#[derive(Debug, Default)]
pub(crate) struct Workloads(BTreeMap<WorkloadKind, Followed>);

impl Workloads {
    /// Whether somebody follows that kind already.
    pub(crate) fn is_followed(&self, kind: &WorkloadKind) -> bool {
        self.0.contains_key(kind)
    }

    /// How many kinds are followed.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The workloads of that kind that `which` means, or why they cannot be seen.
    pub(crate) fn find(
        &self,
        kind: &WorkloadKind,
        namespace: &str,
        which: &Which,
        success_when: Option<&str>,
    ) -> Result<Vec<Candidate>, String> {
        let listed = match self.0.get(kind) {
            Some(Followed::Listed(listed)) => listed,
            Some(Followed::NotYet { trouble: Some(trouble) }) => return Err(trouble.clone()),
            Some(Followed::NotYet { trouble: None }) | None => {
                return Err(format!("{kind} objects are being listed"));
            }
        };
        let candidate = |one: &Workload| Candidate::of_workload(&one.object, success_when);
        Ok(match which {
            Which::Named(name) => {
                listed.get(&Name::new(namespace, name)).map(candidate).into_iter().collect()
            }
            Which::Labelled(labels) => labelled(listed, namespace, labels).map(candidate).collect(),
        })
    }

    /// Names of that kind and namespace, for near misses.
    pub(crate) fn names(&self, kind: &WorkloadKind, namespace: &str) -> Vec<String> {
        let Some(Followed::Listed(listed)) = self.0.get(kind) else { return Vec::new() };
        let inside = listed.range(Name::new(namespace, "")..);
        inside
            .take_while(|(name, _)| name.namespace == namespace)
            .map(|(name, _)| name.name.clone())
            .collect()
    }
}

fn labelled<'a>(
    listed: &'a BTreeMap<Name, Workload>,
    namespace: &'a str,
    labels: &'a LabelSelector,
) -> impl Iterator<Item = &'a Workload> {
    let inside = listed.range(Name::new(namespace, "")..);
    let inside = inside.take_while(move |(name, _)| name.namespace == namespace).map(|(_, one)| one);
    inside.filter(|one| selector::fits(labels, &one.labels))
}

impl Objects {
    /// A kind is followed from now on, or cannot be for now.
    pub(crate) fn trouble_with(&mut self, kind: &WorkloadKind, trouble: Option<String>) -> Vec<Key> {
        let new = Followed::NotYet { trouble };
        match self.workloads.0.get(kind) {
            // A watch that breaks leaves what was seen.
            Some(Followed::Listed(_)) => Vec::new(),
            Some(old) if *old == new => Vec::new(),
            _ => {
                self.workloads.0.insert(kind.clone(), new);
                self.seekers(kind)
            }
        }
    }

    /// Everything of a kind, as a new list has it.
    pub(crate) fn list_workloads(
        &mut self,
        kind: &WorkloadKind,
        listed: BTreeMap<Name, Workload>,
    ) -> Vec<Key> {
        self.workloads.0.insert(kind.clone(), Followed::Listed(listed));
        self.seekers(kind)
    }

    /// A workload was created, changed or deleted.
    pub(crate) fn put_workload(
        &mut self,
        kind: &WorkloadKind,
        name: Name,
        workload: Option<Workload>,
    ) -> Vec<Key> {
        if let Some(Followed::Listed(listed)) = self.workloads.0.get_mut(kind) {
            let old = match &workload {
                Some(workload) => listed.insert(name.clone(), workload.clone()),
                None => listed.remove(&name),
            };
            if old == workload {
                return Vec::new();
            }
        }
        let awaited =
            [Awaited::Workloads(kind.clone(), name.namespace.clone()), Awaited::Workload(kind.clone(), name)];
        let waiting: BTreeSet<_> = awaited.iter().flat_map(|one| self.dependents.get(one).cloned()).collect();
        waiting.into_iter().map(Key::Operation).collect()
    }

    fn seekers(&self, kind: &WorkloadKind) -> Vec<Key> {
        self.seekers_of_kind.get(kind).cloned().map(Key::Operation).collect()
    }
}
