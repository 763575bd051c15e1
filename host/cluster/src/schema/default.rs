//! Filling in what was left out, from the schema's defaults.

use serde_json::Value;

use super::{Node, Values};

/// Fills in an object of the API: its metadata has no defaults.
pub(super) fn default_object(root: &Node, object: &mut Value) {
    let Some(fields) = object.as_object_mut() else { return };
    for (name, node) in root.properties.iter().filter(|(name, _)| *name != "metadata") {
        default_field(node, name, fields);
    }
}

fn default_value(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, property) in &node.properties {
                default_field(property, name, fields);
            }
            if let Values::Of(of) = &node.values {
                fields.values_mut().for_each(|value| default_element(of, value));
            }
        }
        Value::Array(elements) => {
            if let Some(items) = &node.items {
                elements.iter_mut().for_each(|element| default_element(items, element));
            }
        }
        _ => {}
    }
}

fn default_field(node: &Node, name: &str, fields: &mut serde_json::Map<String, Value>) {
    let missing = fields.get(name).is_none_or(|value| value.is_null() && !node.nullable);
    if let (true, Some(default)) = (missing, &node.default) {
        fields.insert(name.to_owned(), default.clone());
    }
    if let Some(value) = fields.get_mut(name) {
        default_value(node, value);
    }
}

fn default_element(node: &Node, value: &mut Value) {
    if let (true, false, Some(default)) = (value.is_null(), node.nullable, &node.default) {
        *value = default.clone();
    }
    default_value(node, value);
}
