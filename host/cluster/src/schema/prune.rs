//! Dropping the fields a schema does not know, and naming them.

use serde_json::Value;

use super::{FieldError, Node, Values};

/// The fields of `ObjectMeta`.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Prunes an object of the API: `apiVersion`, `kind` and `metadata` belong to every one.
pub(super) fn prune_object(root: &Node, object: &mut Value) -> Vec<FieldError> {
    let mut unknown = Vec::new();
    prune_embedded(root, object, "", &mut unknown);
    unknown
}

fn prune_embedded(node: &Node, value: &mut Value, path: &str, unknown: &mut Vec<FieldError>) {
    let Some(fields) = value.as_object_mut() else { return };
    let envelope: Vec<_> =
        ["apiVersion", "kind", "metadata"].into_iter().filter_map(|name| fields.remove_entry(name)).collect();
    prune_fields(node, fields, path, unknown);
    for (name, mut value) in envelope {
        if name == "metadata" {
            prune_metadata(&mut value, &join(path, &name), unknown);
        }
        fields.insert(name, value);
    }
}

fn prune_metadata(metadata: &mut Value, path: &str, unknown: &mut Vec<FieldError>) {
    let Some(fields) = metadata.as_object_mut() else { return };
    fields.retain(|name, _| {
        let known = METADATA.contains(&name.as_str());
        if !known {
            unknown.push(FieldError::unknown(&join(path, name), METADATA.map(str::to_owned).to_vec()));
        }
        known
    });
}

fn prune_value(node: &Node, value: &mut Value, path: &str, unknown: &mut Vec<FieldError>) {
    match value {
        Value::Object(_) if node.embedded => prune_embedded(node, value, path, unknown),
        Value::Object(fields) => prune_fields(node, fields, path, unknown),
        Value::Array(elements) => {
            let Some(items) = &node.items else { return };
            for (position, element) in elements.iter_mut().enumerate() {
                prune_value(items, element, &format!("{path}[{position}]"), unknown);
            }
        }
        _ => {}
    }
}

fn prune_fields(
    node: &Node,
    fields: &mut serde_json::Map<String, Value>,
    path: &str,
    unknown: &mut Vec<FieldError>,
) {
    // A value whose type is wrong is left for validation to report.
    fields.retain(|name, value| {
        let place = join(path, name);
        if let Some(property) = node.properties.get(name) {
            prune_value(property, value, &place, unknown);
            return true;
        }
        match &node.values {
            Values::Of(of) => prune_value(of, value, &place, unknown),
            Values::Any => {}
            Values::Unknown if node.preserve_unknown => {}
            Values::Unknown => {
                unknown.push(FieldError::unknown(&place, node.properties.keys().cloned().collect()));
                return false;
            }
        }
        true
    });
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
