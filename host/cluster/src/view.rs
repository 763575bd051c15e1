//! How answers are shown: whole objects, their metadata alone, or rows of a table.

mod table;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::call::View;
use crate::core::Core;
use crate::registry::Resource;

/// One object.
pub(crate) fn object(view: View, core: &Core, resource: &Resource, object: &Arc<Value>) -> Value {
    match view {
        View::Whole => Value::clone(object),
        View::Metadata => metadata_only(object),
        View::Table => {
            let version = object.get("metadata").and_then(|fields| fields.get("resourceVersion")).cloned();
            table::table(core, resource, std::slice::from_ref(object), json!({"resourceVersion": version}))
        }
    }
}

/// A list of objects.
pub(crate) fn list(
    view: View,
    core: &Core,
    resource: &Resource,
    objects: &[Arc<Value>],
    metadata: Value,
) -> Value {
    let (api_version, kind) = match view {
        View::Table => return table::table(core, resource, objects, metadata),
        View::Whole => (resource.api_version(), resource.list_kind.clone()),
        View::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned()),
    };
    let items: Vec<_> = objects.iter().map(|item| object(view, core, resource, item)).collect();
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items})
}

fn metadata_only(object: &Value) -> Value {
    let metadata = object.get("metadata").cloned().unwrap_or_else(|| json!({}));
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata})
}
