//! Dataset: where data lives, and how it should be kept near the compute.
//!
//! One schema in two API groups (`fluid.io` and `data.fluid.io`); `runtimeProfile` may stand beside
//! `spec`, which is why the root type is written out instead of derived.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelector, Toleration};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, ValidationRule,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::core::{CustomResourceExt, NamespaceResourceScope};
use kube::{CustomResource, KubeSchema, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{EncryptOption, Share};

/// The API groups that serve Dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DatasetGroup {
    /// `fluid.io`, what the mission's manifests use.
    #[default]
    Fluid,
    /// `data.fluid.io`, what Fluid serves.
    DataFluid,
}

impl DatasetGroup {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fluid, Self::DataFluid];

    /// The group's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fluid => "fluid.io",
            Self::DataFluid => "data.fluid.io",
        }
    }
}

/// A Dataset of either group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dataset {
    /// `fluid.io/v1alpha1` or `data.fluid.io/v1alpha1`.
    pub api_version: String,
    /// `Dataset`.
    pub kind: String,
    /// The object's metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: DatasetSpec,
    /// The same as `spec.runtimeProfile`, where users write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_profile: Option<String>,
    /// What is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<DatasetStatus>,
}

impl Dataset {
    /// A Dataset of group `fluid.io`.
    #[must_use]
    pub fn new(name: &str, spec: DatasetSpec) -> Self {
        Self {
            api_version: Self::api_version(&DatasetGroup::Fluid).into_owned(),
            kind: "Dataset".to_owned(),
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            spec,
            runtime_profile: None,
            status: None,
        }
    }

    /// The profile that the user named, beside or inside `spec`.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        self.runtime_profile.as_deref().or(self.spec.runtime_profile.as_deref())
    }
}

impl Resource for Dataset {
    type DynamicType = DatasetGroup;
    type Scope = NamespaceResourceScope;

    fn kind(_: &DatasetGroup) -> Cow<'_, str> {
        "Dataset".into()
    }

    fn group(group: &DatasetGroup) -> Cow<'_, str> {
        group.name().into()
    }

    fn version(_: &DatasetGroup) -> Cow<'_, str> {
        "v1alpha1".into()
    }

    fn plural(_: &DatasetGroup) -> Cow<'_, str> {
        "datasets".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What a Dataset asks for.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "fluid.io",
    version = "v1alpha1",
    kind = "Dataset",
    root = "DatasetRoot",
    namespaced,
    status = "DatasetStatus",
    shortname = "dataset",
    shortname = "dset",
    category = "millrace",
    category = "fluid",
    doc = "Where data lives, and how it should be kept near the compute.",
    printcolumn(name = "Ufs Total Size", type_ = "string", json_path = ".status.ufsTotal"),
    printcolumn(name = "Cached", type_ = "string", json_path = ".status.cacheStates.cached"),
    printcolumn(name = "Cache Capacity", type_ = "string", json_path = ".status.cacheStates.cacheCapacity"),
    printcolumn(
        name = "Cached Percentage",
        type_ = "string",
        json_path = ".status.cacheStates.cachedPercentage"
    ),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Total Files", type_ = "string", json_path = ".status.fileNum", priority = 11),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct DatasetSpec {
    /// Where the data is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub mounts: Vec<Mount>,
    /// The profile of the cache in front of it; see the same field beside `spec`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub runtime_profile: Option<String>,
    /// `ReadOnlyMany` unless said; with `ReadWrite…` mounts may be written to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub access_modes: Vec<AccessMode>,
    /// Options for every mount.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub shared_options: BTreeMap<String, String>,
    /// Secret options for every mount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub shared_encrypt_options: Vec<EncryptOption>,
    /// Namespaces whose operations may name this Dataset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub shared_with: Vec<Share>,
    /// Where the cache may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<CacheNodeAffinity>,
    /// Taints that the cache puts up with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub tolerations: Vec<Toleration>,
}

/// Where the cache of a Dataset may be, as in Fluid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheNodeAffinity {
    /// Nodes must match this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<NodeSelector>,
}

/// How a Dataset may be used, as on a PersistentVolumeClaim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// Many readers.
    ReadOnlyMany,
    /// One node writes.
    ReadWriteOnce,
    /// Many nodes write.
    ReadWriteMany,
    /// One pod writes.
    ReadWriteOncePod,
}

/// One place that data comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// `s3://bucket/prefix`, `https://…`, `local:///abs`, `pvc://claim[/sub]`, `dataset://namespace/name[/sub]`, …
    #[schemars(length(min = 5, max = 2048))]
    #[x_kube(validation = Rule::new("self.contains('://')").message("a mount point is a URL such as s3://bucket/prefix, https://host/file, local:///absolute/path, pvc://claim or dataset://namespace/name"))]
    #[x_kube(validation = Rule::new("!self.startsWith('local://') || self.startsWith('local:///')").message("local:// takes an absolute path: local:///data/digits"))]
    #[x_kube(validation = Rule::new("!self.matches('(^|/)[.][.](/|$)')").message("a mount point may not contain '..'"))]
    pub mount_point: String,
    /// Name of the mount.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub name: String,
    /// Where it is inside the Dataset; `/<name>` unless said, `/` for a single mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = Rule::new("self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')").message("a path begins with '/' and may not contain '..'"))]
    pub path: Option<String>,
    /// Never written to, whatever the access modes.
    #[serde(default, skip_serializing_if = "crate::operation::is_false")]
    pub read_only: bool,
    /// Options of the store, with Alluxio's and JuiceFS's spellings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub options: BTreeMap<String, String>,
    /// Options whose values are in Secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub encrypt_options: Vec<EncryptOption>,
}

/// Fluid's words for where a Dataset stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DatasetPhase {
    /// Nothing serves it yet.
    #[default]
    NotBound,
    /// It is being set up.
    Pending,
    /// It can be used.
    Bound,
    /// It cannot be used; `conditions` say why.
    Failed,
    /// Its mounts are changing.
    Updating,
    /// Data is being moved into it.
    DataMigrating,
}

impl std::fmt::Display for DatasetPhase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NotBound => "NotBound",
            Self::Pending => "Pending",
            Self::Bound => "Bound",
            Self::Failed => "Failed",
            Self::Updating => "Updating",
            Self::DataMigrating => "DataMigrating",
        })
    }
}

/// What is known of a Dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatasetStatus {
    /// Where it stands.
    #[serde(default)]
    pub phase: DatasetPhase,
    /// Size of the source, such as `1.80GiB`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub ufs_total: String,
    /// Files in the source.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub file_num: String,
    /// How much of it is cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_states: Option<CacheStates>,
    /// The profile that was chosen, and why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub profile: String,
    /// What each node holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4096), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub nodes: Vec<NodeCache>,
    /// Ready, RuntimeReady, Accessible.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// How much of a Dataset is cached, in Fluid's way of writing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheStates {
    /// `1.20GiB`.
    #[schemars(length(max = 32))]
    pub cached: String,
    /// Room for the cache, such as `200.00GiB`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub cache_capacity: String,
    /// `66.7%`.
    #[schemars(length(max = 16))]
    pub cached_percentage: String,
}

/// What one node holds of a Dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeCache {
    /// The node.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Bytes of whole files.
    pub cached_bytes: i64,
    /// Whole files.
    pub cached_files: i64,
}

/// Dataset's CRDs, one per group.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    DatasetGroup::ALL.into_iter().map(crd).collect()
}

fn crd(group: DatasetGroup) -> CustomResourceDefinition {
    let mut crd = DatasetRoot::crd();
    crd.metadata.name = Some(format!("datasets.{}", group.name()));
    crd.spec.group = group.name().to_owned();
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for root in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        add_root_profile(root);
    }
    crd
}

/// `runtimeProfile` beside `spec`, and the rule that both spellings agree.
fn add_root_profile(root: &mut JSONSchemaProps) {
    let profile = JSONSchemaProps {
        type_: Some("string".to_owned()),
        description: Some(
            "The same as spec.runtimeProfile: the profile of the cache in front of the data.".to_owned(),
        ),
        min_length: Some(1),
        max_length: Some(253),
        ..JSONSchemaProps::default()
    };
    root.properties.get_or_insert_default().insert("runtimeProfile".to_owned(), profile);
    root.x_kubernetes_validations.get_or_insert_default().push(ValidationRule {
        rule: "!has(self.runtimeProfile) || !has(self.spec.runtimeProfile) || self.runtimeProfile == self.spec.runtimeProfile"
            .to_owned(),
        message: Some("runtimeProfile and spec.runtimeProfile are the same field in two places: give one, or the same value".to_owned()),
        ..ValidationRule::default()
    });
}
