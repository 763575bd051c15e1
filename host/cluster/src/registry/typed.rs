//! Reading objects of built-in kinds through their Rust types: a wrong type is refused and an
//! unknown field found, although these kinds have no schema here.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, PersistentVolumeClaim, Pod, Secret, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::schema::FieldError;

/// Reads an object of a kind: what its type has of it, or what is wrong with it.
pub(crate) type Reader = fn(&Value) -> Result<Value, serde_json::Error>;

/// The reader of a built-in kind, for those whose objects people write.
pub(super) fn reader(group: &str, kind: &str) -> Option<Reader> {
    let reader: Reader = match (group, kind) {
        ("", "Pod") => read::<Pod>,
        ("", "ConfigMap") => read::<ConfigMap>,
        ("", "Secret") => read::<Secret>,
        ("", "Service") => read::<Service>,
        ("", "PersistentVolume") => read::<PersistentVolume>,
        ("", "PersistentVolumeClaim") => read::<PersistentVolumeClaim>,
        ("batch", "Job") => read::<Job>,
        ("batch", "CronJob") => read::<CronJob>,
        _ => return None,
    };
    Some(reader)
}

fn read<K: DeserializeOwned + Serialize>(object: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(K::deserialize(object)?)
}

/// Removes what the type does not know and names it.
pub(crate) fn prune(object: &mut Value, known: &Value) -> Vec<FieldError> {
    let mut unknown = Vec::new();
    prune_value(object, known, "", &mut unknown);
    unknown
}

fn prune_value(value: &mut Value, known: &Value, path: &str, unknown: &mut Vec<FieldError>) {
    match (value, known) {
        (Value::Object(fields), Value::Object(known)) => prune_fields(fields, known, path, unknown),
        (Value::Array(elements), Value::Array(known)) => {
            for (position, (element, known)) in elements.iter_mut().zip(known).enumerate() {
                prune_value(element, known, &format!("{path}[{position}]"), unknown);
            }
        }
        _ => {}
    }
}

fn prune_fields(
    fields: &mut Map<String, Value>,
    known: &Map<String, Value>,
    path: &str,
    unknown: &mut Vec<FieldError>,
) {
    fields.retain(|name, value| {
        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match known.get(name) {
            Some(known) => prune_value(value, known, &place, unknown),
            // The type leaves out what says nothing.
            None if value.is_null() => {}
            None => unknown.push(FieldError::unknown(&place, Vec::new())),
        }
        known.contains_key(name) || value.is_null()
    });
}
