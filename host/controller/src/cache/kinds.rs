//! How each kind is kept, and what a change of it concerns.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Resource, ResourceExt};
use millrace_crds::dataset::{Dataset, DatasetGroup};
use millrace_crds::node_task::Action;
use millrace_crds::{
    CacheNode, DataFlow, DataLoad, DataProcess, DataProcessing, NodeTask, ProcessorModule, Reason,
    RuntimeProfile, condition,
};
use millrace_decide::operation::Operation;
use millrace_decide::placement::Node;
use millrace_decide::target::{Target, TargetKind, Which};
use millrace_decide::{Name, OperationKind, OperationName};
use serde::de::DeserializeOwned;

use super::{Awaited, Objects};
use crate::key::Key;

/// A kind that is watched.
pub(crate) trait Cached:
    Resource<DynamicType: Clone + Eq + std::hash::Hash + Debug + Send + Sync>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The label that chooses which of them are watched; all unless said.
    fn selector() -> Option<&'static str> {
        None
    }
    /// Keeps the object; says what has to be looked at.
    fn put(objects: &mut Objects, kind: &Self::DynamicType, object: Self) -> Vec<Key>;
    /// Forgets the object; says what has to be looked at.
    fn remove(objects: &mut Objects, kind: &Self::DynamicType, name: &Name) -> Vec<Key>;
    /// The names of all that are kept.
    fn names(objects: &Objects, kind: &Self::DynamicType) -> Vec<Name>;
}

/// An object's namespace and name.
pub(crate) fn name_of<K: Resource>(object: &K) -> Name {
    Name { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

impl Cached for Dataset {
    fn put(objects: &mut Objects, group: &DatasetGroup, object: Self) -> Vec<Key> {
        let name = name_of(&object);
        let key = Key::Dataset(*group, name.clone());
        set_homeless(objects, &key, waits_for_a_node(object.status.iter().flat_map(|one| &one.conditions)));
        let old = objects.datasets.insert((name.clone(), *group), Arc::new(object.clone()));
        // Operations read a Dataset's spec; its status is none of their business.
        let spoken = |dataset: &Self| {
            (dataset.metadata.generation, dataset.metadata.deletion_timestamp.is_some(), dataset.uid())
        };
        if old.is_some_and(|old| spoken(&old) == spoken(&object)) {
            return vec![key];
        }
        concerned(objects, key, &name)
    }

    fn remove(objects: &mut Objects, group: &DatasetGroup, name: &Name) -> Vec<Key> {
        let key = Key::Dataset(*group, name.clone());
        objects.datasets.remove(&(name.clone(), *group));
        objects.homeless.remove(&key);
        concerned(objects, key, name)
    }

    fn names(objects: &Objects, group: &DatasetGroup) -> Vec<Name> {
        let mine = objects.datasets.keys().filter(|(_, other)| other == group);
        mine.map(|(name, _)| name.clone()).collect()
    }
}

/// A Dataset, its namesake of the other group, and the operations that use it.
fn concerned(objects: &Objects, key: Key, name: &Name) -> Vec<Key> {
    let twins = DatasetGroup::ALL.map(|group| Key::Dataset(group, name.clone()));
    let users = objects.users.get(name).cloned().map(Key::Operation);
    let modules =
        objects.modules_in(&name.namespace).filter(|(_, module)| source(module) == Some(&name.name));
    let modules = modules.map(|(module, _)| Key::Module(module.clone()));
    std::iter::once(key).chain(twins).chain(users).chain(modules).collect()
}

/// The Dataset that a module's file is in.
fn source(module: &ProcessorModule) -> Option<&String> {
    module.spec.source.dataset.as_ref().map(|source| &source.name)
}

fn waits_for_a_node<'a>(conditions: impl Iterator<Item = &'a Condition>) -> bool {
    let no_node = Reason::NoNode.to_string();
    let mut conditions = conditions;
    conditions.any(|one| one.type_ == condition::READY && one.reason == no_node)
}

fn set_homeless(objects: &mut Objects, key: &Key, homeless: bool) {
    if homeless {
        objects.homeless.insert(key.clone());
    } else {
        objects.homeless.remove(key);
    }
}

macro_rules! cached_operation {
    ($($kind:ident),+) => {$(
        impl Cached for $kind {
            fn put(objects: &mut Objects, (): &(), object: Self) -> Vec<Key> {
                put_operation(objects, Operation::from(object))
            }

            fn remove(objects: &mut Objects, (): &(), name: &Name) -> Vec<Key> {
                remove_operation(objects, &OperationName { kind: OperationKind::$kind, name: name.clone() })
            }

            fn names(objects: &Objects, (): &()) -> Vec<Name> {
                let mine = objects.operations.keys().filter(|name| name.kind == OperationKind::$kind);
                mine.map(|name| name.name.clone()).collect()
            }
        }
    )+};
}

cached_operation!(DataLoad, DataProcessing, DataProcess, DataFlow);

fn put_operation(objects: &mut Objects, operation: Operation) -> Vec<Key> {
    let name = operation.name.clone();
    let old = objects.operations.remove(&name);
    if let Some(old) = &old {
        unindex(objects, old);
    }
    index(objects, &operation);
    let mut keys = vec![Key::Operation(name.clone())];
    // What runs after it, or made it, cares how it stands, not how far it is.
    let stands = |one: &Operation| (one.status.phase, one.uid.clone(), one.deleting.is_some());
    if old.as_deref().map(stands) != Some(stands(&operation)) {
        keys.extend(awaiting(objects, &operation));
        keys.extend(finished(objects, &operation));
    }
    // A flow also says for what its steps wait.
    let waits = |one: &Operation| one.status.waiting_for.clone();
    if old.as_deref().map(waits) != Some(waits(&operation)) {
        keys.extend(operation.owner.iter().map(|owner| Key::Operation(owner.name.clone())));
    }
    // What it runs after is kept while it is awaited, so that one cares when this starts or has seen its end.
    let held_up = |one: &Operation| {
        let done = one.status.predecessors.iter().filter(|before| before.done).count();
        is_waiting(one).then_some(done)
    };
    if old.as_deref().map(held_up) != Some(held_up(&operation)) {
        keys.extend(predecessors(&operation).map(Key::Operation));
    }
    objects.operations.insert(name, Arc::new(operation));
    keys
}

/// Whether it may still wait for what it runs after.
pub(super) fn is_waiting(operation: &Operation) -> bool {
    operation.status.start_time.is_none() && !operation.status.phase.is_finished()
}

/// Everything that waits for an operation: by name, by labels, as the maker, or for the maker's runs.
fn awaiting(objects: &Objects, operation: &Operation) -> Vec<Key> {
    let name = &operation.name;
    let mut awaited =
        vec![Awaited::Operation(name.clone()), Awaited::Operations(name.kind, name.name.namespace.clone())];
    let owner = operation.owner.as_ref().map(|owner| owner.name.clone());
    awaited.extend(owner.clone().map(Awaited::Operation));
    let waiting = awaited.iter().flat_map(|one| objects.dependents.get(one).cloned());
    waiting.chain(owner).map(Key::Operation).collect()
}

/// What an operation that ended wrote to, or loaded, has changed.
fn finished(objects: &mut Objects, operation: &Operation) -> Vec<Key> {
    let Some(ended) = operation.status.completion_time.as_ref().map(|time| time.0) else {
        return Vec::new();
    };
    let namespace = &operation.name.name.namespace;
    let written = operation.ask.writes(namespace);
    for name in &written {
        let latest = objects.written.entry(name.clone()).or_insert(ended);
        *latest = (*latest).max(ended);
    }
    let touched = written.into_iter().chain(operation.ask.uses(namespace));
    touched.flat_map(|name| DatasetGroup::ALL.map(|group| Key::Dataset(group, name.clone()))).collect()
}

fn remove_operation(objects: &mut Objects, name: &OperationName) -> Vec<Key> {
    let mut keys = vec![Key::Operation(name.clone())];
    if let Some(old) = objects.operations.remove(name) {
        unindex(objects, &old);
        keys.extend(predecessors(&old).map(Key::Operation));
        keys.extend(awaiting(objects, &old));
    }
    keys
}

/// What an operation runs after, as far as it can be read.
pub(super) fn targets(operation: &Operation) -> impl Iterator<Item = Target> {
    let namespace = &operation.name.name.namespace;
    operation.ask.fields().predecessors().filter_map(|one| Target::read(one, namespace).ok())
}

/// The operations that an operation runs after by name.
pub(super) fn predecessors(operation: &Operation) -> impl Iterator<Item = OperationName> {
    targets(operation).filter_map(|target| target.operation())
}

/// Under what a change of a target is told.
fn awaited(target: Target) -> Awaited {
    let Target { kind, namespace, which } = target;
    match (kind, which) {
        (TargetKind::Operation(kind), Which::Named(name)) => {
            Awaited::Operation(OperationName { kind, name: Name { namespace, name } })
        }
        (TargetKind::Operation(kind), Which::Labelled(_)) => Awaited::Operations(kind, namespace),
        (TargetKind::Workload(kind), Which::Named(name)) => Awaited::Workload(kind, Name { namespace, name }),
        (TargetKind::Workload(kind), Which::Labelled(_)) => Awaited::Workloads(kind, namespace),
    }
}

/// The namespace in which an operation looks for its module.
fn module_namespace(operation: &Operation) -> Option<String> {
    let module = operation.ask.module()?;
    let own = operation.name.name.namespace.as_str();
    Some(module.split_once('/').map_or(own, |(namespace, _)| namespace).to_owned())
}

fn named_datasets(operation: &Operation) -> Vec<Name> {
    let namespace = &operation.name.name.namespace;
    let made = operation.ask.outputs().iter().map(|output| Name::new(namespace, &output.dataset));
    operation.ask.uses(namespace).into_iter().chain(made).collect()
}

fn index(objects: &mut Objects, operation: &Operation) {
    let name = &operation.name;
    let status = &operation.status;
    let key = Key::Operation(name.clone());
    let waits = matches!(status.reason, Some(Reason::NoNode | Reason::NodeLost));
    set_homeless(objects, &key, waits && !status.phase.is_finished());
    if let Some(owner) = &operation.owner {
        objects.children.insert(owner.uid.clone(), name.clone());
    }
    if status.phase.is_finished() {
        return;
    }
    for target in targets(operation) {
        if let TargetKind::Workload(kind) = &target.kind {
            objects.seekers_of_kind.insert(kind.clone(), name.clone());
        }
        objects.dependents.insert(awaited(target), name.clone());
    }
    for dataset in named_datasets(operation) {
        objects.users.insert(dataset, name.clone());
    }
    if let (Some(namespace), None) = (module_namespace(operation), &status.start_time) {
        objects.seekers.insert(namespace, name.clone());
    }
}

fn unindex(objects: &mut Objects, operation: &Operation) {
    let name = &operation.name;
    objects.homeless.remove(&Key::Operation(name.clone()));
    for target in targets(operation) {
        if let TargetKind::Workload(kind) = &target.kind {
            objects.seekers_of_kind.remove(kind, name);
        }
        objects.dependents.remove(&awaited(target), name);
    }
    if let Some(owner) = &operation.owner {
        objects.children.remove(&owner.uid, name);
    }
    for dataset in named_datasets(operation) {
        objects.users.remove(&dataset, name);
    }
    if let Some(namespace) = module_namespace(operation) {
        objects.seekers.remove(&namespace, name);
    }
}

impl Cached for NodeTask {
    fn put(objects: &mut Objects, (): &(), object: Self) -> Vec<Key> {
        let name = name_of(&object);
        objects.tasks_of.insert(object.spec.operation.uid.clone(), name.clone());
        if let (Action::Load, Some(dataset)) = (object.spec.action, loaded(&object)) {
            objects.loads_of.insert(dataset, name.clone());
        }
        let keys = owners(&object);
        objects.tasks.insert(name, Arc::new(object));
        keys
    }

    fn remove(objects: &mut Objects, (): &(), name: &Name) -> Vec<Key> {
        let Some(old) = objects.tasks.remove(name) else { return Vec::new() };
        objects.tasks_of.remove(&old.spec.operation.uid, name);
        if let Some(dataset) = loaded(&old) {
            objects.loads_of.remove(&dataset, name);
        }
        owners(&old)
    }

    fn names(objects: &Objects, (): &()) -> Vec<Name> {
        objects.tasks.keys().cloned().collect()
    }
}

fn loaded(task: &NodeTask) -> Option<Name> {
    task.spec.datasets.first().map(|dataset| Name::new(&dataset.namespace, &dataset.name))
}

/// What a task belongs to.
fn owners(task: &NodeTask) -> Vec<Key> {
    let owner = &task.spec.operation;
    let name = Name { namespace: task.namespace().unwrap_or_default(), name: owner.name.clone() };
    match OperationKind::of(&owner.kind) {
        Some(kind) => vec![Key::Operation(OperationName { kind, name })],
        None if owner.kind == "ProcessorModule" => vec![Key::Module(name)],
        None => DatasetGroup::ALL.map(|group| Key::Dataset(group, name.clone())).into(),
    }
}

impl Cached for CacheNode {
    fn put(objects: &mut Objects, (): &(), object: Self) -> Vec<Key> {
        let old = objects.nodes.insert(object.name_any(), Arc::new(object.clone()));
        let mut keys = changed_datasets(old.as_deref(), &object);
        if appeared(old.as_deref(), &object) {
            keys.extend(objects.homeless.iter().cloned());
        }
        keys
    }

    fn remove(objects: &mut Objects, (): &(), name: &Name) -> Vec<Key> {
        let Some(old) = objects.nodes.remove(&name.name) else { return Vec::new() };
        changed_datasets(Some(&old), &Self::new(&name.name, old.spec.clone()))
    }

    fn names(objects: &Objects, (): &()) -> Vec<Name> {
        objects.nodes.keys().map(|name| Name::new("", name)).collect()
    }
}

/// Whether an agent is there that was not: a heartbeat alone concerns nobody who waits for a node.
fn appeared(old: Option<&CacheNode>, new: &CacheNode) -> bool {
    let Some(old) = old else { return true };
    let (before, after) = (Node::of(old), Node::of(new));
    before.labels != after.labels || after.seen.is_some_and(|seen| !before.is_alive(seen))
}

/// The Datasets of which a node holds something else than before, or that its pods wait for anew.
fn changed_datasets(old: Option<&CacheNode>, new: &CacheNode) -> Vec<Key> {
    let (before, after) = (old.map(said).unwrap_or_default(), said(new));
    before
        .symmetric_difference(&after)
        .map(|(name, _)| name.clone())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .flat_map(|name| DatasetGroup::ALL.map(|group| Key::Dataset(group, name.clone())))
        .collect()
}

/// What a node holds of each Dataset, and which ones its pods wait for.
fn said(node: &CacheNode) -> HashSet<(Name, Option<(i64, i64)>)> {
    let Some(status) = &node.status else { return HashSet::new() };
    let held = status
        .datasets
        .iter()
        .map(|held| (Name::new(&held.namespace, &held.name), Some((held.cached_bytes, held.cached_files))));
    let wanted = status.wanted.iter().map(|wanted| (Name::new(&wanted.namespace, &wanted.name), None));
    held.chain(wanted).collect()
}

impl Cached for ProcessorModule {
    fn put(objects: &mut Objects, (): &(), object: Self) -> Vec<Key> {
        let name = name_of(&object);
        let key = Key::Module(name.clone());
        set_homeless(objects, &key, waits_for_a_node(object.status.iter().flat_map(|one| &one.conditions)));
        objects.modules.insert(name.clone(), Arc::new(object));
        sought(objects, key, &name)
    }

    fn remove(objects: &mut Objects, (): &(), name: &Name) -> Vec<Key> {
        let key = Key::Module(name.clone());
        objects.modules.remove(name);
        objects.homeless.remove(&key);
        sought(objects, key, name)
    }

    fn names(objects: &Objects, (): &()) -> Vec<Name> {
        objects.modules.keys().cloned().collect()
    }
}

/// A module, and the operations that look for one in its namespace.
fn sought(objects: &Objects, key: Key, name: &Name) -> Vec<Key> {
    let seekers = objects.seekers.get(&name.namespace).cloned().map(Key::Operation);
    std::iter::once(key).chain(seekers).collect()
}

impl Cached for RuntimeProfile {
    fn put(objects: &mut Objects, (): &(), object: Self) -> Vec<Key> {
        objects.profiles.insert(object.name_any(), Arc::new(object));
        all_datasets(objects)
    }

    fn remove(objects: &mut Objects, (): &(), name: &Name) -> Vec<Key> {
        objects.profiles.remove(&name.name);
        all_datasets(objects)
    }

    fn names(objects: &Objects, (): &()) -> Vec<Name> {
        objects.profiles.keys().map(|name| Name::new("", name)).collect()
    }
}

/// A profile concerns every Dataset: its selector may fit any of them. Profiles change rarely.
fn all_datasets(objects: &Objects) -> Vec<Key> {
    objects.datasets.keys().map(|(name, group)| Key::Dataset(*group, name.clone())).collect()
}
