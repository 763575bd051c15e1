//! Server-side apply: merging a manager's configuration into an object and taking back what that
//! manager applied before and no longer lists.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::fields::managers::{Managers, Writer, applied_fields};
use crate::fields::shape::{Shape, is_key, steps};
use crate::fields::{FieldSet, Step};
use crate::status::Refusal;

/// Applies a configuration to the stored object, or to none.
pub(crate) fn apply(
    live: Option<&Value>,
    configuration: &Value,
    shape: Shape<'_>,
    writer: Writer,
    force: bool,
) -> Result<Value, Refusal> {
    let managers = live.map(Managers::of).unwrap_or_default();
    let applied = applied_fields(configuration, shape);
    let mut object = live.cloned().unwrap_or_else(|| json!({}));
    merge(&mut object, configuration, shape);
    let others = managers.fields_of_others(&writer);
    let dropped = managers.last_applied(&writer).minus(&applied).minus(&others);
    let kept = others.union(&applied).union(&server_fields());
    take_back(&mut object, &dropped, &kept, shape);
    managers.record_apply(live, &mut object, applied, shape, writer, force)?;
    Ok(object)
}

fn merge(live: &mut Value, configuration: &Value, shape: Shape<'_>) {
    match (live, configuration) {
        (Value::Object(live), Value::Object(configuration)) if !shape.is_atomic_map() => {
            for (name, value) in configuration {
                match live.get_mut(name) {
                    Some(current) => merge(current, value, shape.field(name)),
                    None => {
                        live.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(live), Value::Array(configuration)) => merge_lists(live, configuration, shape),
        (live, configuration) => *live = configuration.clone(),
    }
}

fn merge_lists(live: &mut Vec<Value>, configuration: &[Value], shape: Shape<'_>) {
    let (Some(live_steps), Some(applied_steps)) = (steps(shape, live), steps(shape, configuration)) else {
        *live = configuration.to_vec();
        return;
    };
    let mut applied: BTreeMap<&Step, &Value> = applied_steps.iter().zip(configuration).collect();
    // What is there keeps its place; what is new comes last, in the order of the configuration.
    for (step, element) in live_steps.iter().zip(live.iter_mut()) {
        if let Some(value) = applied.remove(step) {
            merge(element, value, shape.element());
        }
    }
    let fresh = applied_steps.iter().zip(configuration).filter(|(step, _)| applied.contains_key(step));
    live.extend(fresh.map(|(_, value)| value.clone()));
}

/// What the server itself keeps in every object: `metadata` never goes as a whole.
fn server_fields() -> FieldSet {
    FieldSet::from_value(&json!({"f:metadata": {"f:name": {}}}))
}

/// Removes the dropped fields that nobody keeps. What nobody wrote (defaults) goes with its parent.
fn take_back(value: &mut Value, dropped: &FieldSet, kept: &FieldSet, shape: Shape<'_>) {
    let nothing = FieldSet::default();
    match value {
        Value::Object(fields) => {
            for (step, gone) in &dropped.children {
                let Some(name) = step.as_field() else { continue };
                let shape = shape.field(name);
                let kept = kept.children.get(step).unwrap_or(&nothing);
                let Some(field) = fields.get_mut(name) else { continue };
                if is_taken_back(field, gone, kept, shape) {
                    fields.remove(name);
                }
            }
        }
        Value::Array(list) => take_back_elements(list, dropped, kept, shape),
        _ => {}
    }
}

/// Whether a field goes as a whole; if not, what is below it is taken back.
fn is_taken_back(field: &mut Value, gone: &FieldSet, kept: &FieldSet, shape: Shape<'_>) -> bool {
    let is_merged_list = matches!(field, Value::Array(list) if steps(shape, list).is_some());
    if kept.is_empty() && !is_merged_list {
        return true;
    }
    take_back(field, gone, kept, shape);
    // A list goes once its last element is gone.
    kept.is_empty() && field.as_array().is_some_and(Vec::is_empty)
}

fn take_back_elements(list: &mut Vec<Value>, dropped: &FieldSet, kept: &FieldSet, shape: Shape<'_>) {
    let Some(steps) = steps(shape, list) else { return };
    let nothing = FieldSet::default();
    let before = list.clone();
    let mut steps = steps.iter();
    list.retain_mut(|element| {
        let Some((step, gone)) = steps.next().and_then(|step| Some((step, dropped.children.get(step)?)))
        else {
            return true;
        };
        let kept = kept.children.get(step).unwrap_or(&nothing);
        if gone.member && kept.is_empty() {
            return false;
        }
        // The keys of an element that stays tell it apart.
        let mut gone = gone.clone();
        gone.children.retain(|step, _| !step.as_field().is_some_and(|name| is_key(shape, &before, name)));
        take_back(element, &gone, kept, shape.element());
        true
    });
}
