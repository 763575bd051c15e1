//! Reading and writing the metadata of an object that is kept as JSON.
//! It knows `ObjectMeta` and nothing of any kind.

use serde_json::{Map, Value, json};

/// The finalizer that keeps an owner until its blocking dependents are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer that keeps an owner until its dependents no longer name it.
pub(crate) const ORPHAN: &str = "orphan";

/// An entry of `metadata.ownerReferences`.
pub(crate) struct OwnerReference<'a> {
    pub(crate) api_version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) uid: &'a str,
    pub(crate) blocks_deletion: bool,
}

/// `metadata`, if the object has one.
pub(crate) fn metadata(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata")?.as_object()
}

/// `metadata` to write to; made if it is missing or no object.
pub(crate) fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    field_map(root(object), "metadata")
}

/// The fields of the object; a value that is no object becomes an empty one.
pub(crate) fn root(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    match object {
        Value::Object(fields) => fields,
        _ => unreachable!("made an object above"),
    }
}

fn field_map<'a>(parent: &'a mut Map<String, Value>, field: &str) -> &'a mut Map<String, Value> {
    root(parent.entry(field).or_insert_with(|| json!({})))
}

/// A string field of the metadata, empty if it is missing.
pub(crate) fn meta_text<'a>(object: &'a Value, field: &str) -> &'a str {
    metadata(object).and_then(|fields| fields.get(field)).and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.name`, empty if there is none.
pub(crate) fn name(object: &Value) -> &str {
    meta_text(object, "name")
}

/// `metadata.namespace`, empty for a cluster-scoped object.
pub(crate) fn namespace(object: &Value) -> &str {
    meta_text(object, "namespace")
}

/// `metadata.uid`.
pub(crate) fn uid(object: &Value) -> &str {
    meta_text(object, "uid")
}

/// `metadata.resourceVersion` as a number; 0 if there is none.
pub(crate) fn revision(object: &Value) -> u64 {
    meta_text(object, "resourceVersion").parse().unwrap_or(0)
}

/// Whether deletion has begun and finalizers hold the object.
pub(crate) fn is_terminating(object: &Value) -> bool {
    !meta_text(object, "deletionTimestamp").is_empty()
}

/// The strings of `metadata.finalizers`.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    texts(metadata(object).and_then(|fields| fields.get("finalizers")))
}

/// The strings of an array; nothing if it is none.
pub(crate) fn texts(array: Option<&Value>) -> Vec<&str> {
    array.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A label's value.
pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    metadata(object)?.get("labels")?.get(key)?.as_str()
}

/// The objects that this one names as its owners.
pub(crate) fn owner_references(object: &Value) -> Vec<OwnerReference<'_>> {
    let listed = metadata(object).and_then(|fields| fields.get("ownerReferences")).and_then(Value::as_array);
    listed.into_iter().flatten().map(owner_reference).collect()
}

fn owner_reference(value: &Value) -> OwnerReference<'_> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    OwnerReference {
        api_version: text("apiVersion"),
        kind: text("kind"),
        name: text("name"),
        uid: text("uid"),
        blocks_deletion: value.get("blockOwnerDeletion").and_then(Value::as_bool).unwrap_or(false),
    }
}

/// Sets one field of the metadata; `Null` removes it.
pub(crate) fn set_meta(object: &mut Value, field: &str, value: Value) {
    let fields = metadata_mut(object);
    if value.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), value);
    }
}

/// Sets one label.
pub(crate) fn set_label(object: &mut Value, key: &str, value: &str) {
    field_map(metadata_mut(object), "labels").insert(key.to_owned(), json!(value));
}

/// Replaces the finalizers; an empty list removes the field, as the API server does.
pub(crate) fn set_finalizers(object: &mut Value, finalizers: &[&str]) {
    let value = if finalizers.is_empty() { Value::Null } else { json!(finalizers) };
    set_meta(object, "finalizers", value);
}

/// Replaces a top-level field; `None` removes it.
pub(crate) fn set_field(object: &mut Value, field: &str, value: Option<Value>) {
    match value {
        Some(value) => root(object).insert(field.to_owned(), value),
        None => root(object).remove(field),
    };
}

/// The value at a dotted path such as `.spec.node`; dots inside names are not supported, as in CRDs.
pub(crate) fn at_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.trim_start_matches('.').split('.').try_fold(object, |value, field| value.get(field))
}

/// Sets the value at a dotted path, making the objects on the way.
pub(crate) fn set_at_path(object: &mut Value, path: &str, value: Value) {
    let mut fields = path.trim_start_matches('.').split('.').peekable();
    let mut place = object;
    while let Some(field) = fields.next() {
        place = root(place).entry(field).or_insert_with(|| json!({}));
        if fields.peek().is_none() {
            *place = value;
            return;
        }
    }
}
