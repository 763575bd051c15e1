//! Values that are kept exactly as given: pod templates of any version, module parameters.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A JSON object whose fields an API server keeps without knowing them.
///
/// A PodSpec is written for the Kubernetes that runs it, which may be newer than this program; it
/// is checked by a dry-run create of what it becomes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawObject(pub serde_json::Map<String, serde_json::Value>);

impl JsonSchema for RawObject {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
    }
}
