//! What the watches have seen, with the indexes that make an event cost what it concerns.

mod claims;
mod index;
mod kinds;
mod machines;
mod made;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use millrace_crds::dataset::{Dataset, DatasetGroup};
use millrace_crds::{CacheNode, NodeTask, ProcessorModule, RuntimeProfile};
use millrace_decide::claim::{Claim, Volume};
use millrace_decide::operation::Operation;
use millrace_decide::order::{Cycle, cycle_from};
use millrace_decide::placement::Node;
use millrace_decide::{Name, OperationName, gate};

use self::index::Index;
use crate::key::Key;

pub(crate) use self::kinds::{Cached, name_of};

/// A Job or workload: its kind, namespace and name.
type MadeName = (Types, Name);

/// apiVersion and kind.
pub(crate) type Types = (String, String);

/// Objects as last seen.
#[derive(Debug, Default)]
pub(crate) struct Cache(RwLock<Objects>);

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
    /// Unfinished operations, by what they run after.
    dependents: Index<OperationName, OperationName>,
    /// Unfinished operations, by a Dataset that they use or make.
    users: Index<Name, OperationName>,
    /// Operations that have not started, by the namespace in which they look for a module.
    seekers: Index<String, OperationName>,
    /// Jobs and workloads that operations made.
    made: HashMap<MadeName, Arc<DynamicObject>>,
    /// The same, by their operation's UID.
    made_of: Index<String, MadeName>,
    /// Pods of operations, and held ones.
    pods: BTreeMap<Name, Arc<Pod>>,
    /// Pods of operations, by the operation's UID.
    pods_of: Index<String, Name>,
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

    /// The Jobs and workloads of an operation.
    pub(crate) fn made_of<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Arc<DynamicObject>> + 'a {
        self.made_of.get(uid).filter_map(|name| self.made.get(name))
    }

    /// The kind of a Job or workload.
    pub(crate) fn made(&self, namespace: &str, name: &str, uid: &str) -> Option<Types> {
        let is = |(kind, full): &&MadeName| {
            full.namespace == namespace
                && full.name == name
                && self
                    .made
                    .get(&(kind.clone(), full.clone()))
                    .is_some_and(|one| one.uid().as_deref() == Some(uid))
        };
        self.made.keys().find(is).map(|(kind, _)| kind.clone())
    }

    /// The pods of an operation's Jobs, oldest first.
    pub(crate) fn pods_of(&self, uid: &str) -> Vec<Arc<Pod>> {
        let mut pods: Vec<_> =
            self.pods_of.get(uid).filter_map(|name| self.pods.get(name)).cloned().collect();
        pods.sort_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
        pods
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

    /// Whether operations that have not started run after this one.
    pub(crate) fn is_awaited(&self, name: &OperationName) -> bool {
        let waiting =
            |one: &OperationName| self.operations.get(one).is_some_and(|one| one.status.start_time.is_none());
        self.dependents.get(name).any(waiting)
    }

    /// The circle that an operation is in, as far as it is seen.
    pub(crate) fn cycle(&self, start: &OperationName) -> Option<Cycle> {
        let after = |name: &OperationName| {
            let operation = self.operations.get(name)?;
            // What has started is in no circle that could hold anything up.
            if operation.status.phase.is_finished() || operation.status.start_time.is_some() {
                return None;
            }
            let run_after = operation.ask.fields().run_after.as_ref()?;
            gate::target(run_after, &name.name.namespace).ok()
        };
        cycle_from(start, after).err()
    }
}
