//! DataProcess: Fluid's older spelling of a DataProcessing over one dataset with a container.

use k8s_openapi::api::core::v1::{EnvVar, ResourceRequirements, Volume, VolumeMount};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::data_processing::{DataProcessingSpec, DatasetUse, Processor};
use crate::operation::{self, OperationFields, OperationStatus, PodMetadata};
use crate::raw::RawObject;

/// What a DataProcess asks for, in Fluid's words.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "data.fluid.io",
    version = "v1alpha1",
    kind = "DataProcess",
    plural = "dataprocesses",
    namespaced,
    status = "OperationStatus",
    category = "millrace",
    derive = "PartialEq",
    validation = operation::cron_has_a_schedule(),
    validation = operation::schedules_are_cron(),
    validation = operation::order_is_fixed_once_started(),
    doc = "Fluid's spelling of a DataProcessing over one dataset with a container.",
    printcolumn(name = "Dataset", type_ = "string", json_path = ".spec.dataset.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration")
)]
#[serde(rename_all = "camelCase")]
pub struct DataProcessSpec {
    /// The dataset, and where the container sees it.
    #[x_kube(validation = Rule::new("self == oldSelf").message("what an operation works on cannot be edited: create a new DataProcess"))]
    pub dataset: DataProcessDataset,
    /// What runs.
    #[x_kube(validation = Rule::new("has(self.job) != has(self.script)").message("give exactly one of processor.job or processor.script"))]
    pub processor: DataProcessProcessor,
    /// What every operation has.
    #[serde(flatten)]
    pub operation: OperationFields,
}

/// The dataset of a DataProcess.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.subPath) || self.subPath == ''")
    .message("dataset.subPath is not supported: name a Dataset whose mount ends in that folder"))]
pub struct DataProcessDataset {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; the operation's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Where the container sees it.
    #[schemars(length(max = 1024))]
    #[x_kube(validation = Rule::new("self.size() > 1 && self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')")
        .message("mountPath begins with '/', is more than that, and may not contain '..'; a dataset that is not mounted is not supported"))]
    pub mount_path: String,
    /// Not supported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub sub_path: Option<String>,
}

/// What a DataProcess runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataProcessProcessor {
    /// The account that the pod runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub service_account_name: Option<String>,
    /// Labels and annotations of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<PodMetadata>,
    /// A whole PodSpec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<DataProcessJob>,
    /// A script in an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<DataProcessScript>,
}

/// A whole PodSpec.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataProcessJob {
    /// As on a pod.
    pub pod_spec: RawObject,
}

/// A script in an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataProcessScript {
    /// The image.
    #[schemars(length(min = 1, max = 1024))]
    pub image: String,
    /// Its tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub image_tag: Option<String>,
    /// When it is pulled, as on a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub image_pull_policy: Option<String>,
    /// Never or OnFailure; Never unless said.
    #[serde(default)]
    pub restart_policy: ScriptRestartPolicy,
    /// What reads the script; `bash` unless said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub command: Vec<String>,
    /// The script.
    #[schemars(length(min = 1, max = 262_144))]
    pub source: String,
    /// Its environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub env: Vec<EnvVar>,
    /// What else it sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub volume_mounts: Vec<VolumeMount>,
    /// What else the pod has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub volumes: Vec<Volume>,
    /// Requests and limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
}

/// What happens to a script's container that ends badly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScriptRestartPolicy {
    /// The pod failed.
    #[default]
    Never,
    /// It is started again.
    OnFailure,
}

impl DataProcessSpec {
    /// The same in the newer spelling.
    #[must_use]
    pub fn processing(&self) -> DataProcessingSpec {
        let processor = &self.processor;
        let mut pod = match (&processor.job, &processor.script) {
            (Some(job), _) => job.pod_spec.0.clone(),
            (None, Some(script)) => script.pod(),
            (None, None) => Map::new(),
        };
        if let Some(account) = &processor.service_account_name {
            pod.entry("serviceAccountName").or_insert_with(|| json!(account));
        }
        let mut operation = self.operation.clone();
        operation.pod_metadata = processor.pod_metadata.clone().or(operation.pod_metadata);
        DataProcessingSpec {
            datasets: vec![DatasetUse {
                name: self.dataset.name.clone(),
                namespace: self.dataset.namespace.clone(),
                path: self.dataset.mount_path.clone(),
            }],
            processor: Processor { spec: Some(RawObject(pod)), ..Processor::default() },
            outputs: Vec::new(),
            operation,
        }
    }
}

impl DataProcessScript {
    /// The pod that runs it: the script is its interpreter's last argument.
    fn pod(&self) -> Map<String, Value> {
        let tag = self.image_tag.as_deref().filter(|tag| !tag.is_empty());
        let image = tag.map_or_else(|| self.image.clone(), |tag| format!("{}:{tag}", self.image));
        let command = if self.command.is_empty() { vec!["bash".to_owned()] } else { self.command.clone() };
        let mut container = json!({
            "name": "script", "image": image, "command": command, "args": ["-c", self.source],
            "env": self.env, "volumeMounts": self.volume_mounts,
        });
        if let (Some(policy), Some(fields)) = (&self.image_pull_policy, container.as_object_mut()) {
            fields.insert("imagePullPolicy".to_owned(), json!(policy));
        }
        if let (Some(resources), Some(fields)) = (&self.resources, container.as_object_mut()) {
            fields.insert("resources".to_owned(), json!(resources));
        }
        let pod = json!({
            "restartPolicy": self.restart_policy, "containers": [container], "volumes": self.volumes,
        });
        pod.as_object().cloned().unwrap_or_default()
    }
}
