//! What follows from a write, settled before the request is answered: owners' dependents are
//! deleted, waiting owners let go, namespaces and definitions emptied, definitions served.
//! A real cluster does this in controllers, some moments later; here a simulation needs no waiting.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::core::Core;
use crate::object::{self, FOREGROUND, ORPHAN};
use crate::registry::{CRD_GROUP, ResourceKey, definition_of};
use crate::store::{Expected, Key};

/// The finalizer that keeps a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
/// How a namespace is kept until it is empty; it stands in `spec.finalizers`.
pub(crate) const NAMESPACE_FINALIZER: &str = "kubernetes";

/// How the objects that name an owner end with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They are deleted after it.
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay and no longer name it.
    Orphan,
}

/// Settles everything that follows from the write of one object; `removed` is its last state if it
/// was removed.
pub(crate) fn settle(core: &Core, key: Key, removed: Option<Arc<Value>>) {
    let mut work = Work { core, queue: VecDeque::from([(key, removed)]) };
    while let Some((key, removed)) = work.queue.pop_front() {
        match removed {
            Some(last) => work.settle_absent(&key, &last),
            None => work.settle_present(&key),
        }
    }
}

/// The object as deletion leaves it for now: `None` if nothing holds it.
pub(crate) fn deleted(
    core: &Core,
    object: &Value,
    propagation: Propagation,
    grace_seconds: i64,
) -> Option<Value> {
    let mut finalizers: Vec<&str> =
        object::finalizers(object).into_iter().filter(|name| !matches!(*name, FOREGROUND | ORPHAN)).collect();
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push(FOREGROUND),
        Propagation::Orphan => finalizers.push(ORPHAN),
    }
    let held = grace_seconds > 0 || !finalizers.is_empty() || is_held_namespace(object);
    if !held {
        return None;
    }
    let mut terminating = object.clone();
    object::set_finalizers(&mut terminating, &finalizers);
    begin_termination(core, &mut terminating, grace_seconds);
    Some(terminating)
}

fn is_held_namespace(object: &Value) -> bool {
    let held = object::texts(object::at_path(object, "spec.finalizers")).contains(&NAMESPACE_FINALIZER);
    held && object.get("kind").and_then(Value::as_str) == Some("Namespace")
}

fn begin_termination(core: &Core, object: &mut Value, grace_seconds: i64) {
    if object::is_terminating(object) {
        return;
    }
    let end = core.environment.now() + jiff::SignedDuration::from_secs(grace_seconds);
    object::set_meta(object, "deletionTimestamp", json!(end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    object::set_meta(object, "deletionGracePeriodSeconds", json!(grace_seconds));
    let generation =
        object::metadata(object).and_then(|fields| fields.get("generation")).and_then(Value::as_i64);
    if let Some(generation) = generation {
        object::set_meta(object, "generation", json!(generation + 1));
    }
    if is_held_namespace(object) {
        object::set_at_path(object, "status.phase", json!("Terminating"));
    }
}

struct Work<'a> {
    core: &'a Core,
    queue: VecDeque<(Key, Option<Arc<Value>>)>,
}

impl Work<'_> {
    fn settle_present(&mut self, key: &Key) {
        let Some(object) = self.core.store.get(key) else { return };
        if is_definition(key) {
            self.serve(&object);
        }
        if !object::is_terminating(&object) {
            self.drop_if_dangling(key, &object);
            return;
        }
        let finalizers = object::finalizers(&object);
        if finalizers.contains(&ORPHAN) {
            self.orphan_dependents(&object);
            self.remove_finalizer(key, ORPHAN);
        } else if finalizers.contains(&FOREGROUND) {
            self.delete_dependents(&object, Propagation::Foreground);
            self.finish_foreground(key, &object);
        }
        if key.resource == ResourceKey::namespaces() {
            self.empty_namespace(key);
        }
        if finalizers.contains(&CLEANUP) {
            self.empty_definition(key, &object);
        }
    }

    /// Something is gone: those it kept alive, and those who waited for it.
    fn settle_absent(&mut self, key: &Key, last: &Value) {
        self.delete_dependents(last, Propagation::Background);
        for owner in object::owner_references(last) {
            if let Some((key, owner)) = self.find_owner(&owner, &key.namespace) {
                self.finish_foreground(&key, &owner);
            }
        }
        if !key.namespace.is_empty() {
            let namespace = Key {
                resource: ResourceKey::namespaces(),
                namespace: String::new(),
                name: key.namespace.clone(),
            };
            self.finish_namespace(&namespace);
        }
        if let Some((definition, object)) = self.definition_behind(&key.resource) {
            self.finish_definition(&definition, &object);
        }
        if is_definition(key) {
            self.core.registry.remove(&defined(last));
        }
    }

    fn commit(&mut self, key: &Key, current: &Value, object: Option<Value>) {
        let expected = Expected::Revision(object::revision(current));
        let removes = object.is_none();
        let removed = self.core.store.commit(key, expected, object).ok().filter(|_| removes);
        // After losing to another writer the object is looked at again.
        self.queue.push_back((key.clone(), removed));
    }

    fn delete(&mut self, key: &Key, propagation: Propagation) {
        let Some(current) = self.core.store.get(key) else { return };
        if object::is_terminating(&current) {
            return;
        }
        let object = deleted(self.core, &current, propagation, 0);
        self.commit(key, &current, object);
    }

    fn remove_finalizer(&mut self, key: &Key, finalizer: &str) {
        let Some(current) = self.core.store.get(key) else { return };
        let rest: Vec<_> =
            object::finalizers(&current).into_iter().filter(|name| *name != finalizer).collect();
        if rest.is_empty() && !is_held_namespace(&current) {
            self.commit(key, &current, None);
            return;
        }
        let mut object = Value::clone(&current);
        object::set_finalizers(&mut object, &rest);
        self.commit(key, &current, Some(object));
    }
}

fn is_definition(key: &Key) -> bool {
    key.resource == ResourceKey::new(CRD_GROUP, "customresourcedefinitions")
}

/// The resource a definition defines.
fn defined(definition: &Value) -> ResourceKey {
    let text = |path: &str| object::at_path(definition, path).and_then(Value::as_str).unwrap_or_default();
    ResourceKey::new(text("spec.group"), text("spec.names.plural"))
}

/// Namespaces and definitions, which are emptied before they go.
mod containers;
/// Owners and their dependents.
mod owners;
