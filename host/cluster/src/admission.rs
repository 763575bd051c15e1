//! What an object passes before it is stored: its envelope, unknown fields, defaults, the metadata
//! the server keeps, the rules of its schema, and who manages which field.

mod metadata;
mod workload;

use serde_json::{Value, json};

use crate::call::Call;
use crate::core::Core;
use crate::fields::managers::{Managers, Writer};
use crate::fields::shape::Shape;
use crate::object;
use crate::registry::{Resource, prune_typed};
use crate::request::FieldValidation;
use crate::schema::FieldError;
use crate::status::Refusal;

/// An object that has been read, pruned and defaulted.
pub(crate) struct Received {
    pub(crate) object: Value,
    /// For the `Warning` headers of the answer.
    pub(crate) warnings: Vec<String>,
}

/// Reads an object of the request: its envelope must agree with the URL.
pub(crate) fn receive(call: &Call, object: Value) -> Result<Received, Refusal> {
    let mut received = receive_without_defaults(call, object)?;
    if let Some(schema) = &call.resource.schema {
        schema.default(&mut received.object);
    }
    Ok(received)
}

/// As [`receive`], for a configuration that is to be applied: a manager owns only what it lists.
pub(crate) fn receive_without_defaults(call: &Call, mut object: Value) -> Result<Received, Refusal> {
    check_envelope(call, &mut object)?;
    let unknown = prune(call, &mut object)?;
    let warnings = report_unknown(call, &unknown)?;
    Ok(Received { object, warnings })
}

/// Removes the fields that the kind does not know.
fn prune(call: &Call, object: &mut Value) -> Result<Vec<FieldError>, Refusal> {
    let Resource { kind, version, schema, reader, .. } = call.resource.as_ref();
    if let Some(schema) = schema {
        return Ok(schema.prune(object));
    }
    let Some(reader) = reader else { return Ok(Vec::new()) };
    let known = reader(object).map_err(|error| {
        Refusal::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {error}"))
    })?;
    Ok(prune_typed(object, &known))
}

fn report_unknown(call: &Call, unknown: &[FieldError]) -> Result<Vec<String>, Refusal> {
    let listed: Vec<_> = unknown.iter().map(|error| error.message.clone()).collect();
    match call.options.field_validation {
        FieldValidation::Strict if !listed.is_empty() => {
            let Resource { kind, version, .. } = call.resource.as_ref();
            let faults = listed.join(", ");
            Err(Refusal::bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a {kind}: strict decoding error: {faults}"
            )))
        }
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Strict | FieldValidation::Warn => Ok(listed),
    }
}

fn check_envelope(call: &Call, object: &mut Value) -> Result<(), Refusal> {
    let resource = &call.resource;
    if !object.is_object() {
        return Err(Refusal::bad_request(format!("the request body must be a {} object", resource.kind)));
    }
    check_word(object, "apiVersion", &resource.api_version(), |given, expected| {
        format!("the API version in the data ({given}) does not match the expected API version ({expected})")
    })?;
    check_word(object, "kind", &resource.kind, |given, expected| {
        format!("the kind in the data ({given}) does not match the expected kind ({expected})")
    })?;
    let namespace = call.namespace.as_deref().unwrap_or_default();
    if resource.namespaced {
        let given = object::namespace(object);
        if !given.is_empty() && given != namespace {
            let message =
                "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Refusal::bad_request(message));
        }
        object::set_meta(object, "namespace", json!(namespace));
    } else {
        object::set_meta(object, "namespace", Value::Null);
    }
    check_name(call, object)
}

/// `apiVersion` and `kind` may be left out; else they must be those of the URL.
fn check_word(
    object: &mut Value,
    field: &str,
    expected: &str,
    message: impl Fn(&str, &str) -> String,
) -> Result<(), Refusal> {
    match object.get(field).and_then(Value::as_str).unwrap_or_default() {
        "" => object::set_field(object, field, Some(json!(expected))),
        given if given == expected => {}
        given => return Err(Refusal::bad_request(message(given, expected))),
    }
    Ok(())
}

fn check_name(call: &Call, object: &mut Value) -> Result<(), Refusal> {
    let Some(expected) = call.name.as_deref() else { return Ok(()) };
    match object::name(object) {
        "" => object::set_meta(object, "name", json!(expected)),
        given if given == expected => {}
        given => {
            let message =
                format!("the name of the object ({given}) does not match the name on the URL ({expected})");
            return Err(Refusal::bad_request(message));
        }
    }
    Ok(())
}

/// Completes and checks an object that is to be created.
pub(crate) fn admit_new(core: &Core, call: &Call, mut object: Value) -> Result<Value, Refusal> {
    metadata::begin(core, &call.resource, &mut object);
    begin_status(&call.resource, &mut object);
    check(&call.resource, &object)?;
    Ok(object)
}

/// Completes and checks an object that is to replace `old`. Both are in the version of the request.
pub(crate) fn admit_change(call: &Call, old: &Value, mut object: Value) -> Result<Value, Refusal> {
    let resource = &call.resource;
    check_preconditions(call, old, &object)?;
    if call.is_status() {
        let status = object.get("status").cloned();
        let managed = object::metadata(&object).and_then(|fields| fields.get("managedFields")).cloned();
        object = old.clone();
        object::set_field(&mut object, "status", status);
        object::set_meta(&mut object, "managedFields", managed.unwrap_or(Value::Null));
    } else if resource.status {
        object::set_field(&mut object, "status", old.get("status").cloned());
    }
    metadata::carry_over(old, &mut object);
    if resource.generation && !call.is_status() {
        metadata::count_generation(resource, old, &mut object);
    }
    let mut errors = metadata::check_change(old, &object);
    errors.extend(errors_of(resource, &object, Some(old)));
    refuse(resource, &object, &errors)?;
    Ok(object)
}

/// Records who wrote what, for every write but an apply, which records itself.
pub(crate) fn record(core: &Core, call: &Call, old: Option<&Value>, object: &mut Value) {
    let schema = call.resource.schema.clone();
    let given = Managers::of(object);
    // A writer that sends none leaves the entries as they were.
    let has_any = object::metadata(object).is_some_and(|fields| fields.contains_key("managedFields"));
    let managers = if has_any { given } else { old.map(Managers::of).unwrap_or_default() };
    managers.record_update(old, object, Shape::of(schema.as_deref()), writer(core, call, false));
}

/// The writer of a request.
pub(crate) fn writer(core: &Core, call: &Call, applies: bool) -> Writer {
    Writer {
        manager: call.manager(),
        applies,
        api_version: call.resource.api_version(),
        subresource: call.subresource().to_owned(),
        time: core.environment.timestamp(),
    }
}

fn check_preconditions(call: &Call, old: &Value, object: &Value) -> Result<(), Refusal> {
    let (resource, name) = (&call.resource, object::name(old));
    let uid = object::uid(object);
    if !uid.is_empty() && uid != object::uid(old) {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            object::uid(old)
        );
        return Err(Refusal::conflict(resource, name, &why));
    }
    let version = object::meta_text(object, "resourceVersion");
    if !version.is_empty() && version != object::meta_text(old, "resourceVersion") {
        return Err(Refusal::stale(resource, name));
    }
    Ok(())
}

fn check(resource: &Resource, object: &Value) -> Result<(), Refusal> {
    let mut errors = metadata::check(resource, object);
    errors.extend(workload::check(resource, object));
    errors.extend(errors_of(resource, object, None));
    refuse(resource, object, &errors)
}

fn errors_of(resource: &Resource, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    resource.schema.as_ref().map(|schema| schema.validate(object, old)).unwrap_or_default()
}

fn refuse(resource: &Resource, object: &Value, errors: &[FieldError]) -> Result<(), Refusal> {
    if errors.is_empty() { Ok(()) } else { Err(Refusal::invalid(resource, object::name(object), errors)) }
}

/// The status an object begins with: none, unless its kind has a first phase.
fn begin_status(resource: &Resource, object: &mut Value) {
    if !resource.status {
        return;
    }
    let first = match resource.kind.as_str() {
        // A kubelet registers its Node with a status.
        "Node" if resource.group.is_empty() => return,
        "Namespace" if resource.group.is_empty() => Some(json!({"phase": "Active"})),
        "Pod" | "PersistentVolume" | "PersistentVolumeClaim" if resource.group.is_empty() => {
            Some(json!({"phase": "Pending"}))
        }
        _ => None,
    };
    object::set_field(object, "status", first);
}
