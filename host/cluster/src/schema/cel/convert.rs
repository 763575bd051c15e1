//! From JSON to the values CEL rules see, guided by the schema
//! (`k8s.io/apiserver/pkg/cel/common/values.go`).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use kube_cel::cel::{Context, Program, Value as CelValue, objects::Key, objects::Map};
use serde_json::Value;

use super::super::{Kind, Node, Values};

/// The value as CEL has it. Fields the schema does not know are not visible to rules.
pub(super) fn to_cel(node: &Node, value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => to_number(node, number),
        Value::String(text) => to_text(node, text),
        Value::Array(elements) => {
            let convert =
                |element| node.items.as_deref().map_or(CelValue::Null, |items| to_cel(items, element));
            CelValue::List(Arc::new(elements.iter().map(convert).collect()))
        }
        Value::Object(fields) => {
            let converted = fields.iter().filter_map(|(name, value)| to_field(node, name, value));
            CelValue::Map(Map { map: Arc::new(converted.collect::<HashMap<_, _>>()) })
        }
    }
}

fn to_number(node: &Node, number: &serde_json::Number) -> CelValue {
    match number.as_i64() {
        // A field of type number is a double, whatever the value looks like.
        Some(integer) if node.kind != Some(Kind::Number) => CelValue::Int(integer),
        _ => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

fn to_text(node: &Node, text: &str) -> CelValue {
    let plain = || CelValue::String(Arc::new(text.to_owned()));
    if node.int_or_string {
        return plain();
    }
    match node.format.as_deref() {
        Some("date-time") => evaluated(&TIMESTAMP, text).unwrap_or_else(plain),
        Some("duration") => evaluated(&DURATION, text).unwrap_or_else(plain),
        Some("byte") => evaluated(&BYTES, text).unwrap_or_else(plain),
        _ => plain(),
    }
}

/// CEL's own reading of a string: what a rule's `timestamp(text)` would give, exactly.
static TIMESTAMP: LazyLock<Option<Program>> = LazyLock::new(|| Program::compile("timestamp(text)").ok());
static DURATION: LazyLock<Option<Program>> = LazyLock::new(|| Program::compile("duration(text)").ok());
static BYTES: LazyLock<Option<Program>> = LazyLock::new(|| Program::compile("base64.decode(text)").ok());

fn evaluated(program: &LazyLock<Option<Program>>, text: &str) -> Option<CelValue> {
    super::FUNCTIONS.with(|functions: &Context<'static>| {
        let mut context = functions.new_inner_scope();
        context.add_variable_from_value("text", text);
        program.as_ref()?.execute(&context).ok()
    })
}

fn to_field(node: &Node, name: &str, value: &Value) -> Option<(Key, CelValue)> {
    if let Some(property) = node.properties.get(name) {
        let converted = if is_envelope(property, name) { untyped(value) } else { to_cel(property, value) };
        return Some((Key::from(escaped(name)), converted));
    }
    match &node.values {
        // Keys of a map are data, not names: they are not escaped.
        Values::Of(of) => Some((Key::from(name), to_cel(of, value))),
        Values::Any => Some((Key::from(name), untyped(value))),
        Values::Unknown if matches!(name, "apiVersion" | "kind" | "metadata") => {
            Some((Key::from(name), untyped(value)))
        }
        Values::Unknown => None,
    }
}

/// Definitions write `metadata: {type: object}` and mean `ObjectMeta`.
fn is_envelope(property: &Node, name: &str) -> bool {
    name == "metadata" && property.properties.is_empty() && property.kind == Some(Kind::Object)
}

fn untyped(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => to_number(&Node::default(), number),
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(elements) => CelValue::List(Arc::new(elements.iter().map(untyped).collect())),
        Value::Object(fields) => {
            let converted = fields.iter().map(|(name, value)| (Key::from(name.as_str()), untyped(value)));
            CelValue::Map(Map { map: Arc::new(converted.collect::<HashMap<_, _>>()) })
        }
    }
}

/// Words that CEL reserves; a field of that name is written `__name__`.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// A field's name as rules write it: `a.b` is `a__dot__b`, `__` is `__underscores__`.
fn escaped(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}
