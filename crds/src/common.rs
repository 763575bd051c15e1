//! Pieces that several kinds share: references, secrets, phases.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value that comes from a Secret, as in Fluid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncryptOption {
    /// The option it becomes, such as `aws.secretKey`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Where the value is.
    pub value_from: EncryptOptionSource,
}

/// Where an [`EncryptOption`] finds its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncryptOptionSource {
    /// A key of a Secret in the object's namespace.
    pub secret_key_ref: SecretKeyRef,
}

/// A key of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in its data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub key: String,
}

/// A namespace that may use an object, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The namespace that is let in.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// What it may do.
    #[serde(default)]
    pub access: Access,
}

/// What a namespace may do with a shared object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Access {
    /// Read it.
    #[default]
    Read,
    /// Read it and write to it.
    Write,
}

/// Where an operation, or a task of one, stands. Fluid's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Waits; `status.waitingFor` says for what.
    #[default]
    Pending,
    /// At work.
    Executing,
    /// Ended well.
    Complete,
    /// Ended badly; `reason` and `message` say why.
    Failed,
    /// Held back by `suspend`.
    Suspended,
}

impl Phase {
    /// Whether nothing will happen any more.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Failed)
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Pending => "Pending",
            Self::Executing => "Executing",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
            Self::Suspended => "Suspended",
        })
    }
}

/// How far something is. Counts only rise within one attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is being done now, such as `load`, `fit`, `assign`, `publish`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub stage: String,
    /// Bytes read or fetched so far.
    #[serde(default)]
    pub bytes_done: i64,
    /// Bytes to read or fetch in all; 0 while unknown.
    #[serde(default)]
    pub bytes_total: i64,
    /// Rows seen so far.
    #[serde(default)]
    pub rows_done: i64,
    /// Files finished so far.
    #[serde(default)]
    pub files_done: i64,
}

/// One output as it was published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputStatus {
    /// The output's name: `train`, `data`, a group's key; `model` for what was learnt.
    #[schemars(length(max = 253))]
    pub port: String,
    /// Where it is, as the processor's paths read: `/digits/split/train`.
    #[schemars(length(max = 4096))]
    pub path: String,
    /// The same place as a URL: `local:///tmp/digits/split/train`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub url: String,
    /// The Dataset that it was made into (`outputs[].dataset`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub dataset: Option<String>,
    /// Part files.
    pub files: i64,
    /// Rows.
    pub rows: i64,
    /// Bytes.
    pub bytes: i64,
    /// BLAKE3 of the manifest that names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub manifest: String,
}
