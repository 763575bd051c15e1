//! What operations may name, as plain data: datasets, modules, profiles. Filled at the edge, read here.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use millrace_crds::{Dataset, ProcessorModule, RuntimeProfile};
use serde_json::Value;

use crate::name::Name;
use crate::refusal::Missing;

/// A module that is part of this program.
#[derive(Debug, Clone, PartialEq)]
pub struct ShippedModule {
    /// Its reserved name, such as `split`.
    pub name: String,
    /// SemVer.
    pub version: String,
    /// `sha256:<64 hex>` of its bytes.
    pub digest: String,
    /// Its descriptor, with `params_schema`.
    pub descriptor: Value,
}

/// What can be named. Of two Datasets of one name in both groups the older is here.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Datasets.
    pub datasets: BTreeMap<Name, Arc<Dataset>>,
    /// Uploaded modules.
    pub modules: BTreeMap<Name, Arc<ProcessorModule>>,
    /// Profiles of caches.
    pub profiles: BTreeMap<String, Arc<RuntimeProfile>>,
    /// Modules that are part of this program.
    pub shipped: Arc<[ShippedModule]>,
    /// No cluster: no Jobs, no claims, no cache but ours.
    pub laptop: bool,
    /// What becomes of an operation whose objects are not there.
    pub missing: Missing,
}

impl Catalog {
    /// Adds a Dataset; of two of one name the older stays (see [`older`]).
    pub fn add_dataset(&mut self, dataset: Arc<Dataset>) {
        let metadata = &dataset.metadata;
        let name = Name::new(
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        );
        match self.datasets.get(&name) {
            Some(there) if older(there, &dataset) => {}
            _ => {
                self.datasets.insert(name, dataset);
            }
        }
    }

    /// Names of Datasets in a namespace, for near misses.
    pub fn dataset_names<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a str> {
        let inside = self.datasets.keys().filter(move |name| name.namespace == namespace);
        inside.map(|name| name.name.as_str())
    }
}

/// Whether `left` has the name that both claim: the older, and of two of one second the one of the
/// group that sorts first, so that every controller answers alike.
#[must_use]
pub fn older(left: &Dataset, right: &Dataset) -> bool {
    let age = |dataset: &Dataset| {
        let created = dataset.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
        (created, dataset.api_version.clone(), dataset.metadata.uid.clone())
    };
    age(left) <= age(right)
}
