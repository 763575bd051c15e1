//! The structural schema of a CustomResourceDefinition: what objects must look like, what is filled
//! in and what is dropped. Pure: it serves the API server, `--dry-run` and the YAML diagnostics alike.

mod cel;
mod compile;
mod default;
mod error;
mod format;
mod prune;
mod validate;

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use regex::Regex;
use serde_json::Value;

pub use error::{FaultKind, FieldError};

/// The compiled schema of one version of a custom resource, CEL rules included.
/// Compiling takes milliseconds; validating an object takes microseconds.
#[derive(Debug)]
pub struct Schema {
    root: Node,
}

impl Schema {
    /// The schema of one version of a definition; `None` if it has no such version.
    ///
    /// # Errors
    /// What is wrong with the schema itself, with paths inside the definition.
    pub fn of_version(
        definition: &CustomResourceDefinition,
        version: &str,
    ) -> Result<Option<Self>, Vec<FieldError>> {
        let position = definition.spec.versions.iter().position(|candidate| candidate.name == version);
        let found =
            position.and_then(|position| definition.spec.versions.get(position).map(|it| (position, it)));
        let Some((position, found)) = found else { return Ok(None) };
        let path = format!("spec.versions[{position}].schema.openAPIV3Schema");
        let schema = found.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
        let value = serde_json::to_value(schema).unwrap_or(Value::Null);
        Self::compile(&value, &path).map(Some)
    }

    /// Reads an `openAPIV3Schema`; `path` is where it is, for messages.
    pub(crate) fn compile(schema: &Value, path: &str) -> Result<Self, Vec<FieldError>> {
        let root = compile::compile(schema, path)?;
        Ok(Self { root })
    }

    /// Everything wrong with an object: structure first and, if that is sound enough for rules to
    /// be evaluated, CEL. `old` is the stored object on an update, for transition rules.
    pub fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = validate::validate(&self.root, object);
        if !self.root.ruled {
            return errors;
        }
        if errors.iter().any(|error| error.kind.hides_rules()) {
            errors.push(FieldError::rules_not_checked());
        } else {
            errors.extend(cel::validate(&self.root, object, old));
        }
        errors
    }

    /// Fills in the defaults of missing fields.
    pub fn default(&self, object: &mut Value) {
        default::default_object(&self.root, object);
    }

    /// Removes the fields that the schema does not know and names them.
    pub fn prune(&self, object: &mut Value) -> Vec<FieldError> {
        prune::prune_object(&self.root, object)
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }
}

/// One place of a schema.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) kind: Option<Kind>,
    pub(crate) properties: BTreeMap<String, Node>,
    pub(crate) values: Values,
    pub(crate) items: Option<Box<Node>>,
    required: Vec<String>,
    allowed: Vec<Value>,
    bounds: Bounds,
    pattern: Option<Regex>,
    format: Option<String>,
    nullable: bool,
    int_or_string: bool,
    preserve_unknown: bool,
    embedded: bool,
    pub(crate) list: ListKind,
    pub(crate) atomic_map: bool,
    pub(crate) default: Option<Value>,
    all_of: Vec<Node>,
    any_of: Vec<Node>,
    one_of: Vec<Node>,
    not: Option<Box<Node>>,
    rules: Vec<cel::Rule>,
    /// Whether this node or one below has CEL rules: walks for rules skip all others.
    ruled: bool,
}

/// The JSON type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// What `additionalProperties` says about fields that are not properties.
#[derive(Debug, Default)]
pub(crate) enum Values {
    /// There are none.
    #[default]
    Unknown,
    /// Anything.
    Any,
    /// A map of such values.
    Of(Box<Node>),
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum ListKind {
    #[default]
    Atomic,
    Set,
    /// Elements are told apart by these fields.
    Map(Vec<String>),
}

/// Limits on a value; absent ones do not limit.
#[derive(Debug, Default)]
struct Bounds {
    minimum: Option<f64>,
    exclusive_minimum: bool,
    maximum: Option<f64>,
    exclusive_maximum: bool,
    multiple_of: Option<f64>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    min_items: Option<u64>,
    max_items: Option<u64>,
    min_properties: Option<u64>,
    max_properties: Option<u64>,
}

impl Node {
    fn children(&self) -> impl Iterator<Item = &Node> {
        let values = match &self.values {
            Values::Of(node) => Some(node.as_ref()),
            Values::Unknown | Values::Any => None,
        };
        self.properties.values().chain(values).chain(self.items.as_deref())
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}
