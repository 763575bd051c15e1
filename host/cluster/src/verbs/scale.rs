//! The scale subresource: how many replicas an object wants and has.

use http::Method;
use serde_json::{Value, json};

use super::shown;
use crate::admission;
use crate::call::{Answer, Call};
use crate::core::{Change, Core};
use crate::object;
use crate::patch::{self, Format};
use crate::registry::{Scale, to_storage};
use crate::status::Refusal;

/// Reads or writes the scale of an object.
pub(crate) fn answer(core: &Core, method: &Method, call: &Call) -> Result<Answer, Refusal> {
    let scale = call.resource.scale.as_ref().ok_or_else(Refusal::no_such_path)?;
    match *method {
        Method::GET => {
            let object = core.require(&call.resource, &call.key()?)?;
            Ok(Answer::Other(scale_of(scale, &shown(call, &object))))
        }
        Method::PUT | Method::PATCH => write(core, method, call, scale),
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn write(core: &Core, method: &Method, call: &Call, scale: &Scale) -> Result<Answer, Refusal> {
    let body = call.json()?;
    let object = core.modify(&call.resource, &call.key()?, |current| {
        let old = shown(call, current);
        let wanted = wanted(method, call, &body, scale_of(scale, &old))?;
        let mut object = Value::clone(&old);
        object::set_at_path(&mut object, &scale.spec_replicas, replicas(call, &wanted)?);
        let version = object::meta_text(&wanted, "resourceVersion").to_owned();
        object::set_meta(
            &mut object,
            "resourceVersion",
            if version.is_empty() { Value::Null } else { json!(version) },
        );
        let mut object = admission::admit_change(call, &old, object)?;
        admission::record(core, call, Some(&old), &mut object);
        to_storage(&call.resource, &mut object);
        Ok(if object == **current || call.options.dry_run { Change::Keep } else { Change::Replace(object) })
    })?;
    Ok(Answer::Other(scale_of(scale, &shown(call, &object))))
}

fn wanted(method: &Method, call: &Call, body: &Value, mut current: Value) -> Result<Value, Refusal> {
    if method == Method::PUT {
        return Ok(body.clone());
    }
    match Format::of(&call.media_type)? {
        Format::Json => patch::json(&mut current, body)?,
        Format::Merge | Format::Strategic | Format::Apply => patch::merge::merge(&mut current, body),
    }
    Ok(current)
}

fn replicas(call: &Call, scale: &Value) -> Result<Value, Refusal> {
    let replicas = object::at_path(scale, "spec.replicas").and_then(Value::as_i64).unwrap_or(0);
    if replicas < 0 {
        let error = crate::schema::FieldError::invalid(
            "spec.replicas",
            &json!(replicas),
            "must be greater than or equal to 0",
        );
        return Err(Refusal::invalid(&call.resource, call.name()?, &[error]));
    }
    Ok(json!(replicas))
}

fn scale_of(scale: &Scale, object: &Value) -> Value {
    let number = |path: &str| object::at_path(object, path).and_then(Value::as_i64).unwrap_or(0);
    let mut status = json!({"replicas": number(&scale.status_replicas)});
    let selector = scale.selector.as_ref().and_then(|path| object::at_path(object, path)).cloned();
    object::set_field(&mut status, "selector", selector);
    let metadata = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"];
    let metadata: serde_json::Map<_, _> = metadata
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), object::metadata(object)?.get(field)?.clone())))
        .collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": number(&scale.spec_replicas)}, "status": status,
    })
}
