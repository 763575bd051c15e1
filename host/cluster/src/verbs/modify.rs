//! PUT and PATCH: an object, or its status, is changed.

use std::sync::Arc;

use serde_json::{Value, json};

use super::create::{create_received, encode_string_data, establish};
use super::shown;
use crate::admission::{self, Received};
use crate::call::{Answer, Call};
use crate::core::{Change, Core};
use crate::fields::shape::Shape;
use crate::object;
use crate::patch::{self, Format};
use crate::registry::to_storage;
use crate::schema::FieldError;
use crate::status::Refusal;

/// Replaces an object with the one in the body.
pub(crate) fn replace(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    let Received { object, warnings } = admission::receive(call, call.json()?)?;
    if call.resource.schema.is_some() && object::meta_text(&object, "resourceVersion").is_empty() {
        let error =
            FieldError::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
        return Err(Refusal::invalid(&call.resource, object::name(&object), &[error]));
    }
    let object = change(core, call, |_| Ok(object.clone()), true)?;
    Ok(Answer::Object { code: 200, object, warnings })
}

/// Changes an object by a patch; an apply also creates it.
pub(crate) fn patch(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    let format = Format::of(&call.media_type)?;
    if format == Format::Apply {
        return apply(core, call);
    }
    if call.options.force {
        return Err(Refusal::bad_request("force: Forbidden: may not be specified for non-apply patch"));
    }
    let schema = call.resource.schema.clone();
    if format == Format::Strategic && schema.is_some() {
        return Err(Refusal::unsupported_media_type("application/strategic-merge-patch+json"));
    }
    let changes = call.json()?;
    let warnings = std::cell::RefCell::new(Vec::new());
    let patched = |old: &Value| {
        let mut object = old.clone();
        match format {
            Format::Json => patch::json(&mut object, &changes)?,
            Format::Merge => patch::merge::merge(&mut object, &changes),
            Format::Strategic => patch::strategic::merge(&mut object, &changes, Shape::of(None))?,
            Format::Apply => {}
        }
        let received = admission::receive(call, object)?;
        warnings.replace(received.warnings);
        Ok(received.object)
    };
    let object = change(core, call, patched, true)?;
    Ok(Answer::Object { code: 200, object, warnings: warnings.into_inner() })
}

/// Server-side apply.
fn apply(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    if call.options.field_manager.as_deref().unwrap_or_default().is_empty() {
        return Err(Refusal::bad_request(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    let Received { object: configuration, warnings } = received_configuration(call)?;
    let schema = call.resource.schema.clone();
    let merged = |old: Option<&Value>| {
        let writer = admission::writer(core, call, true);
        patch::apply::apply(old, &configuration, Shape::of(schema.as_deref()), writer, call.options.force)
    };
    let key = call.key()?;
    if core.store.get(&key).is_none() && call.subresource().is_empty() {
        let object = complete(call, merged(None)?);
        let managed = object::metadata(&object).and_then(|fields| fields.get("managedFields")).cloned();
        let keep = |object: &mut Value| {
            object::set_meta(object, "managedFields", managed.clone().unwrap_or(Value::Null))
        };
        match create_received(core, call, object, keep) {
            Err(refusal) if refusal.code == 409 => {}
            outcome => return Ok(Answer::Object { code: 201, object: outcome?, warnings }),
        }
    }
    let object = change(core, call, |old| Ok(complete(call, merged(Some(old))?)), false)?;
    Ok(Answer::Object { code: 200, object, warnings })
}

/// Fills in the schema's defaults of what an apply added or took back.
fn complete(call: &Call, mut object: Value) -> Value {
    if let Some(schema) = &call.resource.schema {
        schema.default(&mut object);
    }
    object
}

/// The configuration of an apply: pruned, without defaults (a manager owns only what it lists),
/// and without what the endpoint cannot write.
fn received_configuration(call: &Call) -> Result<Received, Refusal> {
    let configuration = configuration_of(call)?;
    if object::metadata(&configuration)
        .is_some_and(|fields| fields.get("managedFields").is_some_and(|it| !it.is_null()))
    {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    let mut received = admission::receive_without_defaults(call, configuration)?;
    if call.is_status() {
        let name =
            json!({"name": object::name(&received.object), "namespace": object::namespace(&received.object)});
        let fields = object::root(&mut received.object);
        fields.retain(|field, _| matches!(field.as_str(), "apiVersion" | "kind" | "status"));
        fields.insert("metadata".to_owned(), name);
        if !call.resource.namespaced {
            object::set_meta(&mut received.object, "namespace", Value::Null);
        }
    } else if call.resource.status {
        object::set_field(&mut received.object, "status", None);
    }
    Ok(received)
}

/// The body of an apply may be YAML, of which JSON is a part.
fn configuration_of(call: &Call) -> Result<Value, Refusal> {
    if let Ok(value) = serde_json::from_slice(&call.body) {
        return Ok(value);
    }
    let text = std::str::from_utf8(&call.body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    serde_yaml::from_str(text).map_err(|error| Refusal::bad_request(format!("error decoding YAML: {error}")))
}

/// Changes the stored object to what `proposed` makes of it.
fn change(
    core: &Core,
    call: &Call,
    proposed: impl Fn(&Value) -> Result<Value, Refusal>,
    records: bool,
) -> Result<Arc<Value>, Refusal> {
    let resource = &call.resource;
    let dry = std::cell::RefCell::new(None);
    let written = core.modify(resource, &call.key()?, |current| {
        let old = shown(call, current);
        let mut object = admission::admit_change(call, &old, proposed(&old)?)?;
        if resource.group.is_empty() && resource.kind == "Secret" {
            encode_string_data(&mut object);
        }
        if records {
            admission::record(core, call, Some(&old), &mut object);
        }
        if resource.is_crd() {
            establish(core, &mut object)?;
        }
        if object == *old {
            return Ok(Change::Keep);
        }
        if call.options.dry_run {
            dry.replace(Some(Arc::new(object)));
            return Ok(Change::Keep);
        }
        // Whoever takes the last finalizer off lets the object go.
        if object::is_terminating(&object) && is_free(&object) {
            return Ok(Change::Remove);
        }
        to_storage(resource, &mut object);
        Ok(Change::Replace(object))
    })?;
    Ok(dry.into_inner().unwrap_or_else(|| shown(call, &written)))
}

/// Whether nothing holds an object that is being deleted.
fn is_free(object: &Value) -> bool {
    let grace = object::metadata(object)
        .and_then(|fields| fields.get("deletionGracePeriodSeconds"))
        .and_then(Value::as_i64);
    object::finalizers(object).is_empty()
        && object::texts(object::at_path(object, "spec.finalizers")).is_empty()
        && grace.unwrap_or(0) == 0
}

/// `namespaces/NAME/finalize`: replaces `spec.finalizers`.
pub(crate) fn finalize(core: &Core, call: &Call) -> Result<Answer, Refusal> {
    let body = call.json()?;
    let finalizers = object::at_path(&body, "spec.finalizers").cloned().unwrap_or_else(|| json!([]));
    let object = core.modify(&call.resource, &call.key()?, |current| {
        let mut object = Value::clone(current);
        object::set_at_path(&mut object, "spec.finalizers", finalizers.clone());
        let gone = object::is_terminating(&object)
            && is_free(&object)
            && core.store.keys_in(object::name(&object)).is_empty();
        Ok(if gone { Change::Remove } else { Change::Replace(object) })
    })?;
    Ok(Answer::object(object))
}
