//! The objects, their versions, the bounded history of changes and who watches them.
//! Every change of state passes through [`Store::commit`]; a durable store would record there.
//! It knows nothing of kinds beyond the key that tells resources apart.

mod history;
mod watchers;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

pub(crate) use history::Change;
use history::History;
use watchers::Watchers;
pub(crate) use watchers::{Delivery, Subscription, Wanted};

use crate::object;
use crate::registry::ResourceKey;

/// Where an object is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) resource: ResourceKey,
    /// Empty for a cluster-scoped object.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// What a writer believes is stored under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Absent,
    Revision(u64),
}

/// The writer's belief was wrong: nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the object has another version than expected")]
pub(crate) struct Stale;

/// The history does not reach back to the asked revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {asked} ({oldest})")]
pub(crate) struct TooOld {
    pub(crate) asked: u64,
    pub(crate) oldest: u64,
}

/// Objects of one resource as they were at one revision, ordered by namespace and name.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) revision: u64,
    pub(crate) objects: Vec<Arc<Value>>,
}

/// All state of a server.
#[derive(Debug, Default)]
pub(crate) struct Store {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Rises by one with every change of any object.
    revision: u64,
    tables: HashMap<ResourceKey, Table>,
    /// Owner UID → the objects that name it, so that deletion need not search.
    dependents: HashMap<String, BTreeSet<Key>>,
}

/// Objects by namespace and name: a list of one namespace touches nothing else.
type Objects = BTreeMap<String, BTreeMap<String, Arc<Value>>>;

/// One resource.
#[derive(Debug, Default)]
struct Table {
    objects: Objects,
    history: History,
    watchers: Watchers,
}

impl Store {
    /// The newest revision.
    pub(crate) fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// The object under a key.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.lock().get(key)
    }

    /// The objects of one resource, of one namespace or of all.
    pub(crate) fn list(&self, resource: &ResourceKey, namespace: Option<&str>) -> Listing {
        let state = self.lock();
        let table = state.tables.get(resource);
        let objects = table.map(|table| objects_in(&table.objects, namespace)).unwrap_or_default();
        Listing { revision: state.revision, objects }
    }

    /// As [`Store::list`], at a revision of the past.
    pub(crate) fn list_at(
        &self,
        resource: &ResourceKey,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Listing, TooOld> {
        let state = self.lock();
        let Some(table) = state.tables.get(resource) else {
            return Ok(Listing { revision, objects: Vec::new() });
        };
        let mut objects = table.objects.clone();
        for change in table.history.since(revision)?.iter().rev() {
            replace(&mut objects, &change.namespace, &change.name, change.before.clone());
        }
        Ok(Listing { revision, objects: objects_in(&objects, namespace) })
    }

    /// Writes (`Some`) or removes (`None`) the object under a key if what is stored is what the
    /// writer believes. Gives the object with its new resourceVersion; for a removal, the last one.
    pub(crate) fn commit(
        &self,
        key: &Key,
        expected: Expected,
        object: Option<Value>,
    ) -> Result<Arc<Value>, Stale> {
        let mut state = self.lock();
        let before = state.get(key);
        let found =
            before.as_ref().map_or(Expected::Absent, |before| Expected::Revision(object::revision(before)));
        if found != expected {
            return Err(Stale);
        }
        state.revision += 1;
        let revision = state.revision;
        let after = object.map(|object| at_revision(object, revision));
        state.record(
            key,
            Change {
                revision,
                namespace: key.namespace.clone(),
                name: key.name.clone(),
                before: before.clone(),
                after: after.clone(),
            },
        );
        match (after, before) {
            (Some(after), _) => Ok(after),
            (None, Some(before)) => Ok(at_revision(Value::clone(&before), revision)),
            (None, None) => Err(Stale),
        }
    }

    /// The objects that name this UID as an owner.
    pub(crate) fn dependents(&self, owner: &str) -> Vec<Key> {
        self.lock().dependents.get(owner).map(|keys| keys.iter().cloned().collect()).unwrap_or_default()
    }

    /// Every object of a namespace.
    pub(crate) fn keys_in(&self, namespace: &str) -> Vec<Key> {
        let state = self.lock();
        let mut keys: Vec<Key> = state
            .tables
            .iter()
            .flat_map(|(resource, table)| {
                let names = table.objects.get(namespace).into_iter().flat_map(BTreeMap::keys);
                names.map(|name| key(resource, namespace, name)).collect::<Vec<_>>()
            })
            .collect();
        // Tables are hashed; the order of deletion must not depend on the hash.
        keys.sort();
        keys
    }

    /// Follows a resource. `since` is the revision the watcher has seen; without it the stored
    /// objects come first, as additions.
    pub(crate) fn watch(
        self: &Arc<Self>,
        resource: &ResourceKey,
        wanted: Wanted,
        since: Option<u64>,
    ) -> Result<Subscription, TooOld> {
        let mut state = self.lock();
        let revision = state.revision;
        let table = state.tables.entry(resource.clone()).or_default();
        let first = match since {
            Some(since) => {
                table.history.since(since)?.iter().filter_map(|change| wanted.delivery(change)).collect()
            }
            None => wanted.existing(objects_in(&table.objects, wanted.namespace())),
        };
        let (receiver, id, overflowed) = table.watchers.add(wanted);
        Ok(Subscription::new(first, revision, receiver, overflowed, Arc::clone(self), resource.clone(), id))
    }

    /// Puts a mark with the newest revision into a watcher's queue: what precedes it is delivered.
    pub(crate) fn mark(&self, resource: &ResourceKey, watcher: u64) {
        let mut state = self.lock();
        let revision = state.revision;
        if let Some(table) = state.tables.get_mut(resource) {
            table.watchers.mark(watcher, revision);
        }
    }

    /// Forgets a watcher.
    pub(crate) fn unwatch(&self, resource: &ResourceKey, watcher: u64) {
        if let Some(table) = self.lock().tables.get_mut(resource) {
            table.watchers.remove(watcher);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves whole objects behind: each change is made by one call below.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.tables.get(&key.resource)?.objects.get(&key.namespace)?.get(&key.name).cloned()
    }

    fn record(&mut self, key: &Key, change: Change) {
        self.reindex(key, change.before.as_deref(), change.after.as_deref());
        let table = self.tables.entry(key.resource.clone()).or_default();
        replace(&mut table.objects, &key.namespace, &key.name, change.after.clone());
        table.watchers.tell(&change);
        table.history.push(change);
    }

    fn reindex(&mut self, key: &Key, before: Option<&Value>, after: Option<&Value>) {
        for owner in before.map(object::owner_references).unwrap_or_default() {
            if let Some(keys) = self.dependents.get_mut(owner.uid) {
                keys.remove(key);
                if keys.is_empty() {
                    self.dependents.remove(owner.uid);
                }
            }
        }
        for owner in after.map(object::owner_references).unwrap_or_default() {
            self.dependents.entry(owner.uid.to_owned()).or_default().insert(key.clone());
        }
    }
}

fn key(resource: &ResourceKey, namespace: &str, name: &str) -> Key {
    Key { resource: resource.clone(), namespace: namespace.to_owned(), name: name.to_owned() }
}

/// The object with this resourceVersion.
fn at_revision(mut object: Value, revision: u64) -> Arc<Value> {
    object::set_meta(&mut object, "resourceVersion", json!(revision.to_string()));
    Arc::new(object)
}

fn objects_in(objects: &Objects, namespace: Option<&str>) -> Vec<Arc<Value>> {
    match namespace {
        Some(namespace) => objects.get(namespace).into_iter().flat_map(BTreeMap::values).cloned().collect(),
        None => objects.values().flat_map(BTreeMap::values).cloned().collect(),
    }
}

fn replace(objects: &mut Objects, namespace: &str, name: &str, object: Option<Arc<Value>>) {
    match object {
        Some(object) => {
            objects.entry(namespace.to_owned()).or_default().insert(name.to_owned(), object);
        }
        None => {
            let emptied = objects.get_mut(namespace).is_some_and(|names| {
                names.remove(name);
                names.is_empty()
            });
            if emptied {
                objects.remove(namespace);
            }
        }
    }
}
