//! Holding a value to the structure of a schema, in the words of the API server.
//! CEL rules are elsewhere.

use serde_json::{Map, Value};

use super::{FieldError, Kind, ListKind, Node, Values, format};

/// Everything structurally wrong with an object of the API.
pub(super) fn validate(root: &Node, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check(root, object, "", &mut errors);
    errors
}

fn check(node: &Node, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if value.is_null() && node.nullable {
        return;
    }
    if let Some(expected) = wrong_type(node, value) {
        errors.push(FieldError::wrong_type(path, type_name(value), expected));
        return;
    }
    if !node.allowed.is_empty() && !node.allowed.contains(value) {
        errors.push(FieldError::not_allowed(path, value, &node.allowed));
    }
    match value {
        Value::Object(fields) => check_object(node, fields, path, errors),
        Value::Array(elements) => check_array(node, elements, path, errors),
        Value::String(text) => check_text(node, text, value, path, errors),
        Value::Number(_) => check_number(node, value, path, errors),
        Value::Null | Value::Bool(_) => {}
    }
    check_branches(node, value, path, errors);
}

/// The type that was expected, if the value has another.
fn wrong_type(node: &Node, value: &Value) -> Option<&'static str> {
    if node.int_or_string {
        let fits = value.is_string() || is_integer(value);
        return (!fits).then_some("integer,string");
    }
    let expected = node.kind?;
    let fits = match expected {
        Kind::Object => value.is_object(),
        Kind::Array => value.is_array(),
        Kind::String => value.is_string(),
        Kind::Integer => is_integer(value),
        Kind::Number => value.is_number(),
        Kind::Boolean => value.is_boolean(),
    };
    (!fits).then_some(expected.name())
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check_object(node: &Node, fields: &Map<String, Value>, path: &str, errors: &mut Vec<FieldError>) {
    for name in node.required.iter().filter(|name| !fields.contains_key(*name)) {
        errors.push(FieldError::required(&join(path, name), ""));
    }
    if node.embedded {
        check_embedded(fields, path, errors);
    }
    let count = fields.len() as u64;
    if node.bounds.max_properties.is_some_and(|most| count > most) {
        errors.push(FieldError::too_many(path, fields.len(), node.bounds.max_properties.unwrap_or_default()));
    }
    if let Some(least) = node.bounds.min_properties.filter(|least| count < *least) {
        let detail = format!("{path} in body should have at least {least} properties");
        errors.push(FieldError::invalid(path, &Value::Object(fields.clone()), &detail));
    }
    for (name, value) in fields {
        let known = node.properties.get(name).or(match &node.values {
            Values::Of(of) => Some(of),
            Values::Unknown | Values::Any => None,
        });
        // The envelope of the object itself was checked when the request was read.
        let envelope = path.is_empty() && matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
        if let Some(known) = known.filter(|_| !envelope) {
            check(known, value, &join(path, name), errors);
        }
    }
}

fn check_embedded(fields: &Map<String, Value>, path: &str, errors: &mut Vec<FieldError>) {
    for name in ["apiVersion", "kind"] {
        if fields.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
            errors.push(FieldError::required(&join(path, name), "must not be empty"));
        }
    }
}

fn check_array(node: &Node, elements: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let count = elements.len() as u64;
    if let Some(most) = node.bounds.max_items.filter(|most| count > *most) {
        errors.push(FieldError::too_many(path, elements.len(), most));
    }
    if let Some(least) = node.bounds.min_items.filter(|least| count < *least) {
        let detail = format!("{path} in body should have at least {least} items");
        errors.push(FieldError::invalid(path, &Value::Array(elements.to_vec()), &detail));
    }
    if let Some(items) = &node.items {
        for (position, element) in elements.iter().enumerate() {
            check(items, element, &format!("{path}[{position}]"), errors);
        }
    }
    check_unique(&node.list, elements, path, errors);
}

fn check_unique(list: &ListKind, elements: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let identities: Vec<Value> = match list {
        ListKind::Atomic => return,
        ListKind::Set => elements.to_vec(),
        ListKind::Map(keys) => elements.iter().map(|element| identity(element, keys)).collect(),
    };
    let mut seen = std::collections::HashSet::with_capacity(identities.len());
    for (position, identity) in identities.iter().enumerate() {
        if !seen.insert(identity.to_string()) {
            errors.push(FieldError::duplicate(&format!("{path}[{position}]"), identity));
        }
    }
}

fn identity(element: &Value, keys: &[String]) -> Value {
    let fields = keys.iter().filter_map(|key| Some((key.clone(), element.get(key)?.clone())));
    Value::Object(fields.collect())
}

fn check_text(node: &Node, text: &str, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let length = text.chars().count() as u64;
    if let Some(most) = node.bounds.max_length.filter(|most| length > *most) {
        errors.push(FieldError::too_long(path, most));
    }
    if let Some(least) = node.bounds.min_length.filter(|least| length < *least) {
        let detail = format!("{path} in body should be at least {least} chars long");
        errors.push(FieldError::invalid(path, value, &detail));
    }
    if let Some(pattern) = node.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        let detail = format!("{path} in body should match '{pattern}'");
        errors.push(FieldError::invalid(path, value, &detail));
    }
    let format = node.format.as_deref().filter(|format| !node.int_or_string && !format::fits(format, text));
    if let Some(format) = format {
        let detail = format!("{path} in body must be of type {format}: {value}");
        errors.push(FieldError::invalid(path, value, &detail));
    }
}

fn check_number(node: &Node, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let number = value.as_f64().unwrap_or_default();
    let mut refuse = |detail: String| {
        errors.push(FieldError::invalid(path, value, &format!("{path} in body should be {detail}")))
    };
    let bounds = &node.bounds;
    if let Some(least) = bounds.minimum {
        if bounds.exclusive_minimum && number <= least {
            refuse(format!("greater than {least}"));
        } else if number < least {
            refuse(format!("greater than or equal to {least}"));
        }
    }
    if let Some(most) = bounds.maximum {
        if bounds.exclusive_maximum && number >= most {
            refuse(format!("less than {most}"));
        } else if number > most {
            refuse(format!("less than or equal to {most}"));
        }
    }
    if let Some(factor) = bounds.multiple_of.filter(|factor| number % factor != 0.0) {
        refuse(format!("a multiple of {factor}"));
    }
    let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
    if node.format.as_deref() == Some("int32") && !fits {
        refuse("of type integer with format int32".to_owned());
    }
}

fn check_branches(node: &Node, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let holds = |branch: &&Node| {
        let mut found = Vec::new();
        check(branch, value, path, &mut found);
        found.is_empty()
    };
    for branch in &node.all_of {
        check(branch, value, path, errors);
    }
    if !node.any_of.is_empty() && !node.any_of.iter().any(|branch| holds(&branch)) {
        let detail = format!("{path:?} must validate at least one schema (anyOf)");
        errors.push(FieldError::invalid(path, value, &detail));
    }
    let matching = node.one_of.iter().filter(holds).count();
    if !node.one_of.is_empty() && matching != 1 {
        let found = if matching == 0 {
            "Found none valid".to_owned()
        } else {
            format!("Found {matching} valid alternatives")
        };
        let detail = format!("{path:?} must validate one and only one schema (oneOf). {found}");
        errors.push(FieldError::invalid(path, value, &detail));
    }
    if node.not.as_deref().is_some_and(|branch| holds(&branch)) {
        errors.push(FieldError::invalid(
            path,
            value,
            &format!("{path:?} must not validate the schema (not)"),
        ));
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
