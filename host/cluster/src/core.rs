//! What the verbs work on: the store, the registry, time and identifiers; and the one way to write,
//! which also settles what follows from a write.

use std::sync::Arc;

use serde_json::Value;

use crate::cascade;
use crate::environment::Environment;
use crate::registry::{Registry, Resource};
use crate::status::Refusal;
use crate::store::{Expected, Key, Stale, Store};

/// How often a change is tried again because another writer was faster.
const ATTEMPTS: usize = 64;

/// The parts of a server.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<Store>,
    pub(crate) registry: Registry,
    pub(crate) environment: Environment,
}

/// What becomes of a stored object.
pub(crate) enum Change {
    /// It is replaced.
    Replace(Value),
    /// It is removed.
    Remove,
    /// It stays as it is.
    Keep,
}

impl Core {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { store: Arc::new(Store::default()), registry: Registry::new(), environment }
    }

    /// Writes or removes an object and settles the consequences: dependents, namespaces, definitions.
    pub(crate) fn commit(
        &self,
        key: &Key,
        expected: Expected,
        object: Option<Value>,
    ) -> Result<Arc<Value>, Stale> {
        let removes = object.is_none();
        let written = self.store.commit(key, expected, object)?;
        cascade::settle(self, key.clone(), removes.then(|| Arc::clone(&written)));
        Ok(written)
    }

    /// The object under a key, or the refusal that it is not there.
    pub(crate) fn require(&self, resource: &Resource, key: &Key) -> Result<Arc<Value>, Refusal> {
        self.store.get(key).ok_or_else(|| Refusal::not_found(resource, &key.name))
    }

    /// Changes the object under a key: reads, decides, writes if nobody else wrote in between, and
    /// else begins again. Gives the object as it was last.
    pub(crate) fn modify(
        &self,
        resource: &Resource,
        key: &Key,
        decide: impl Fn(&Arc<Value>) -> Result<Change, Refusal>,
    ) -> Result<Arc<Value>, Refusal> {
        for _ in 0..ATTEMPTS {
            let current = self.require(resource, key)?;
            let object = match decide(&current)? {
                Change::Keep => return Ok(current),
                Change::Replace(object) => Some(object),
                Change::Remove => None,
            };
            let expected = Expected::Revision(crate::object::revision(&current));
            if let Ok(written) = self.commit(key, expected, object) {
                return Ok(written);
            }
        }
        Err(Refusal::stale(resource, &key.name))
    }
}
