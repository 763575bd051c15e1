//! Which resources the server knows: the built-in kinds and those that CustomResourceDefinitions
//! add. One entry per served version; versions of one resource share their stored objects.

mod builtin;
mod crd;
mod typed;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

pub(crate) use crd::{Definition, definition_of};
pub(crate) use typed::prune as prune_typed;

use crate::schema::Schema;

/// The group of CustomResourceDefinitions.
pub(crate) const CRD_GROUP: &str = "apiextensions.k8s.io";

/// Names a resource whatever its version: `PLURAL.GROUP`. The key its objects are stored under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ResourceKey(Arc<str>);

impl ResourceKey {
    pub(crate) fn new(group: &str, plural: &str) -> Self {
        Self(format!("{plural}.{group}").into())
    }

    /// `PLURAL.GROUP`: the name of its definition, if it is a custom resource.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// The key of namespaces, which other resources depend on.
    pub(crate) fn namespaces() -> Self {
        Self::new("", "namespaces")
    }
}

/// One served version of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) key: ResourceKey,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) list_kind: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// The `apiVersion` that stored objects carry.
    pub(crate) storage_api_version: String,
    pub(crate) status: bool,
    pub(crate) scale: Option<Scale>,
    /// Whether `metadata.generation` is kept.
    pub(crate) generation: bool,
    /// Whether deletion without a policy leaves dependents behind (Jobs, for history's sake).
    pub(crate) orphans_by_default: bool,
    /// The schema of a custom resource; built-in kinds have none.
    pub(crate) schema: Option<Arc<Schema>>,
    /// The Rust type of a built-in kind, as a check of what is written.
    pub(crate) reader: Option<typed::Reader>,
    /// Field paths without the leading dot, for field selectors.
    pub(crate) selectable: Vec<String>,
    pub(crate) columns: Vec<Column>,
}

/// The paths of the scale subresource.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub(crate) spec_replicas: String,
    pub(crate) status_replicas: String,
    pub(crate) selector: Option<String>,
}

/// A column of the table that `kubectl get` prints.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) description: String,
    pub(crate) priority: i64,
    pub(crate) path: String,
}

impl Resource {
    /// `GROUP/VERSION`, or `VERSION` in the core group.
    pub(crate) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// `PLURAL.GROUP` as messages name a resource.
    pub(crate) fn qualified_plural(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `KIND.GROUP` as messages name a kind.
    pub(crate) fn qualified_kind(&self) -> String {
        qualified(&self.kind, &self.group)
    }

    /// Whether a field selector may use this path.
    pub(crate) fn can_select(&self, path: &str) -> bool {
        matches!(path, "metadata.name" | "metadata.namespace")
            || self.selectable.iter().any(|selectable| selectable == path)
    }

    /// Whether objects of this resource define other resources.
    pub(crate) fn is_crd(&self) -> bool {
        self.group == CRD_GROUP && self.plural == "customresourcedefinitions"
    }

    /// Whether objects of this resource are namespaces.
    pub(crate) fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.plural == "namespaces"
    }
}

pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn qualified(word: &str, group: &str) -> String {
    if group.is_empty() { word.to_owned() } else { format!("{word}.{group}") }
}

/// Every served resource, by group, version and plural.
#[derive(Debug)]
pub(crate) struct Registry {
    resources: RwLock<BTreeMap<(String, String, String), Arc<Resource>>>,
}

impl Registry {
    /// The built-in kinds.
    pub(crate) fn new() -> Self {
        let resources =
            builtin::resources().into_iter().map(|resource| (index(&resource), Arc::new(resource)));
        Self { resources: RwLock::new(resources.collect()) }
    }

    /// The resource served at these three names.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        let index = (group.to_owned(), version.to_owned(), plural.to_owned());
        self.read().get(&index).cloned()
    }

    /// The resource whose objects say this `apiVersion` and `kind`.
    pub(crate) fn find_kind(&self, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
        let wanted =
            |resource: &&Arc<Resource>| resource.kind == kind && resource.api_version() == api_version;
        self.read().values().find(wanted).cloned()
    }

    /// Every resource, ordered by group, version and plural.
    pub(crate) fn all(&self) -> Vec<Arc<Resource>> {
        self.read().values().cloned().collect()
    }

    /// Serves the versions of a definition in place of those that it had.
    pub(crate) fn install(&self, definition: Definition) {
        let mut resources = self.resources.write().unwrap_or_else(PoisonError::into_inner);
        resources.retain(|_, resource| resource.key != definition.key);
        resources
            .extend(definition.versions.into_iter().map(|resource| (index(&resource), Arc::new(resource))));
    }

    /// Stops serving a resource.
    pub(crate) fn remove(&self, key: &ResourceKey) {
        self.resources
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, resource| resource.key != *key);
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<(String, String, String), Arc<Resource>>> {
        self.resources.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index(resource: &Resource) -> (String, String, String) {
    (resource.group.clone(), resource.version.clone(), resource.plural.clone())
}

/// The object as this version of its resource shows it.
pub(crate) fn in_version(resource: &Resource, object: &Arc<Value>) -> Arc<Value> {
    let wanted = resource.api_version();
    if object.get("apiVersion").and_then(Value::as_str) == Some(wanted.as_str()) {
        return Arc::clone(object);
    }
    let mut shown = Value::clone(object);
    builtin::convert(&mut shown, &wanted);
    Arc::new(shown)
}

/// The object as it is stored.
pub(crate) fn to_storage(resource: &Resource, object: &mut Value) {
    if resource.storage_api_version != resource.api_version() {
        builtin::convert(object, &resource.storage_api_version);
    }
}
