//! An object held against its kind's own schema and CEL rules: unknown fields, wrong types, limits.
//!
//! The rules are the API server's; only the words are for people who look at their own text.

use millrace_cluster::schema::{FaultKind, FieldError};
use serde_json::Value;

use super::Rules;
use super::document::Document;
use super::fault::Fault;
use super::locate::Part;
use crate::nearest::suggestion;

/// Fields of `metadata` that a manifest may give.
const METADATA: [&str; 8] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "generateName",
    "creationTimestamp",
];

/// Everything that the schema has against an object.
pub(super) fn check(document: &Document, rules: &Rules<'_>) -> Vec<Fault> {
    let mut faults = metadata(document);
    let schema = rules.kinds.find(&document.api_version, &document.kind).and_then(|kind| kind.schema());
    let Some(schema) = schema else { return faults };
    let mut object = document.object.clone();
    let unknown = schema.prune(&mut object);
    schema.default(&mut object);
    let broken = schema.validate(&object, None);
    faults.extend(
        unknown
            .iter()
            .chain(&broken)
            .filter(|error| error.path != "<nil>" || error.kind == FaultKind::Cel)
            .map(|error| fault(document, error)),
    );
    faults
}

fn metadata(document: &Document) -> Vec<Fault> {
    let fields = document.node.get("metadata").map_or(&[][..], |metadata| metadata.entries());
    let unknown = fields.iter().filter(|entry| !METADATA.contains(&entry.key.as_str()));
    unknown
        .map(|entry| {
            let message = format!("unknown field metadata.{}", entry.key);
            let fault = Fault::new(&document.source, entry.key_place.clone(), message)
                .label("not a field of metadata");
            fault.help(suggestion(&entry.key, METADATA))
        })
        .collect()
}

fn fault(document: &Document, error: &FieldError) -> Fault {
    let path = error.path.as_str();
    let found = value_at(&document.object, path);
    match error.kind {
        FaultKind::Unknown => unknown(document, error),
        FaultKind::Required => {
            let label = format!("{} is missing here", last(path).1);
            document.fault(path, Part::Value, format!("{path} is missing")).label(label)
        }
        FaultKind::Type => {
            let expected = error.expected.first().map_or("another type", String::as_str);
            let is = found.map_or("something else", type_name);
            let message = format!("{path} must be {}, and is {is}", with_article(expected));
            document.fault(path, Part::Value, message).label(is).help(type_help(expected, found))
        }
        FaultKind::Enum => {
            let word = found.and_then(Value::as_str).unwrap_or_default();
            let message = format!("{path} cannot be {}", found.unwrap_or(&Value::Null));
            let help = suggestion(word, error.expected.iter().map(String::as_str));
            document
                .fault(path, Part::Value, message)
                .label("not one of the words that may stand here")
                .help(help)
        }
        _ => {
            let path = if path == "<nil>" { "" } else { path };
            let said = reason(&error.message);
            let message = if path.is_empty() { said.to_owned() } else { format!("{path}: {said}") };
            document.fault(path, Part::Value, message)
        }
    }
}

fn unknown(document: &Document, error: &FieldError) -> Fault {
    let (parent, field) = last(&error.path);
    let of = if parent.is_empty() { document.kind.as_str() } else { parent };
    let fault = document.fault(&error.path, Part::Key, format!("unknown field {}", error.path));
    fault
        .label(format!("not a field of {of}"))
        .help(suggestion(field, error.expected.iter().map(String::as_str)))
}

/// The parent's path and the field's name.
fn last(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// The API server's sentence without its preface.
fn reason(message: &str) -> &str {
    let after = message
        .strip_prefix("Invalid value: ")
        .and_then(|rest| rest.split_once(": "))
        .map(|(_, reason)| reason);
    after.unwrap_or(message)
}

/// The value at a path whose keys hold no dots, which is true of every field a schema names.
fn value_at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let steps = path.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty());
    steps.into_iter().try_fold(object, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// JSON Schema's word for a type, in a sentence.
pub fn with_article(kind: &str) -> String {
    match kind {
        "object" => "a map".to_owned(),
        "array" => "a list".to_owned(),
        "integer" => "a whole number".to_owned(),
        "null" => "null".to_owned(),
        other => format!("a {other}"),
    }
}

fn type_help(expected: &str, found: Option<&Value>) -> &'static str {
    match (expected, found) {
        ("string", Some(Value::Bool(_) | Value::Number(_))) => {
            "put it in quotes to make it a string (YAML reads yes, no, on and off as booleans)"
        }
        ("array", Some(_)) => "begin each item with '- '",
        ("integer" | "number" | "boolean", Some(Value::String(_))) => "write it without quotes",
        _ => "",
    }
}
