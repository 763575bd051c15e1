//! How answers are shown: whole objects, their metadata alone, or rows of a table.

mod table;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::call::View;
use crate::core::Core;
use crate::registry::Resource;

/// One object.
pub(crate) fn object<'a>(
    view: View,
    core: &Core,
    resource: &Resource,
    object: &'a Arc<Value>,
) -> Cow<'a, Value> {
    match view {
        View::Whole => Cow::Borrowed(object),
        View::Metadata => Cow::Owned(metadata_only(object)),
        View::Table => {
            let version = object.get("metadata").and_then(|fields| fields.get("resourceVersion")).cloned();
            let metadata = json!({"resourceVersion": version});
            Cow::Owned(table::table(core, resource, std::slice::from_ref(object), metadata))
        }
    }
}

/// A list of objects, as text: the objects are written as they are stored, without a copy.
pub(crate) fn list(
    view: View,
    core: &Core,
    resource: &Resource,
    objects: &[Arc<Value>],
    mut metadata: Value,
) -> String {
    let (api_version, kind) = match view {
        View::Table => return table::table(core, resource, objects, metadata).to_string(),
        View::Whole => (resource.api_version(), resource.list_kind.clone()),
        View::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned()),
    };
    // Lists of custom resources say also that there is no next page.
    if let (View::Whole, Some(_), Some(fields)) = (view, &resource.schema, metadata.as_object_mut()) {
        fields.entry("continue").or_insert_with(|| json!(""));
    }
    let mut text = format!(
        "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{metadata},\"items\":[",
        json!(kind),
        json!(api_version)
    );
    for (position, item) in objects.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&object(view, core, resource, item).to_string());
    }
    text.push_str("]}");
    text
}

fn metadata_only(object: &Value) -> Value {
    let metadata = object.get("metadata").cloned().unwrap_or_else(|| json!({}));
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata})
}
