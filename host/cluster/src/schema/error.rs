//! What is wrong with one field, in the words of the API server
//! (`k8s.io/apimachinery/pkg/util/validation/field`).

use std::fmt;

use serde_json::Value;

/// A fault of one field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where, as the API server writes it: `spec.mounts[0].mountPoint`. `<nil>` for no field.
    pub path: String,
    /// Which kind of fault.
    pub kind: FaultKind,
    /// The sentence without the path: `Invalid value: -1: spec.x in body should be …`.
    pub message: String,
    /// What would have been right: the names of the known fields, the allowed values or the type.
    pub expected: Vec<String>,
}

/// The kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A required field is missing.
    Required,
    /// The value has the wrong JSON type.
    Type,
    /// The schema knows no such field.
    Unknown,
    /// The value is none of those allowed.
    Enum,
    /// A number, length or count is outside its limits, or a pattern or format does not match.
    Invalid,
    /// A string is too long.
    TooLong,
    /// A list or map has too many elements.
    TooMany,
    /// Two elements of a set or keyed list are the same.
    Duplicate,
    /// A CEL rule says no.
    Cel,
    /// The value may not be given here.
    Forbidden,
    /// The value names something that is not there.
    NotFound,
}

impl FaultKind {
    /// The `reason` of a Status cause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Type => "FieldValueTypeInvalid",
            Self::Enum => "FieldValueNotSupported",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotFound => "FieldValueNotFound",
            Self::Unknown | Self::Invalid | Self::Cel => "FieldValueInvalid",
        }
    }

    /// Whether rules cannot be evaluated on an object with such a fault: their types or costs
    /// would not be what they were compiled for.
    pub(super) fn hides_rules(self) -> bool {
        matches!(self, Self::Required | Self::Type | Self::Enum | Self::TooLong | Self::TooMany)
    }
}

impl FieldError {
    fn new(path: &str, kind: FaultKind, message: String) -> Self {
        Self { path: path.to_owned(), kind, message, expected: Vec::new() }
    }

    /// A required field is missing.
    pub(crate) fn required(path: &str, detail: &str) -> Self {
        let message =
            if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        Self::new(path, FaultKind::Required, message)
    }

    /// The value breaks a limit, pattern or format.
    pub(crate) fn invalid(path: &str, value: &Value, detail: &str) -> Self {
        Self::new(path, FaultKind::Invalid, format!("Invalid value: {value}: {detail}"))
    }

    pub(super) fn wrong_type(path: &str, found: &str, expected: &str) -> Self {
        let message =
            format!("Invalid value: {found:?}: {path} in body must be of type {expected}: {found:?}");
        Self { expected: vec![expected.to_owned()], ..Self::new(path, FaultKind::Type, message) }
    }

    /// A field that is not known.
    pub(crate) fn unknown(path: &str, known: Vec<String>) -> Self {
        Self { expected: known, ..Self::new(path, FaultKind::Unknown, format!("unknown field {path:?}")) }
    }

    /// The value is none of those allowed.
    pub(crate) fn not_allowed(path: &str, value: &Value, allowed: &[Value]) -> Self {
        let listed: Vec<_> = allowed.iter().map(Value::to_string).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", listed.join(", "));
        Self { expected: allowed.iter().map(plain).collect(), ..Self::new(path, FaultKind::Enum, message) }
    }

    pub(super) fn too_long(path: &str, most: u64) -> Self {
        let unit = if most == 1 { "byte" } else { "bytes" };
        Self::new(path, FaultKind::TooLong, format!("Too long: may not be more than {most} {unit}"))
    }

    pub(super) fn too_many(path: &str, found: usize, most: u64) -> Self {
        let unit = if most == 1 { "item" } else { "items" };
        Self::new(path, FaultKind::TooMany, format!("Too many: {found}: must have at most {most} {unit}"))
    }

    /// Two elements are the same.
    pub(crate) fn duplicate(path: &str, value: &Value) -> Self {
        Self::new(path, FaultKind::Duplicate, format!("Duplicate value: {value}"))
    }

    /// A value that may not be given or changed.
    pub(crate) fn forbidden(path: &str, detail: &str) -> Self {
        Self::new(path, FaultKind::Forbidden, format!("Forbidden: {detail}"))
    }

    /// A CEL rule failed on this value, which is shown where it is short: not an object, not a list.
    pub(super) fn rule(path: &str, value: &Value, detail: &str) -> Self {
        let shown = match value {
            Value::Object(_) | Value::Array(_) => String::new(),
            other => format!("{other}: "),
        };
        Self::new(or_nil(path), FaultKind::Cel, format!("Invalid value: {shown}{detail}"))
    }

    /// A CEL rule could not be evaluated on a value of this type.
    pub(super) fn rule_not_evaluated(path: &str, kind: &str, detail: &str) -> Self {
        Self::new(or_nil(path), FaultKind::Cel, format!("Invalid value: {kind:?}: {detail}"))
    }

    /// As [`FieldError::rule`], for a rule that names another reason than an invalid value.
    pub(super) fn rule_with_reason(path: &str, value: &Value, detail: &str, reason: &str) -> Self {
        match reason {
            "FieldValueRequired" => Self::required(or_nil(path), detail),
            "FieldValueForbidden" => Self::forbidden(or_nil(path), detail),
            "FieldValueDuplicate" => {
                Self::new(or_nil(path), FaultKind::Duplicate, format!("Duplicate value: {value}: {detail}"))
            }
            _ => Self::rule(path, value, detail),
        }
    }

    /// The value names something that is not there.
    pub(crate) fn not_found(path: &str, value: &Value) -> Self {
        Self::new(path, FaultKind::NotFound, format!("Not found: {value}"))
    }

    pub(super) fn rules_not_checked() -> Self {
        let detail = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
        Self::new("<nil>", FaultKind::Invalid, format!("Invalid value: null: {detail}"))
    }
}

/// The path of the whole object, as the API server writes it.
fn or_nil(path: &str) -> &str {
    if path.is_empty() { "<nil>" } else { path }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for FieldError {}
