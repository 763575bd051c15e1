//! Holds `descriptor.json` to the parameter struct, so that neither drifts from the other.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::processor::parameters;
use crate::{Described, Descriptor};

/// Checks the descriptor of `P` against its parameter struct and against `version`, the crate's.
/// `minimal` is the smallest set of parameters that is allowed.
///
/// # Panics
/// Where they differ, saying how.
pub fn check_descriptor<P: Described + JsonSchema + Serialize>(version: &str, minimal: &Value) {
    let faults = faults::<P>(version, minimal);
    assert!(faults.is_empty(), "descriptor.json does not fit the parameters:\n{}", faults.join("\n"));
}

fn faults<P: Described + JsonSchema + Serialize>(version: &str, minimal: &Value) -> Vec<String> {
    let descriptor = match Descriptor::parse(P::DESCRIPTOR) {
        Ok(descriptor) => descriptor,
        Err(error) => return vec![error.to_string()],
    };
    let mut faults = Vec::new();
    let mut expect = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned())
        }
    };
    expect(descriptor.version == version, "its version is not the crate's");
    expect(!descriptor.description.is_empty(), "it has no description");
    let schema = &descriptor.params_schema;
    expect(
        schema["type"] == "object" && schema["additionalProperties"] == false,
        "the schema is not a closed object",
    );
    expect(
        schema["$schema"] == "https://json-schema.org/draft/2020-12/schema",
        "the schema is not of 2020-12",
    );
    let derived = schemars::schema_for!(P).to_value();
    expect(names(schema, "required") == names(&derived, "required"), "other parameters are required");
    faults.extend(property_faults(schema, &derived));
    faults.extend(default_faults::<P>(schema, minimal));
    faults
}

fn properties(schema: &Value) -> BTreeMap<&str, &Value> {
    let all = schema["properties"].as_object().into_iter().flat_map(Map::iter);
    all.map(|(name, property)| (name.as_str(), property)).collect()
}

fn names<'a>(schema: &'a Value, member: &str) -> BTreeSet<&'a str> {
    schema[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn property_faults(written: &Value, derived: &Value) -> Vec<String> {
    let (written_all, derived_all) = (properties(written), properties(derived));
    let mut faults = Vec::new();
    if !written_all.keys().eq(derived_all.keys()) {
        faults.push(format!("properties {:?} and fields {:?}", written_all.keys(), derived_all.keys()));
    }
    for (name, property) in &written_all {
        if property["description"].as_str().is_none_or(str::is_empty) {
            faults.push(format!("`{name}` has no description"));
        }
        let (here, there) =
            (types(property, written), derived_all.get(name).map(|field| types(field, derived)));
        if there.as_ref() != Some(&here) {
            faults.push(format!("`{name}` takes {here:?} and the field {there:?}"));
        }
    }
    faults
}

/// The JSON types that a schema takes, but for null, which only says that a field is optional.
fn types(schema: &Value, root: &Value) -> BTreeSet<String> {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        return root.pointer(pointer).map(|target| types(target, root)).unwrap_or_default();
    }
    let own = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let choices = ["anyOf", "oneOf"].iter().flat_map(|word| schema[*word].as_array().into_iter().flatten());
    let mut all: BTreeSet<String> = choices.flat_map(|choice| types(choice, root)).collect();
    all.extend(own.into_iter().filter(|name| *name != "null").map(str::to_owned));
    all
}

/// The struct fills in what the schema says it does.
fn default_faults<P: Described + Serialize>(schema: &Value, minimal: &Value) -> Vec<String> {
    let filled =
        parameters::<P>(&minimal.to_string()).map(|all| serde_json::to_value(all).unwrap_or_default());
    let filled = match filled {
        Ok(filled) => filled,
        Err(error) => return vec![format!("the minimal parameters are refused: {error}")],
    };
    let mut faults = Vec::new();
    for (name, property) in properties(schema) {
        let given = &minimal[name];
        let written = if given.is_null() { &property["default"] } else { given };
        let found = filled.get(name).unwrap_or(&Value::Null);
        if found != written {
            faults.push(format!("`{name}` is {found} without a word, and the schema says {written}"));
        }
    }
    faults
}
