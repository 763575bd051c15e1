//! The metadata of an object: what the server fills in, carries over and checks.

use serde_json::{Value, json};

use crate::core::Core;
use crate::object;
use crate::registry::Resource;
use crate::schema::FieldError;

/// Fields of the metadata that only the server writes.
const KEPT: [&str; 6] =
    ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"];

/// Fills in the metadata of a new object.
pub(super) fn begin(core: &Core, resource: &Resource, object: &mut Value) {
    let fields = object::metadata_mut(object);
    for field in KEPT {
        fields.remove(field);
    }
    fields.remove("resourceVersion");
    fields.insert("uid".to_owned(), json!(core.environment.uid()));
    fields.insert("creationTimestamp".to_owned(), json!(core.environment.timestamp()));
    if resource.generation {
        fields.insert("generation".to_owned(), json!(1));
    }
}

/// Carries over what a writer cannot change.
pub(super) fn carry_over(old: &Value, object: &mut Value) {
    let before = object::metadata(old);
    for field in KEPT {
        let value = before.and_then(|fields| fields.get(field)).cloned();
        object::set_meta(object, field, value.unwrap_or(Value::Null));
    }
    // A commit sets the new one; until then an unchanged object compares equal.
    object::set_meta(object, "resourceVersion", json!(object::meta_text(old, "resourceVersion")));
}

/// Raises the generation if what the controllers act on has changed.
pub(super) fn count_generation(resource: &Resource, old: &Value, object: &mut Value) {
    if wish(resource, old) != wish(resource, object) {
        let generation =
            object::metadata(old).and_then(|fields| fields.get("generation")).and_then(Value::as_i64);
        object::set_meta(object, "generation", json!(generation.unwrap_or(0) + 1));
    }
}

/// Everything but metadata, and but status where that is written apart.
fn wish<'a>(resource: &Resource, object: &'a Value) -> Vec<(&'a String, &'a Value)> {
    let counts = |name: &str| name != "metadata" && !(resource.status && name == "status");
    object.as_object().into_iter().flatten().filter(|(name, _)| counts(name)).collect()
}

/// What is wrong with the metadata of a new object.
pub(super) fn check(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check_name(resource, object, &mut errors);
    check_labels(object, &mut errors);
    check_owners(object, &mut errors);
    errors
}

/// What is wrong with the metadata of a changed object.
pub(super) fn check_change(old: &Value, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check_labels(object, &mut errors);
    check_owners(object, &mut errors);
    if object::is_terminating(old) {
        let before = object::finalizers(old);
        let fresh: Vec<_> =
            object::finalizers(object).into_iter().filter(|name| !before.contains(name)).collect();
        if !fresh.is_empty() {
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers {fresh:?}"
            );
            errors.push(FieldError::forbidden("metadata.finalizers", &detail));
        }
    }
    errors
}

fn check_name(resource: &Resource, object: &Value, errors: &mut Vec<FieldError>) {
    let name = object::name(object);
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
        return;
    }
    let (fits, rule) = match resource.group.as_str() {
        "rbac.authorization.k8s.io" => {
            (!name.contains('/') && !name.contains('%'), "may not contain '/' or '%'")
        }
        _ if resource.is_namespace() => (name.len() <= 63 && is_label(name), LABEL_RULE),
        _ => (name.len() <= 253 && name.split('.').all(is_label), SUBDOMAIN_RULE),
    };
    if !fits {
        errors.push(FieldError::invalid("metadata.name", &json!(name), rule));
    }
}

const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const KEY_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

fn is_label(text: &str) -> bool {
    let inner =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    !text.is_empty() && !text.starts_with('-') && !text.ends_with('-') && text.chars().all(inner)
}

/// The name part of a label key, and a label value that is not empty.
fn is_qualified_name(text: &str) -> bool {
    let inner = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let edge = |character: Option<char>| character.is_some_and(|character| character.is_ascii_alphanumeric());
    text.len() <= 63 && text.chars().all(inner) && edge(text.chars().next()) && edge(text.chars().next_back())
}

fn check_labels(object: &Value, errors: &mut Vec<FieldError>) {
    let labels = object::metadata(object).and_then(|fields| fields.get("labels")).and_then(Value::as_object);
    for (key, value) in labels.into_iter().flatten() {
        let (prefix, name) =
            key.split_once('/').map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
        if !is_qualified_name(name) || prefix.is_some_and(|prefix| !prefix.split('.').all(is_label)) {
            errors.push(FieldError::invalid("metadata.labels", &json!(key), KEY_RULE));
        }
        if !value.as_str().is_some_and(|text| text.is_empty() || is_qualified_name(text)) {
            errors.push(FieldError::invalid("metadata.labels", value, VALUE_RULE));
        }
    }
}

fn check_owners(object: &Value, errors: &mut Vec<FieldError>) {
    for (position, owner) in object::owner_references(object).iter().enumerate() {
        let path = format!("metadata.ownerReferences[{position}]");
        for (field, text, rule) in [
            ("apiVersion", owner.api_version, "version must not be empty"),
            ("kind", owner.kind, "must not be empty"),
            ("name", owner.name, "must not be empty"),
            ("uid", owner.uid, "must not be empty"),
        ] {
            if text.is_empty() {
                errors.push(FieldError::invalid(&format!("{path}.{field}"), &json!(""), rule));
            }
        }
    }
}
