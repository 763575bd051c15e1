//! `-p sizes.train=80%` to what a manifest has under `parameters`: dots nest, the schema says the types.

use millrace_decide::parameters;
use serde_json::{Map, Value};

/// Reads all `KEY=VALUE`s.
///
/// # Errors
/// One without `=`, or a key that is both a value and a map; in words.
pub(super) fn read(given: &[String], schema: &Value) -> Result<Value, String> {
    let mut parameters = Value::Object(Map::new());
    for text in given {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| format!("-p {text}: a parameter is KEY=VALUE, such as -p seed=7"))?;
        let steps: Vec<_> = key.split('.').collect();
        if steps.iter().any(|step| step.is_empty()) {
            return Err(format!("-p {text}: a key is a name, or names with dots between them"));
        }
        insert(&mut parameters, &steps, value, schema).map_err(|why| format!("-p {text}: {why}"))?;
    }
    Ok(parameters)
}

/// Holds the parameters against the module's schema.
///
/// # Errors
/// Everything that does not fit, in words.
pub(super) fn check(module: &str, schema: &Value, parameters: &Value) -> Result<(), String> {
    let errors = parameters::check(schema, parameters).map_err(|error| error.to_string())?;
    if errors.is_empty() {
        return Ok(());
    }
    let described = errors.iter().map(|error| {
        let key = error.pointer.trim_start_matches('/').replace('/', ".");
        let key = if key.is_empty() { String::new() } else { format!("-p {key}: ") };
        let expected =
            error.expected.as_ref().map(|expected| format!("\n  expected: {expected}")).unwrap_or_default();
        format!("{key}{}{expected}", error.message)
    });
    let described = described.collect::<Vec<_>>().join("\n");
    Err(format!(
        "the parameters do not fit {module}\n{described}\n`millrace process {module} --help` lists the parameters"
    ))
}

fn insert(into: &mut Value, steps: &[&str], text: &str, schema: &Value) -> Result<(), String> {
    let [step, rest @ ..] = steps else { return Ok(()) };
    let map = into.as_object_mut().ok_or("this key is given a value and has keys below it, too")?;
    let schema = schema_of(schema, step);
    if rest.is_empty() {
        add(map, step, text, schema);
        return Ok(());
    }
    insert(map.entry(*step).or_insert_with(|| Value::Object(Map::new())), rest, text, schema)
}

/// The first value as it is; more make a list.
fn add(map: &mut Map<String, Value>, key: &str, text: &str, schema: &Value) {
    let value = match map.remove(key) {
        None if takes(schema, "array") && !takes(schema, "string") && !text.trim_start().starts_with('[') => {
            Value::Array(vec![item(text, schema)])
        }
        None => typed(text, schema),
        Some(Value::Array(mut items)) => {
            items.push(item(text, schema));
            Value::Array(items)
        }
        Some(first) => Value::Array(vec![first, item(text, schema)]),
    };
    map.insert(key.to_owned(), value);
}

fn item(text: &str, schema: &Value) -> Value {
    let items = alternatives(schema).into_iter().find_map(|schema| schema.get("items"));
    typed(text, items.unwrap_or(&Value::Null))
}

/// The text as the first type that the schema takes and that it can be read as.
fn typed(text: &str, schema: &Value) -> Value {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let fits = |value: &Value| match value {
        Value::Bool(_) => takes(schema, "boolean"),
        Value::Number(number) => takes(schema, "number") || (takes(schema, "integer") && !number.is_f64()),
        Value::Array(_) => takes(schema, "array"),
        Value::Object(_) => takes(schema, "object"),
        Value::Null => takes(schema, "null"),
        Value::String(_) => false,
    };
    parsed.filter(fits).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Whether a schema takes values of this type.
fn takes(schema: &Value, kind: &str) -> bool {
    alternatives(schema).into_iter().any(|schema| match schema.get("type") {
        Some(Value::String(only)) => only == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => schema
            .get("enum")
            .and_then(Value::as_array)
            .is_some_and(|values| values.iter().any(|value| type_of(value) == kind)),
    })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The schema itself, and what `anyOf` and `oneOf` in it say.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let below = ["anyOf", "oneOf"]
        .iter()
        .filter_map(|word| schema.get(word)?.as_array())
        .flatten()
        .flat_map(alternatives);
    std::iter::once(schema).chain(below).collect()
}

/// What a schema says of one of its properties.
fn schema_of<'a>(schema: &'a Value, property: &str) -> &'a Value {
    let found = alternatives(schema).into_iter().find_map(|schema| {
        schema
            .get("properties")
            .and_then(|properties| properties.get(property))
            .or_else(|| schema.get("additionalProperties"))
    });
    found.unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({"type": "object", "properties": {
            "sizes": {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
            "stratify": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "n_components": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "whiten": {"type": "boolean"},
            "columns": {"type": "array", "items": {"type": "string"}},
            "limits": {"type": "array", "items": {"type": "integer"}},
            "name": {"type": "string"}
        }})
    }

    fn read_all(given: &[&str]) -> Value {
        read(&given.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), &schema()).unwrap()
    }

    #[test]
    fn the_schema_says_the_types() {
        let read = read_all(&[
            "sizes.train=80%",
            "sizes.test=1000",
            "n_components=0.95",
            "whiten=true",
            "name=7",
            "columns=a",
        ]);
        let wanted = json!({"sizes": {"train": "80%", "test": 1000}, "n_components": "0.95", "whiten": true, "name": "7", "columns": ["a"]});
        assert_eq!(read, wanted);
    }

    #[test]
    fn the_same_key_again_makes_a_list() {
        assert_eq!(
            read_all(&["stratify=a", "stratify=b", "limits=1", "limits=2"]),
            json!({"stratify": ["a", "b"], "limits": [1, 2]})
        );
        assert_eq!(read_all(&["columns=[\"a\", \"b\"]"]), json!({"columns": ["a", "b"]}));
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for given in ["sizes", "=1", "a..b=1"] {
            assert!(read(&[given.to_owned()], &schema()).is_err(), "{given}");
        }
        assert!(
            read(&["name=1".to_owned(), "name.x=2".to_owned()], &schema())
                .unwrap_err()
                .contains("keys below")
        );
    }
}
