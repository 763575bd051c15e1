//! POST: a new object.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::shown;
use crate::admission::{self, Received};
use crate::call::{Answer, Call};
use crate::cascade::{CLEANUP, NAMESPACE_FINALIZER};
use crate::core::Core;
use crate::object;
use crate::registry::{Resource, ResourceKey, definition_of, to_storage};
use crate::status::Refusal;
use crate::store::{Expected, Key};

/// How many generated names are tried before giving up, as in the API server.
const NAMES_TRIED: usize = 8;

/// Creates the object in the body.
pub(crate) fn create(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    let Received { object, warnings } = admission::receive(call, call.json()?)?;
    let object = create_received(core, call, object, |object| admission::record(core, call, None, object))?;
    Ok(Answer::Object { code: 201, object, warnings })
}

/// Creates an object that has been received; `record` writes down who manages its fields.
pub(crate) fn create_received(
    core: &Core,
    call: &Call,
    mut object: Value,
    record: impl Fn(&mut Value),
) -> Result<Arc<Value>, Refusal> {
    require_namespace(core, call, object::name(&object))?;
    let prefix = object::meta_text(&object, "generateName").to_owned();
    let generates = object::name(&object).is_empty() && !prefix.is_empty();
    prepare(&call.resource, &mut object);
    for _ in 0..NAMES_TRIED {
        if generates {
            object::set_meta(&mut object, "name", json!(generated(core, &prefix)));
        }
        match create_named(core, call, object.clone(), &record) {
            Err(refusal) if generates && refusal.code == 409 => {}
            outcome => return outcome,
        }
    }
    Err(Refusal::already_exists(&call.resource, object::name(&object)))
}

/// A generated name: the prefix, cut so that the whole fits a label, and five letters.
fn generated(core: &Core, prefix: &str) -> String {
    let kept: String = prefix.chars().take(58).collect();
    format!("{kept}{}", core.environment.suffix())
}

fn create_named(
    core: &Core,
    call: &Call,
    object: Value,
    record: &impl Fn(&mut Value),
) -> Result<Arc<Value>, Refusal> {
    let resource = &call.resource;
    let mut object = admission::admit_new(core, call, object)?;
    record(&mut object);
    let key = call.key_named(object::name(&object));
    if resource.is_crd() {
        establish(core, &mut object)?;
    }
    if call.options.dry_run {
        return dry(core, resource, &key, object);
    }
    to_storage(resource, &mut object);
    let written = core.commit(&key, Expected::Absent, Some(object));
    let written = written.map_err(|_| Refusal::already_exists(resource, &key.name))?;
    Ok(shown(call, &written))
}

fn dry(core: &Core, resource: &Resource, key: &Key, object: Value) -> Result<Arc<Value>, Refusal> {
    match core.store.get(key) {
        Some(_) => Err(Refusal::already_exists(resource, &key.name)),
        None => Ok(Arc::new(object)),
    }
}

/// A namespaced object needs its namespace, and not one that is going.
fn require_namespace(core: &Core, call: &Call, name: &str) -> Result<(), Refusal> {
    let Some(namespace) = call.namespace.as_deref().filter(|_| call.resource.namespaced) else {
        return Ok(());
    };
    let key =
        Key { resource: ResourceKey::namespaces(), namespace: String::new(), name: namespace.to_owned() };
    let namespaces = core.registry.find("", "v1", "namespaces").ok_or_else(Refusal::no_such_path)?;
    let found = core.require(&namespaces, &key)?;
    if object::is_terminating(&found) {
        return Err(Refusal::namespace_terminating(&call.resource, name, namespace));
    }
    Ok(())
}

/// What the server adds to objects of its own kinds.
fn prepare(resource: &Resource, object: &mut Value) {
    if resource.is_namespace() {
        object::set_at_path(object, "spec.finalizers", json!([NAMESPACE_FINALIZER]));
        let name = object::name(object).to_owned();
        object::set_label(object, "kubernetes.io/metadata.name", &name);
    }
    if resource.group.is_empty() && resource.kind == "Secret" {
        encode_string_data(object);
        if object.get("type").is_none() {
            object::set_field(object, "type", Some(json!("Opaque")));
        }
    }
}

/// `stringData` of a Secret is written into `data`, in base64.
pub(crate) fn encode_string_data(object: &mut Value) {
    let Some(Value::Object(texts)) = object::root(object).remove("stringData") else { return };
    for (name, text) in texts {
        let encoded = STANDARD.encode(text.as_str().unwrap_or_default());
        let data = object::root(object).entry("data").or_insert_with(|| json!({}));
        object::set_field(data, &name, Some(json!(encoded)));
    }
}

/// Checks a definition and writes the status by which clients see that it is served.
pub(crate) fn establish(core: &Core, definition: &mut Value) -> Result<(), Refusal> {
    if let Err(errors) = definition_of(definition) {
        let resource = core.registry.find(crate::registry::CRD_GROUP, "v1", "customresourcedefinitions");
        let resource = resource.ok_or_else(Refusal::no_such_path)?;
        return Err(Refusal::invalid(&resource, object::name(definition), &errors));
    }
    let mut finalizers = object::finalizers(definition);
    if !finalizers.contains(&CLEANUP) && !object::is_terminating(definition) {
        finalizers.push(CLEANUP);
        let finalizers: Vec<String> = finalizers.into_iter().map(str::to_owned).collect();
        object::set_meta(definition, "finalizers", json!(finalizers));
    }
    let time = core.environment.timestamp();
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": time});
    let names = object::at_path(definition, "spec.names").cloned();
    let status = json!({
        "acceptedNames": names,
        "storedVersions": [storage_version(definition)],
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    });
    let established = definition.get("status").is_some_and(|status| status.get("conditions").is_some());
    if !established {
        object::set_field(definition, "status", Some(status));
    }
    Ok(())
}

fn storage_version(definition: &Value) -> Option<&str> {
    let versions = object::at_path(definition, "spec.versions")?.as_array()?;
    let storage = |version: &&Value| version.get("storage").and_then(Value::as_bool) == Some(true);
    versions.iter().find(storage)?.get("name")?.as_str()
}
