//! Strategic merge patch, for the built-in kinds: as a merge patch, but lists with known keys are
//! merged element by element, and `$patch`, `$deleteFromPrimitiveList`, `$retainKeys` and
//! `$setElementOrder` direct it. The keys are those of [`crate::fields::shape`].

use serde_json::{Map, Value, json};

use crate::fields::shape::{Elements, Shape};
use crate::object;
use crate::status::Refusal;

/// Merges a patch into an object.
pub(crate) fn merge(target: &mut Value, patch: &Value, shape: Shape<'_>) -> Result<(), Refusal> {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return Ok(());
    };
    match changes.get("$patch").and_then(Value::as_str) {
        None | Some("merge") => {}
        Some("replace") => {
            *target = Value::Object(without_directives(changes));
            return Ok(());
        }
        Some("delete") => {
            *target = json!({});
            return Ok(());
        }
        Some(other) => return Err(Refusal::bad_request(format!("unknown patch type: {other}"))),
    }
    let fields = object::root(target);
    retain_keys(fields, changes);
    for (name, change) in changes {
        merge_field(fields, name, change, shape)?;
    }
    Ok(())
}

fn merge_field(
    fields: &mut Map<String, Value>,
    name: &str,
    change: &Value,
    shape: Shape<'_>,
) -> Result<(), Refusal> {
    if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
        if let (Some(Value::Array(elements)), Some(removed)) = (fields.get_mut(list), change.as_array()) {
            elements.retain(|element| !removed.contains(element));
        }
        return Ok(());
    }
    if name.starts_with('$') {
        // `$setElementOrder/…` only orders, `$retainKeys` and `$patch` were obeyed before.
        return Ok(());
    }
    let shape = shape.field(name);
    match change {
        Value::Null => {
            fields.remove(name);
            Ok(())
        }
        Value::Object(_) => merge(fields.entry(name).or_insert_with(|| json!({})), change, shape),
        Value::Array(changes) => merge_list(fields.entry(name).or_insert_with(|| json!([])), changes, shape),
        _ => {
            fields.insert(name.to_owned(), change.clone());
            Ok(())
        }
    }
}

/// `$retainKeys`: fields not listed are dropped before merging.
fn retain_keys(fields: &mut Map<String, Value>, changes: &Map<String, Value>) {
    if let Some(kept) = changes.get("$retainKeys") {
        let kept = object::texts(Some(kept));
        fields.retain(|name, _| kept.contains(&name.as_str()));
    }
}

fn merge_list(target: &mut Value, changes: &[Value], shape: Shape<'_>) -> Result<(), Refusal> {
    let replaces = changes.iter().any(|change| directive(change) == Some("replace"));
    let elements = match target {
        Value::Array(elements) if !replaces => elements,
        _ => {
            let kept = changes.iter().filter(|change| directive(change).is_none()).cloned().collect();
            *target = Value::Array(kept);
            return Ok(());
        }
    };
    match shape.elements(changes) {
        Elements::Atomic => *elements = changes.to_vec(),
        Elements::Set => {
            let fresh: Vec<_> = changes.iter().filter(|change| !elements.contains(change)).cloned().collect();
            elements.extend(fresh);
        }
        // Unlike apply, a strategic merge goes by the first key alone.
        Elements::Keyed(keys) => {
            let key = keys.first().copied().unwrap_or_default();
            for change in changes {
                merge_element(elements, change, key, shape)?;
            }
        }
    }
    Ok(())
}

fn directive(change: &Value) -> Option<&str> {
    change.get("$patch")?.as_str()
}

fn merge_element(
    elements: &mut Vec<Value>,
    change: &Value,
    key: &str,
    shape: Shape<'_>,
) -> Result<(), Refusal> {
    let Some(identity) = change.get(key) else {
        return Err(Refusal::unprocessable(format!(
            "map: {change} does not contain declared merge key: {key}"
        )));
    };
    if directive(change) == Some("delete") {
        elements.retain(|element| element.get(key) != Some(identity));
        return Ok(());
    }
    match elements.iter_mut().find(|element| element.get(key) == Some(identity)) {
        Some(element) => merge(element, change, shape.element()),
        None => {
            let mut element = json!({});
            merge(&mut element, change, shape.element())?;
            elements.push(element);
            Ok(())
        }
    }
}

fn without_directives(fields: &Map<String, Value>) -> Map<String, Value> {
    fields
        .iter()
        .filter(|(name, _)| !name.starts_with('$'))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
