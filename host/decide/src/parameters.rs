//! Parameters against the schema in a module's descriptor, with the nearest right name for a wrong one.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::text;

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if pointer.is_empty() { String::new() } else { format!("{pointer}: ") })]
pub struct ParameterError {
    /// JSON pointer to the value, or to where a missing one belongs: `/sizes/train`.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What would be right, where the schema says it.
    pub expected: Option<String>,
    /// The right name that was probably meant.
    pub nearest: Option<String>,
}

/// The schema itself is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the module's parameter schema is not a JSON schema: {0}")]
pub struct SchemaError(pub String);

/// Everything in `parameters` that does not fit `schema`; empty where all fits.
///
/// # Errors
/// If `schema` is no JSON schema.
pub fn check(schema: &Value, parameters: &Value) -> Result<Vec<ParameterError>, SchemaError> {
    let validator = jsonschema::validator_for(schema).map_err(|error| SchemaError(error.to_string()))?;
    let mut errors: Vec<ParameterError> =
        validator.iter_errors(parameters).flat_map(|error| explain(schema, &error)).collect();
    errors.sort_by(|left, right| (&left.pointer, &left.message).cmp(&(&right.pointer, &right.message)));
    errors.dedup();
    Ok(errors)
}

fn explain(schema: &Value, error: &ValidationError<'_>) -> Vec<ParameterError> {
    let pointer = error.instance_path().as_str().to_owned();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            unexpected.iter().map(|name| unknown(schema, error, &pointer, name)).collect()
        }
        ValidationErrorKind::Required { property } => vec![missing(pointer, property)],
        ValidationErrorKind::Enum { options } => vec![not_an_option(pointer, error.instance(), options)],
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            vec![none_of(schema, error, pointer, context)]
        }
        _ => vec![ParameterError {
            pointer,
            message: error.to_string(),
            expected: expected_at(schema, error),
            nearest: None,
        }],
    }
}

fn unknown(schema: &Value, error: &ValidationError<'_>, pointer: &str, name: &str) -> ParameterError {
    let known = properties_beside(schema, error);
    let nearest = text::nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    ParameterError {
        pointer: format!("{pointer}/{}", escape(name)),
        message: format!("there is no parameter {name}.{}", text::did_you_mean(nearest.as_deref())),
        expected: (!known.is_empty()).then(|| format!("one of {}", text::list(&known, 20))),
        nearest,
    }
}

fn missing(pointer: String, property: &Value) -> ParameterError {
    let name = property.as_str().unwrap_or_default();
    let message = format!("parameter {name} is missing");
    ParameterError { pointer, message, expected: None, nearest: None }
}

fn not_an_option(pointer: String, value: &Value, options: &Value) -> ParameterError {
    let words: Vec<String> = options.as_array().into_iter().flatten().map(plain).collect();
    let nearest = text::nearest(&plain(value), words.iter().map(String::as_str)).map(str::to_owned);
    let message = format!("{value} is not allowed here.{}", text::did_you_mean(nearest.as_deref()));
    let expected = Some(format!("one of {}", text::list(&words, 20)));
    ParameterError { pointer, message, expected, nearest }
}

/// Of several alternatives none fits: what each wanted.
fn none_of(
    schema: &Value,
    error: &ValidationError<'_>,
    pointer: String,
    context: &[Vec<ValidationError<'static>>],
) -> ParameterError {
    let mut reasons: Vec<String> = context.iter().flatten().map(ToString::to_string).collect();
    reasons.dedup();
    let message = format!("{} fits none of the alternatives", error.instance());
    let expected = expected_at(schema, error)
        .or_else(|| (!reasons.is_empty()).then(|| text::clip(&reasons.join("; or "), 1000)));
    ParameterError { pointer, message, expected, nearest: None }
}

/// What the schema's author wrote beside the rule that was broken.
fn expected_at(schema: &Value, error: &ValidationError<'_>) -> Option<String> {
    let parent = parent(schema, error)?;
    let text = parent.get("description").and_then(Value::as_str);
    text.map(str::to_owned).or_else(|| parent.get("type").map(plain))
}

fn properties_beside(schema: &Value, error: &ValidationError<'_>) -> Vec<String> {
    let properties = parent(schema, error).and_then(|parent| parent.get("properties"));
    properties.and_then(Value::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

/// The schema object that holds the keyword that failed.
fn parent<'a>(schema: &'a Value, error: &ValidationError<'_>) -> Option<&'a Value> {
    let (parent, _) = error.schema_path().as_str().rsplit_once('/')?;
    schema.pointer(parent)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A name as a JSON pointer writes it.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["sizes"],
            "properties": {
                "sizes": {"type": "object", "description": "shares such as 80%, or row counts",
                          "additionalProperties": {"anyOf": [{"type": "string", "pattern": "^[0-9]+%$"}, {"type": "integer"}]}},
                "stratify": {"type": ["string", "array"]},
                "order": {"enum": ["keep", "shuffle"]},
                "minPerClass": {"type": "integer", "minimum": 0}
            }
        })
    }

    fn only(parameters: &Value) -> ParameterError {
        let mut errors = check(&schema(), parameters).unwrap();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.remove(0)
    }

    #[test]
    fn what_fits_passes() {
        let parameters = json!({"sizes": {"train": "80%", "test": 10}, "stratify": "label", "order": "keep"});
        assert_eq!(check(&schema(), &parameters), Ok(vec![]));
    }

    #[test]
    fn unknown_names_get_the_nearest_right_one() {
        let error = only(&json!({"sizes": {}, "stratfy": "label"}));
        assert_eq!((error.pointer.as_str(), error.nearest.as_deref()), ("/stratfy", Some("stratify")));
        assert!(error.message.contains("Did you mean stratify?"), "{error}");
        assert!(error.expected.unwrap().contains("sizes"));
    }

    #[test]
    fn missing_wrong_and_unlisted_values_are_told_apart() {
        assert!(only(&json!({})).message.contains("sizes is missing"));
        let wrong = only(&json!({"sizes": {}, "minPerClass": "x"}));
        assert_eq!((wrong.pointer.as_str(), wrong.expected.as_deref()), ("/minPerClass", Some("integer")));
        let unlisted = only(&json!({"sizes": {}, "order": "shufle"}));
        assert_eq!(unlisted.nearest.as_deref(), Some("shuffle"));
        let none = only(&json!({"sizes": {"train": "80"}}));
        assert_eq!(none.pointer, "/sizes/train");
        assert!(none.expected.is_some());
    }

    #[test]
    fn a_schema_that_is_none_is_the_modules_fault() {
        assert!(check(&json!({"type": 7}), &json!({})).is_err());
    }
}
