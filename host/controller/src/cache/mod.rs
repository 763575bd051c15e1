//! What the watches have seen, with the indexes that make an event cost what it concerns.

mod claims;
mod index;
mod kinds;
mod machines;
mod workloads;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::jiff::Timestamp;
use millrace_crds::dataset::{Dataset, DatasetGroup};
use millrace_crds::{CacheNode, NodeTask, ProcessorModule, RuntimeProfile};
use millrace_decide::claim::{Claim, Volume};
use millrace_decide::operation::Operation;
use millrace_decide::order::{Cycle, cycle_from};
use millrace_decide::placement::Node;
use millrace_decide::predecessor::Candidate;
use millrace_decide::target::WorkloadKind;
use millrace_decide::{Name, OperationKind, OperationName, selector};

use self::index::Index;
use self::workloads::Workloads;
use crate::key::Key;

pub(crate) use self::kinds::{Cached, name_of};
pub(crate) use self::workloads::Workload;

/// Objects as last seen.
#[derive(Debug, Default)]
pub(crate) struct Cache(RwLock<Objects>);

/// What an operation may wait for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Awaited {
    /// The operation of that name.
    Operation(OperationName),
    /// Any operation of a kind and namespace.
    Operations(OperationKind, String),
    /// The workload of that name.
    Workload(WorkloadKind, Name),
    /// Any workload of a kind and namespace.
    Workloads(WorkloadKind, String),
}

/// The objects and who cares about them.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    datasets: BTreeMap<(Name, DatasetGroup), Arc<Dataset>>,
    operations: BTreeMap<OperationName, Arc<Operation>>,
    tasks: HashMap<Name, Arc<NodeTask>>,
    modules: BTreeMap<Name, Arc<ProcessorModule>>,
    profiles: BTreeMap<String, Arc<RuntimeProfile>>,
    nodes: BTreeMap<String, Arc<CacheNode>>,
    /// Labels of the cluster's Nodes.
    labels: BTreeMap<String, BTreeMap<String, String>>,
    /// Every claim of the cluster.
    claims: HashMap<Name, Claim>,
    /// Volumes of Datasets, each with its Dataset.
    volumes: BTreeMap<String, (Name, Volume)>,
    /// Those volumes, by Dataset.
    volumes_of: Index<Name, String>,
    /// Workloads of the kinds that operations run after.
    workloads: Workloads,
    /// Unfinished operations, by what they run after.
    dependents: Index<Awaited, OperationName>,
    /// Unfinished operations that run after workloads, by kind.
    seekers_of_kind: Index<WorkloadKind, OperationName>,
    /// Operations that an operation made, by its UID.
    children: Index<String, OperationName>,
    /// Unfinished operations, by a Dataset that they use or make.
    users: Index<Name, OperationName>,
    /// Operations that have not started, by the namespace in which they look for a module.
    seekers: Index<String, OperationName>,
    /// Tasks, by their owner's UID.
    tasks_of: Index<String, Name>,
    /// Tasks that load, by Dataset.
    loads_of: Index<Name, Name>,
    /// What waits for a node.
    homeless: BTreeSet<Key>,
    /// When something was last published into a Dataset.
    written: HashMap<Name, Timestamp>,
}

impl Cache {
    /// What is there now.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Objects> {
        // Every change under the lock leaves it whole, so a panic elsewhere does not spoil it.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an object; says what has to be looked at.
    pub(crate) fn put<K: Cached>(&self, kind: &K::DynamicType, object: K) -> Vec<Key> {
        K::put(&mut self.0.write().unwrap_or_else(PoisonError::into_inner), kind, object)
    }

    /// Forgets an object; says what has to be looked at.
    pub(crate) fn remove<K: Cached>(&self, kind: &K::DynamicType, name: &Name) -> Vec<Key> {
        K::remove(&mut self.0.write().unwrap_or_else(PoisonError::into_inner), kind, name)
    }

    /// Forgets every object that a new list does not have; says what has to be looked at.
    pub(crate) fn keep<K: Cached>(&self, kind: &K::DynamicType, listed: &BTreeSet<Name>) -> Vec<Key> {
        let gone: Vec<Name> =
            K::names(&self.read(), kind).into_iter().filter(|name| !listed.contains(name)).collect();
        gone.iter().flat_map(|name| self.remove::<K>(kind, name)).collect()
    }
}

impl Cache {
    /// Changes what is known of the workloads that operations run after; says what has to be looked at.
    pub(crate) fn change_workloads(&self, change: impl FnOnce(&mut Objects) -> Vec<Key>) -> Vec<Key> {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Objects {
    /// An operation.
    pub(crate) fn operation(&self, name: &OperationName) -> Option<&Arc<Operation>> {
        self.operations.get(name)
    }

    /// Names of all operations of a namespace and kind, for near misses.
    pub(crate) fn operation_names<'a>(
        &'a self,
        like: &'a OperationName,
    ) -> impl Iterator<Item = &'a str> + 'a {
        let same =
            |name: &&'a OperationName| name.kind == like.kind && name.name.namespace == like.name.namespace;
        self.operations.keys().filter(same).map(|name| name.name.name.as_str())
    }

    /// A Dataset of either group or both.
    pub(crate) fn datasets<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a Arc<Dataset>> + 'a {
        let keys = DatasetGroup::ALL.map(|group| (name.clone(), group));
        keys.into_iter().filter_map(|key| self.datasets.get(&key))
    }

    /// A Dataset of one group.
    pub(crate) fn dataset(&self, name: &Name, group: DatasetGroup) -> Option<&Arc<Dataset>> {
        self.datasets.get(&(name.clone(), group))
    }

    /// Every Dataset of a namespace, for near misses.
    pub(crate) fn datasets_in<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Dataset>> + 'a {
        let first = (Name::new(namespace, ""), DatasetGroup::Fluid);
        let from = self.datasets.range(first..);
        from.take_while(move |((name, _), _)| name.namespace == namespace).map(|(_, dataset)| dataset)
    }

    /// An uploaded module.
    pub(crate) fn module(&self, name: &Name) -> Option<&Arc<ProcessorModule>> {
        self.modules.get(name)
    }

    /// Every module of a namespace.
    pub(crate) fn modules_in<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Name, &'a Arc<ProcessorModule>)> + 'a {
        let from = self.modules.range(Name::new(namespace, "")..);
        from.take_while(move |(name, _)| name.namespace == namespace)
    }

    /// Every profile.
    pub(crate) fn profiles(&self) -> &BTreeMap<String, Arc<RuntimeProfile>> {
        &self.profiles
    }

    /// Every node.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        let labelled = |node: &Arc<CacheNode>| {
            let mut node = Node::of(node);
            node.labels.extend(
                self.labels
                    .get(&node.name)
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| (key.clone(), value.clone())),
            );
            node
        };
        self.nodes.values().map(labelled).collect()
    }

    /// The kind and phase of every object that a user made.
    pub(crate) fn phases(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        let operations =
            self.operations.values().map(|one| (one.name.kind.word(), one.status.phase.to_string()));
        let datasets = self.datasets.values().map(|dataset| {
            let phase = dataset.status.as_ref().map(|status| status.phase).unwrap_or_default();
            ("Dataset", phase.to_string())
        });
        operations.chain(datasets)
    }

    /// The tasks of an owner.
    pub(crate) fn tasks_of(&self, uid: &str) -> Vec<NodeTask> {
        let names = self.tasks_of.get(uid);
        names.filter_map(|name| self.tasks.get(name)).map(|task| NodeTask::clone(task)).collect()
    }

    /// The claim of a name.
    pub(crate) fn claim(&self, name: &Name) -> Option<&Claim> {
        self.claims.get(name)
    }

    /// The volumes that were made for Datasets of a name.
    pub(crate) fn volumes_of(&self, dataset: &Name) -> impl Iterator<Item = &Volume> {
        self.volumes_of.get(dataset).filter_map(|name| self.volumes.get(name)).map(|(_, volume)| volume)
    }

    /// The tasks that loaded a Dataset.
    pub(crate) fn loads_of(&self, dataset: &Name) -> Vec<NodeTask> {
        let names = self.loads_of.get(dataset);
        names.filter_map(|name| self.tasks.get(name)).map(|task| NodeTask::clone(task)).collect()
    }

    /// When something was last published into a Dataset.
    pub(crate) fn written(&self, dataset: &Name) -> Option<Timestamp> {
        self.written.get(dataset).copied()
    }

    /// Operations of a kind and namespace with these labels, and without those of `but`.
    pub(crate) fn labelled(
        &self,
        kind: OperationKind,
        namespace: &str,
        labels: &LabelSelector,
        but: &OperationName,
    ) -> Vec<Candidate> {
        let first = OperationName { kind, name: Name::new(namespace, "") };
        let inside = self.operations.range(first..);
        let inside = inside.take_while(|(name, _)| name.kind == kind && name.name.namespace == namespace);
        let fitting = inside.filter(|(name, one)| *name != but && selector::fits(labels, &one.labels));
        fitting.map(|(_, one)| Candidate::of_operation(one)).collect()
    }

    /// The operations that an operation made.
    pub(crate) fn children(&self, uid: &str) -> Vec<Arc<Operation>> {
        self.children.get(uid).filter_map(|name| self.operations.get(name)).cloned().collect()
    }

    /// The workloads of the kinds that operations run after.
    pub(crate) fn workloads(&self) -> &Workloads {
        &self.workloads
    }

    /// Whether operations that have not started run after this one and have not seen its end.
    pub(crate) fn is_awaited(&self, operation: &Operation) -> bool {
        let done = |one: &Operation| {
            one.status.predecessors.iter().any(|before| before.done && before.uid == operation.uid)
        };
        let waiting = |name: &OperationName| {
            self.operations.get(name).is_some_and(|one| kinds::is_waiting(one) && !done(one))
        };
        self.dependents.get(&Awaited::Operation(operation.name.clone())).any(waiting)
    }

    /// The circle that an operation is in, as far as it is seen.
    pub(crate) fn cycle(&self, start: &OperationName) -> Option<Cycle> {
        let after = |name: &OperationName| {
            // What has started is in no circle that could hold anything up.
            let waiting = self.operations.get(name).filter(|one| kinds::is_waiting(one));
            waiting.map(|one| kinds::predecessors(one).collect()).unwrap_or_default()
        };
        cycle_from(start, after).err()
    }
}
