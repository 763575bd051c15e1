//! CEL rules (`x-kubernetes-validations`): compiled once with the schema, evaluated on every write.
//! The walk is ours rather than kube-cel's: that one escapes field names otherwise than the API
//! server does (`my_field`), has no optional `oldSelf`, and matches list elements by position.

mod convert;

use kube_cel::cel::{self, Context, Program};
use kube_cel::{KubeCelExt, cel::Value as CelValue};
use serde_json::Value;

use super::{FieldError, ListKind, Node, Values};

/// One compiled rule.
pub(super) struct Rule {
    program: Program,
    source: String,
    message: Option<String>,
    message_program: Option<Program>,
    reason: Option<String>,
    field_path: Option<String>,
    /// Whether the rule compares with the stored object.
    is_transition: bool,
    optional_old_self: bool,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Rule").field(&self.source).finish()
    }
}

impl Rule {
    /// Compiles one entry of `x-kubernetes-validations`; `path` is where it stands.
    pub(super) fn compile(rule: &Value, path: &str) -> Result<Self, FieldError> {
        let text = |name: &str| rule.get(name).and_then(Value::as_str).map(str::to_owned);
        let source = text("rule").ok_or_else(|| FieldError::required(&format!("{path}.rule"), ""))?;
        let program = program(&source, &format!("{path}.rule"))?;
        let message_program = text("messageExpression")
            .map(|source| self::program(&source, &format!("{path}.messageExpression")))
            .transpose()?;
        Ok(Self {
            is_transition: program.references().has_variable("oldSelf"),
            program,
            source,
            message: text("message"),
            message_program,
            reason: text("reason"),
            field_path: text("fieldPath"),
            optional_old_self: rule.get("optionalOldSelf").and_then(Value::as_bool).unwrap_or(false),
        })
    }

    /// Evaluates the rule; `None` if it holds.
    fn check(&self, context: &Context<'_>, path: &str, value: &Value, kind: &str) -> Option<FieldError> {
        let place =
            self.field_path.as_ref().map_or_else(|| path.to_owned(), |inner| format!("{path}{inner}"));
        match self.program.execute(context) {
            Ok(CelValue::Bool(true)) => None,
            Ok(CelValue::Bool(false)) => {
                let reason = self.reason.as_deref().unwrap_or_default();
                let place = place.trim_start_matches('.');
                Some(FieldError::rule_with_reason(place, value, &self.words(context), reason))
            }
            Ok(_) => Some(FieldError::rule_not_evaluated(
                path,
                kind,
                &format!("rule did not evaluate to a bool: {}", self.source),
            )),
            Err(error) => Some(FieldError::rule_not_evaluated(
                path,
                kind,
                &format!("{error} evaluating rule: {}", self.words(context)),
            )),
        }
    }

    /// The message of the failed rule: its expression's, else its own, else the rule itself.
    fn words(&self, context: &Context<'_>) -> String {
        if let Some(Ok(CelValue::String(text))) =
            self.message_program.as_ref().map(|program| program.execute(context))
            && !text.trim().is_empty()
        {
            return text.to_string();
        }
        self.message.clone().unwrap_or_else(|| format!("failed rule: {}", self.source))
    }
}

fn program(source: &str, path: &str) -> Result<Program, FieldError> {
    Program::compile(source).map_err(|error| {
        FieldError::invalid(path, &Value::String(source.to_owned()), &format!("compilation failed: {error}"))
    })
}

thread_local! {
    /// Registering the two hundred functions costs more than evaluating a schema's rules.
    static FUNCTIONS: Context<'static> = Context::default().with_all();
}

/// Holds an object to every rule of its schema. `old` is the stored object, if there is one.
pub(super) fn validate(root: &Node, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    FUNCTIONS.with(|functions| {
        let mut walk = Walk { functions, errors: Vec::new() };
        walk.node(root, object, Old::of(old), "");
        walk.errors
    })
}

/// What a value was before.
#[derive(Clone, Copy)]
enum Old<'a> {
    /// It was this.
    Was(&'a Value),
    /// It was not there; rules with an optional `oldSelf` still run.
    Absent,
    /// It cannot be told, since the element has no identity across versions.
    Unknowable,
}

impl<'a> Old<'a> {
    fn of(value: Option<&'a Value>) -> Self {
        value.map_or(Self::Absent, Self::Was)
    }

    fn field(self, name: &str) -> Self {
        match self {
            Self::Was(value) => Self::of(value.get(name)),
            Self::Absent => Self::Absent,
            Self::Unknowable => Self::Unknowable,
        }
    }

    /// The element with the same identity: only keyed lists have one.
    fn element(self, list: &ListKind, element: &Value) -> Self {
        let ListKind::Map(keys) = list else { return Self::Unknowable };
        match self {
            Self::Was(old) => {
                let same = |candidate: &&Value| keys.iter().all(|key| candidate.get(key) == element.get(key));
                Self::of(old.as_array().and_then(|elements| elements.iter().find(same)))
            }
            other => other,
        }
    }
}

struct Walk<'a> {
    functions: &'a Context<'static>,
    errors: Vec<FieldError>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, value: &Value, old: Old<'_>, path: &str) {
        if value.is_null() || !node.ruled {
            return;
        }
        self.rules(node, value, old, path);
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.field(node, name, value, old.field(name), path);
                }
            }
            Value::Array(elements) => {
                let Some(items) = &node.items else { return };
                for (position, element) in elements.iter().enumerate() {
                    let old = old.element(&node.list, element);
                    self.node(items, element, old, &format!("{path}[{position}]"));
                }
            }
            _ => {}
        }
    }

    fn field(&mut self, node: &Node, name: &str, value: &Value, old: Old<'_>, path: &str) {
        if let Some(property) = node.properties.get(name) {
            let place = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            self.node(property, value, old, &place);
        } else if let Values::Of(of) = &node.values {
            self.node(of, value, old, &format!("{path}[{name}]"));
        }
    }

    fn rules(&mut self, node: &Node, value: &Value, old: Old<'_>, path: &str) {
        if node.rules.is_empty() {
            return;
        }
        let mut context = self.functions.new_inner_scope();
        context.add_variable_from_value("self", convert::to_cel(node, value));
        let kind = node.kind.map_or("object", super::Kind::name);
        for rule in &node.rules {
            let mut scope = context.new_inner_scope();
            if rule.is_transition {
                match old_self(rule, node, old) {
                    Some(old) => scope.add_variable_from_value("oldSelf", old),
                    None => continue,
                }
            }
            self.errors.extend(rule.check(&scope, path, value, kind));
        }
    }
}

/// What a transition rule sees as `oldSelf`; `None` if it does not run.
fn old_self(rule: &Rule, node: &Node, old: Old<'_>) -> Option<CelValue> {
    match (old, rule.optional_old_self) {
        (Old::Was(old), false) => Some(convert::to_cel(node, old)),
        (Old::Was(old), true) => Some(optional(Some(convert::to_cel(node, old)))),
        (Old::Absent, true) => Some(optional(None)),
        (Old::Absent, false) | (Old::Unknowable, _) => None,
    }
}

fn optional(value: Option<CelValue>) -> CelValue {
    let value = value.map_or_else(cel::objects::OptionalValue::none, cel::objects::OptionalValue::of);
    CelValue::Opaque(std::sync::Arc::new(value))
}
