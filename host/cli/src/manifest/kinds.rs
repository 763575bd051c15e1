//! Which kinds a manifest may hold, and the schema of each.

use std::cell::OnceCell;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use millrace_cluster::schema::Schema;

/// Kinds that Millrace makes for itself: a manifest that holds one is a mistake.
const INTERNAL: [&str; 2] = ["NodeTask", "CacheNode"];
/// Built-in kinds that operations and datasets may need: (apiVersion, kind, plural, namespaced).
const BUILT_IN: [(&str, &str, &str, bool); 5] = [
    ("v1", "Namespace", "namespaces", false),
    ("v1", "Secret", "secrets", true),
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
];

/// One kind in one version.
pub struct Kind {
    /// `data.fluid.io/v1alpha1`, or `v1`.
    pub api_version: String,
    /// `DataLoad`.
    pub kind: String,
    /// `dataloads`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    definition: Option<CustomResourceDefinition>,
    schema: OnceCell<Option<Schema>>,
}

impl Kind {
    /// What its objects must look like; none for built-in kinds. Compiled when first asked for.
    pub fn schema(&self) -> Option<&Schema> {
        let compiled = self.schema.get_or_init(|| {
            let version = self.api_version.rsplit('/').next().unwrap_or_default();
            let definition = self.definition.as_ref()?;
            Schema::of_version(definition, version).ok().flatten()
        });
        compiled.as_ref()
    }
}

/// Every kind that a manifest may hold.
pub struct Kinds(Vec<Kind>);

impl Kinds {
    /// Millrace's own and the built-in ones that go with them.
    pub fn new() -> Self {
        let ours = millrace_crds::all().iter().cloned().flat_map(versions);
        let built_in = BUILT_IN.iter().map(|&(api_version, kind, plural, namespaced)| Kind {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespaced,
            definition: None,
            schema: OnceCell::new(),
        });
        Self(ours.chain(built_in).collect())
    }

    /// The kind of this name in this version.
    pub fn find(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        self.0.iter().find(|known| known.api_version == api_version && known.kind == kind)
    }

    /// The names of the kinds of one apiVersion.
    pub fn of(&self, api_version: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|known| known.api_version == api_version)
            .map(|known| known.kind.as_str())
            .collect()
    }

    /// The apiVersions that have a kind of this name.
    pub fn versions_of(&self, kind: &str) -> Vec<&str> {
        self.0.iter().filter(|known| known.kind == kind).map(|known| known.api_version.as_str()).collect()
    }

    /// Every apiVersion, once.
    pub fn api_versions(&self) -> Vec<&str> {
        let mut versions: Vec<_> = self.0.iter().map(|known| known.api_version.as_str()).collect();
        versions.sort_unstable();
        versions.dedup();
        versions
    }
}

fn versions(definition: CustomResourceDefinition) -> Vec<Kind> {
    if INTERNAL.contains(&definition.spec.names.kind.as_str()) {
        return Vec::new();
    }
    let versions: Vec<_> = definition.spec.versions.iter().filter(|version| version.served).collect();
    let kind = |version: &str| Kind {
        api_version: format!("{}/{version}", definition.spec.group),
        kind: definition.spec.names.kind.clone(),
        plural: definition.spec.names.plural.clone(),
        namespaced: definition.spec.scope == "Namespaced",
        definition: Some(definition.clone()),
        schema: OnceCell::new(),
    };
    versions.into_iter().map(|version| kind(&version.name)).collect()
}
