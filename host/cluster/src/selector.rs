//! Label and field selectors: reading them and holding an object to them.

use serde_json::Value;

use crate::object;
use crate::registry::Resource;
use crate::status::Refusal;

/// Which objects of a resource are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

impl Selector {
    /// Reads both selectors; a field that the resource does not offer is refused.
    pub(crate) fn parse(labels: &str, fields: &str, resource: &Resource) -> Result<Self, Refusal> {
        let fields = parse_fields(fields)?;
        for requirement in &fields {
            if !resource.can_select(&requirement.key) {
                return Err(Refusal::bad_request(format!("field label not supported: {}", requirement.key)));
            }
        }
        Ok(Self { labels: parse_labels(labels)?, fields })
    }

    /// Whether every object is wanted.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether the object is wanted.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.labels.iter().all(|requirement| requirement.holds(object::label(object, &requirement.key)))
            && self
                .fields
                .iter()
                .all(|requirement| requirement.holds(Some(&field_text(object, &requirement.key))))
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|text| text.parse::<i64>().ok());
        match &self.test {
            Test::In(values) => value.is_some_and(|text| values.iter().any(|wanted| wanted == text)),
            // A missing label is in no set: it satisfies `notin` and `!=`.
            Test::NotIn(values) => value.is_none_or(|text| values.iter().all(|unwanted| unwanted != text)),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::Above(bound) => number().is_some_and(|value| value > *bound),
            Test::Below(bound) => number().is_some_and(|value| value < *bound),
        }
    }
}

/// A selectable field as text; a missing one is the empty string.
fn field_text(object: &Value, path: &str) -> String {
    match object::at_path(object, path) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        _ => String::new(),
    }
}

fn parse_fields(text: &str) -> Result<Vec<Requirement>, Refusal> {
    text.split(',').filter(|part| !part.trim().is_empty()).map(parse_field).collect()
}

fn parse_field(text: &str) -> Result<Requirement, Refusal> {
    let (key, value, equal) = if let Some((key, value)) = text.split_once("!=") {
        (key, value, false)
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, value, true)
    } else {
        return Err(Refusal::bad_request(format!("invalid selector: '{text}'; can't understand '{text}'")));
    };
    let values = vec![value.trim().to_owned()];
    let test = if equal { Test::In(values) } else { Test::NotIn(values) };
    Ok(Requirement { key: key.trim().to_owned(), test })
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, Refusal> {
    split_outside_parentheses(text).into_iter().map(parse_label).collect()
}

/// Splits at commas that are not inside `( )`.
fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let at_commas = text.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    });
    at_commas.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn parse_label(text: &str) -> Result<Requirement, Refusal> {
    let requirement = |key: &str, test| Ok(Requirement { key: key.trim().to_owned(), test });
    if let Some(key) = text.strip_prefix('!') {
        return requirement(key, Test::Absent);
    }
    if let Some((key, operator, values)) = set_requirement(text) {
        let test = if operator == "in" { Test::In(values) } else { Test::NotIn(values) };
        return requirement(key, test);
    }
    for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
        if let Some((key, value)) = text.split_once(operator) {
            let values = vec![value.trim().to_owned()];
            return requirement(key, if equal { Test::In(values) } else { Test::NotIn(values) });
        }
    }
    if let Some((key, bound)) = text.split_once('>') {
        return requirement(key, Test::Above(bound_of(text, bound)?));
    }
    if let Some((key, bound)) = text.split_once('<') {
        return requirement(key, Test::Below(bound_of(text, bound)?));
    }
    if text.contains(char::is_whitespace) || text.contains(['(', ')']) {
        return Err(Refusal::bad_request(format!(
            "unable to parse requirement: found {text:?}, expected: in, notin, =, ==, !=, gt, lt"
        )));
    }
    requirement(text, Test::Exists)
}

/// `key in (a, b)` and `key notin (a, b)`.
fn set_requirement(text: &str) -> Option<(&str, &str, Vec<String>)> {
    let (head, values) = text.strip_suffix(')')?.split_once('(')?;
    let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
    let values = values.split(',').map(|value| value.trim().to_owned()).collect();
    matches!(operator, "in" | "notin").then_some((key, operator, values))
}

fn bound_of(text: &str, bound: &str) -> Result<i64, Refusal> {
    let refusal =
        |_| Refusal::bad_request(format!("{text:?}: for 'Gt', 'Lt' operators, the value must be an integer"));
    bound.trim().parse().map_err(refusal)
}
