//! Owner references: the garbage collector's rules
//! (`k8s.io/kubernetes/pkg/controller/garbagecollector`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{FOREGROUND, Propagation, Work};
use crate::object::{self, OwnerReference};
use crate::store::Key;

/// What is known about an owner that an object names.
#[derive(PartialEq, Eq)]
enum Standing {
    /// It is there, or of a kind this server cannot judge.
    Solid,
    /// It is there and waits for its dependents to go first.
    Waiting,
    /// It is not there.
    Gone,
}

impl Work<'_> {
    /// Deletes what names this owner, or takes the owner off those that have another.
    pub(super) fn delete_dependents(&mut self, owner: &Value, propagation: Propagation) {
        for key in self.core.store.dependents(object::uid(owner)) {
            let Some(dependent) = self.core.store.get(&key) else { continue };
            if self.has_solid_owner(&key, &dependent) {
                if propagation == Propagation::Background {
                    self.disown(&key, &dependent, object::uid(owner));
                }
            } else {
                self.delete(&key, propagation);
            }
        }
    }

    /// Takes the owner off everything that names it.
    pub(super) fn orphan_dependents(&mut self, owner: &Value) {
        for key in self.core.store.dependents(object::uid(owner)) {
            if let Some(dependent) = self.core.store.get(&key) {
                self.disown(&key, &dependent, object::uid(owner));
            }
        }
    }

    /// Deletes an object all of whose owners are gone.
    pub(super) fn drop_if_dangling(&mut self, key: &Key, object: &Arc<Value>) {
        let owners = object::owner_references(object);
        let all_gone = owners.iter().all(|owner| self.standing(owner, &key.namespace) == Standing::Gone);
        if !owners.is_empty() && all_gone {
            self.delete(key, Propagation::Background);
        }
    }

    /// Lets an owner go that waited in the foreground, once no blocking dependent is left.
    pub(super) fn finish_foreground(&mut self, key: &Key, owner: &Value) {
        if !object::finalizers(owner).contains(&FOREGROUND) || !object::is_terminating(owner) {
            return;
        }
        let uid = object::uid(owner);
        let blocked = self.core.store.dependents(uid).iter().any(|dependent| {
            let object = self.core.store.get(dependent);
            object.is_some_and(|object| {
                object::owner_references(&object)
                    .iter()
                    .any(|owner| owner.uid == uid && owner.blocks_deletion)
            })
        });
        if !blocked {
            self.remove_finalizer(key, FOREGROUND);
        }
    }

    /// The owner that a reference names, in the namespace of the dependent or in none.
    pub(super) fn find_owner(
        &self,
        owner: &OwnerReference<'_>,
        namespace: &str,
    ) -> Option<(Key, Arc<Value>)> {
        let resource = self.core.registry.find_kind(owner.api_version, owner.kind)?;
        let namespace = if resource.namespaced { namespace } else { "" };
        let key = Key {
            resource: resource.key.clone(),
            namespace: namespace.to_owned(),
            name: owner.name.to_owned(),
        };
        let found = self.core.store.get(&key)?;
        (object::uid(&found) == owner.uid).then_some((key, found))
    }

    fn standing(&self, owner: &OwnerReference<'_>, namespace: &str) -> Standing {
        let Some(resource) = self.core.registry.find_kind(owner.api_version, owner.kind) else {
            return Standing::Solid;
        };
        // Which namespace a cluster-scoped object means cannot be told: such a reference never
        // deletes anything.
        if resource.namespaced && namespace.is_empty() {
            return Standing::Solid;
        }
        match self.find_owner(owner, namespace) {
            None => Standing::Gone,
            Some((_, found))
                if object::is_terminating(&found) && object::finalizers(&found).contains(&FOREGROUND) =>
            {
                Standing::Waiting
            }
            Some(_) => Standing::Solid,
        }
    }

    fn has_solid_owner(&self, key: &Key, dependent: &Value) -> bool {
        object::owner_references(dependent)
            .iter()
            .any(|owner| self.standing(owner, &key.namespace) == Standing::Solid)
    }

    fn disown(&mut self, key: &Key, dependent: &Arc<Value>, uid: &str) {
        let listed = object::metadata(dependent)
            .and_then(|fields| fields.get("ownerReferences"))
            .and_then(Value::as_array);
        let others: Vec<_> = listed
            .into_iter()
            .flatten()
            .filter(|owner| owner.get("uid").and_then(Value::as_str) != Some(uid))
            .cloned()
            .collect();
        let mut object = Value::clone(dependent);
        object::set_meta(
            &mut object,
            "ownerReferences",
            if others.is_empty() { Value::Null } else { json!(others) },
        );
        self.commit(key, dependent, Some(object));
    }
}
