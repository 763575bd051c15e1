//! From the JSON of an `openAPIV3Schema` to [`Node`]s: patterns and CEL rules are compiled here, once.

use regex::Regex;
use serde_json::{Map, Value};

use super::{Bounds, FieldError, Kind, ListKind, Node, Values, cel};

/// Schemas nested deeper than this are refused: every walk below recurses.
const DEEPEST: usize = 64;

/// Compiles a schema, or says everything that is wrong with it.
pub(super) fn compile(schema: &Value, path: &str) -> Result<Node, Vec<FieldError>> {
    let mut compiler = Compiler::default();
    let node = compiler.node(schema, path, 0);
    if node.kind != Some(Kind::Object) {
        let detail = "must be object at the root";
        compiler.errors.push(FieldError::invalid(&format!("{path}.type"), field(schema, "type"), detail));
    }
    if compiler.errors.is_empty() { Ok(node) } else { Err(compiler.errors) }
}

#[derive(Default)]
struct Compiler {
    errors: Vec<FieldError>,
}

fn field<'a>(schema: &'a Value, name: &str) -> &'a Value {
    schema.get(name).unwrap_or(&Value::Null)
}

fn flag(schema: &Value, name: &str) -> bool {
    field(schema, name).as_bool().unwrap_or(false)
}

fn texts(value: &Value) -> Vec<String> {
    crate::object::texts(Some(value)).into_iter().map(str::to_owned).collect()
}

impl Compiler {
    fn node(&mut self, schema: &Value, path: &str, depth: usize) -> Node {
        if depth > DEEPEST {
            self.errors.push(FieldError::forbidden(path, &format!("schemas may be nested {DEEPEST} deep")));
            return Node::default();
        }
        let within = depth + 1;
        let mut node = Node {
            kind: self.kind(schema, path),
            properties: self.properties(schema, path, within),
            values: self.values(schema, path, within),
            items: self.optional(schema, "items", path, within),
            required: texts(field(schema, "required")),
            allowed: field(schema, "enum").as_array().cloned().unwrap_or_default(),
            bounds: bounds(schema),
            pattern: self.pattern(schema, path),
            format: field(schema, "format").as_str().map(str::to_owned),
            nullable: flag(schema, "nullable"),
            int_or_string: flag(schema, "x-kubernetes-int-or-string"),
            preserve_unknown: flag(schema, "x-kubernetes-preserve-unknown-fields"),
            embedded: flag(schema, "x-kubernetes-embedded-resource"),
            list: self.list(schema, path),
            atomic_map: field(schema, "x-kubernetes-map-type").as_str() == Some("atomic"),
            default: schema.get("default").cloned(),
            all_of: self.branches(schema, "allOf", path, within),
            any_of: self.branches(schema, "anyOf", path, within),
            one_of: self.branches(schema, "oneOf", path, within),
            not: self.optional(schema, "not", path, within),
            rules: self.rules(schema, path),
            ruled: false,
        };
        node.ruled = !node.rules.is_empty() || node.children().any(|child| child.ruled);
        node
    }

    fn kind(&mut self, schema: &Value, path: &str) -> Option<Kind> {
        let name = field(schema, "type").as_str()?;
        let kind = match name {
            "object" => Kind::Object,
            "array" => Kind::Array,
            "string" => Kind::String,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            _ => {
                let detail = "supported types are object, array, string, integer, number, boolean";
                self.errors.push(FieldError::invalid(&format!("{path}.type"), field(schema, "type"), detail));
                return None;
            }
        };
        Some(kind)
    }

    fn properties(
        &mut self,
        schema: &Value,
        path: &str,
        depth: usize,
    ) -> std::collections::BTreeMap<String, Node> {
        let empty = Map::new();
        let properties = field(schema, "properties").as_object().unwrap_or(&empty);
        let compiled = properties.iter().map(|(name, property)| {
            (name.clone(), self.node(property, &format!("{path}.properties[{name}]"), depth))
        });
        compiled.collect()
    }

    fn values(&mut self, schema: &Value, path: &str, depth: usize) -> Values {
        match field(schema, "additionalProperties") {
            Value::Bool(true) => Values::Any,
            value @ Value::Object(_) => {
                Values::Of(Box::new(self.node(value, &format!("{path}.additionalProperties"), depth)))
            }
            _ => Values::Unknown,
        }
    }

    fn optional(&mut self, schema: &Value, name: &str, path: &str, depth: usize) -> Option<Box<Node>> {
        let value = schema.get(name)?;
        Some(Box::new(self.node(value, &format!("{path}.{name}"), depth)))
    }

    fn branches(&mut self, schema: &Value, name: &str, path: &str, depth: usize) -> Vec<Node> {
        let listed = field(schema, name).as_array().map(Vec::as_slice).unwrap_or_default();
        let compiled = listed
            .iter()
            .enumerate()
            .map(|(position, branch)| self.node(branch, &format!("{path}.{name}[{position}]"), depth));
        compiled.collect()
    }

    fn pattern(&mut self, schema: &Value, path: &str) -> Option<Regex> {
        let text = field(schema, "pattern").as_str()?;
        match Regex::new(text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let detail = format!("must be a valid regular expression, but isn't: {error}");
                self.errors.push(FieldError::invalid(
                    &format!("{path}.pattern"),
                    field(schema, "pattern"),
                    &detail,
                ));
                None
            }
        }
    }

    fn list(&mut self, schema: &Value, path: &str) -> ListKind {
        match field(schema, "x-kubernetes-list-type").as_str() {
            Some("set") => ListKind::Set,
            Some("map") => {
                let keys = texts(field(schema, "x-kubernetes-list-map-keys"));
                if keys.is_empty() {
                    let place = format!("{path}.x-kubernetes-list-map-keys");
                    self.errors.push(FieldError::required(
                        &place,
                        "must not be empty if x-kubernetes-list-type is map",
                    ));
                }
                ListKind::Map(keys)
            }
            _ => ListKind::Atomic,
        }
    }

    fn rules(&mut self, schema: &Value, path: &str) -> Vec<cel::Rule> {
        let listed =
            field(schema, "x-kubernetes-validations").as_array().map(Vec::as_slice).unwrap_or_default();
        let mut rules = Vec::with_capacity(listed.len());
        for (position, rule) in listed.iter().enumerate() {
            match cel::Rule::compile(rule, &format!("{path}.x-kubernetes-validations[{position}]")) {
                Ok(rule) => rules.push(rule),
                Err(error) => self.errors.push(error),
            }
        }
        rules
    }
}

fn bounds(schema: &Value) -> Bounds {
    let count = |name: &str| field(schema, name).as_u64();
    let number = |name: &str| field(schema, name).as_f64();
    Bounds {
        minimum: number("minimum"),
        exclusive_minimum: flag(schema, "exclusiveMinimum"),
        maximum: number("maximum"),
        exclusive_maximum: flag(schema, "exclusiveMaximum"),
        multiple_of: number("multipleOf"),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
    }
}
