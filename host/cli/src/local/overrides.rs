//! What the command line changes in the manifests' objects before they are applied.

use millrace_crds::names::ANNOTATION_FRESH;
use serde_json::{Value, json};

use crate::manifest::Document;

/// Changes for every operation of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides {
    /// Compute again what was published before.
    pub fresh: bool,
    /// Cut partitions of this size.
    pub partition_bytes: Option<i64>,
}

/// Makes the changes.
pub fn apply(documents: &mut [Document], overrides: Overrides) {
    for document in documents.iter_mut().filter(|document| document.is_operation()) {
        if overrides.fresh {
            set(&mut document.object, &["metadata", "annotations", ANNOTATION_FRESH], json!("true"));
        }
        let is_wasm = document.object.pointer("/spec/processor/wasm").is_some();
        if let (Some(bytes), true) = (overrides.partition_bytes, is_wasm) {
            set(&mut document.object, &["spec", "processor", "wasm", "partitionBytes"], json!(bytes));
        }
    }
}

/// Sets a field, making the maps above it where they are not there.
fn set(object: &mut Value, path: &[&str], value: Value) {
    match path {
        [] => *object = value,
        [first, rest @ ..] => {
            if !object.is_object() {
                *object = json!({});
            }
            if let Some(map) = object.as_object_mut() {
                set(map.entry(*first).or_insert(Value::Null), rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_on_the_way_are_made_and_kept() {
        let mut object = json!({"metadata": {"name": "x"}, "spec": {}});
        set(&mut object, &["metadata", "annotations", "a/b"], json!("true"));
        assert_eq!(object, json!({"metadata": {"name": "x", "annotations": {"a/b": "true"}}, "spec": {}}));
    }
}
