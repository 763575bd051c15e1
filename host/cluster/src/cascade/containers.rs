//! Namespaces and CustomResourceDefinitions: both contain objects, serve or hold them while they
//! are there, and are emptied before they go.

use std::sync::Arc;

use serde_json::Value;

use super::{CLEANUP, NAMESPACE_FINALIZER, Propagation, Work, defined, definition_of};
use crate::object;
use crate::registry::{CRD_GROUP, ResourceKey};
use crate::store::Key;

impl Work<'_> {
    /// Serves the resources of a definition. It was checked before it was stored.
    pub(super) fn serve(&mut self, definition: &Value) {
        if let Ok(definition) = definition_of(definition) {
            self.core.registry.install(definition);
        }
    }

    /// Deletes everything in a namespace that is being deleted.
    pub(super) fn empty_namespace(&mut self, namespace: &Key) {
        for key in self.core.store.keys_in(&namespace.name) {
            self.delete(&key, Propagation::Background);
        }
        self.finish_namespace(namespace);
    }

    /// Removes a namespace that is being deleted once it is empty.
    pub(super) fn finish_namespace(&mut self, key: &Key) {
        let Some(namespace) = self.core.store.get(key) else { return };
        let emptied = object::is_terminating(&namespace) && self.core.store.keys_in(&key.name).is_empty();
        let held = object::texts(object::at_path(&namespace, "spec.finalizers"));
        if !emptied || held.iter().any(|name| *name != NAMESPACE_FINALIZER) {
            return;
        }
        if object::finalizers(&namespace).is_empty() {
            self.commit(key, &namespace, None);
        }
    }

    /// Deletes every object of a definition that is being deleted.
    pub(super) fn empty_definition(&mut self, key: &Key, definition: &Arc<Value>) {
        let resource = defined(definition);
        for object in self.core.store.list(&resource, None).objects {
            let key = Key {
                resource: resource.clone(),
                namespace: object::namespace(&object).to_owned(),
                name: object::name(&object).to_owned(),
            };
            self.delete(&key, Propagation::Background);
        }
        self.finish_definition(key, definition);
    }

    /// Lets a definition go that is being deleted and has no objects left.
    pub(super) fn finish_definition(&mut self, key: &Key, definition: &Arc<Value>) {
        let empty = self.core.store.list(&defined(definition), None).objects.is_empty();
        if object::is_terminating(definition) && empty && object::finalizers(definition).contains(&CLEANUP) {
            self.remove_finalizer(key, CLEANUP);
        }
    }

    /// The stored definition of a custom resource.
    pub(super) fn definition_behind(&self, resource: &ResourceKey) -> Option<(Key, Arc<Value>)> {
        let key = Key {
            resource: ResourceKey::new(CRD_GROUP, "customresourcedefinitions"),
            namespace: String::new(),
            name: resource.name().to_owned(),
        };
        let definition = self.core.store.get(&key)?;
        Some((key, definition))
    }
}
