//! The table that `kubectl get` prints: the columns of the definition, or name and age.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::core::Core;
use crate::registry::{Column, Resource};

/// A `meta.k8s.io/v1` Table of objects.
pub(super) fn table(core: &Core, resource: &Resource, objects: &[Arc<Value>], metadata: Value) -> Value {
    let columns = columns(resource);
    let rows: Vec<_> = objects.iter().map(|object| row(core, &columns, object)).collect();
    let definitions: Vec<_> = columns.iter().map(definition).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions, "rows": rows,
    })
}

/// What the API server says of the two columns every kind has.
const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
const AGE: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// The name comes first; a kind without columns of its own shows its age.
fn columns(resource: &Resource) -> Vec<Column> {
    let mut columns = vec![column("Name", "string", "name", ".metadata.name", NAME)];
    if resource.columns.is_empty() {
        columns.push(column("Age", "date", "", ".metadata.creationTimestamp", AGE));
    } else {
        columns.extend(resource.columns.iter().cloned());
    }
    columns
}

fn column(name: &str, kind: &str, format: &str, path: &str, description: &str) -> Column {
    Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: format.to_owned(),
        description: description.to_owned(),
        priority: 0,
        path: path.to_owned(),
    }
}

fn definition(column: &Column) -> Value {
    let description = match column.description.as_str() {
        "" => format!("Custom resource definition column (in JSONPath format): {}", column.path),
        given => given.to_owned(),
    };
    json!({
        "name": column.name, "type": column.kind, "format": column.format,
        "description": description, "priority": column.priority,
    })
}

fn row(core: &Core, columns: &[Column], object: &Arc<Value>) -> Value {
    let cells: Vec<_> = columns.iter().map(|column| cell(core, column, object)).collect();
    let partial = super::metadata_only(object);
    json!({"cells": cells, "object": partial})
}

fn cell(core: &Core, column: &Column, object: &Value) -> Value {
    let value = json_path(object, &column.path);
    match (column.kind.as_str(), value) {
        (_, None | Some(Value::Null)) => Value::Null,
        ("date", Some(value)) => json!(age(core, value.as_str().unwrap_or_default())),
        ("string", Some(Value::String(text))) => json!(text),
        ("string", Some(other)) => json!(other.to_string()),
        (_, Some(value)) => value.clone(),
    }
}

/// The part of JSONPath that printer columns use: fields, `[n]` and `[?(@.field=="value")]`.
fn json_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut place = object;
    let mut rest = path.trim_start_matches('.');
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (field, tail) = rest.split_at(end);
        if !field.is_empty() {
            place = place.get(field)?;
        }
        rest = tail.trim_start_matches('.');
        if let Some(inner) = rest.strip_prefix('[') {
            let close = inner.find(']')?;
            let (selector, tail) = inner.split_at(close);
            place = select(place, selector)?;
            rest = tail.trim_start_matches(']').trim_start_matches('.');
        }
    }
    Some(place)
}

fn select<'a>(list: &'a Value, selector: &str) -> Option<&'a Value> {
    let elements = list.as_array()?;
    if let Ok(position) = selector.parse::<usize>() {
        return elements.get(position);
    }
    let condition = selector.strip_prefix("?(@.")?.strip_suffix(')')?;
    let (field, wanted) = condition.split_once("==")?;
    let wanted = wanted.trim().trim_matches(['"', '\'']);
    elements.iter().find(|element| element.get(field.trim()).and_then(Value::as_str) == Some(wanted))
}

/// How long ago, in the two largest units that say something (`duration.HumanDuration`).
fn age(core: &Core, instant: &str) -> String {
    let Ok(instant) = instant.parse::<Timestamp>() else { return "<unknown>".to_owned() };
    let seconds = core.environment.now().duration_since(instant).as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        i64::MIN..0 => "<invalid>".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 if seconds % 60 != 0 => format!("{minutes}m{}s", seconds % 60),
        120..10_800 => format!("{minutes}m"),
        10_800..28_800 if minutes % 60 != 0 => format!("{hours}h{}m", minutes % 60),
        10_800..172_800 => format!("{hours}h"),
        172_800..691_200 if hours % 24 != 0 => format!("{days}d{}h", hours % 24),
        _ if days < 730 => format!("{days}d"),
        _ if days < 2920 && days % 365 != 0 => format!("{}y{}d", days / 365, days % 365),
        _ => format!("{}y", days / 365),
    }
}
