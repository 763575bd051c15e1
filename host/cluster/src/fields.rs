//! Sets of fields, as `metadata.managedFields` records who wrote what
//! (`sigs.k8s.io/structured-merge-diff`). Reading and changing objects by such sets is in the
//! modules below.

pub(crate) mod compare;
pub(crate) mod managers;
pub(crate) mod shape;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// One step of a path, spelled as in `fieldsV1`: `f:NAME`, `k:{KEYS}`, `v:VALUE`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(String);

impl Step {
    /// A field of an object or an entry of a map.
    pub(crate) fn field(name: &str) -> Self {
        Self(format!("f:{name}"))
    }

    /// An element of a keyed list.
    pub(crate) fn key(keys: &BTreeMap<&str, Value>) -> Self {
        Self(format!("k:{}", json!(keys)))
    }

    /// An element of a set.
    pub(crate) fn value(value: &Value) -> Self {
        Self(format!("v:{value}"))
    }

    /// The field's name, if the step is one.
    pub(crate) fn as_field(&self) -> Option<&str> {
        self.0.strip_prefix("f:")
    }
}

/// A set of fields: a tree whose marked nodes are in the set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    /// Whether the place itself is in the set.
    pub(crate) member: bool,
    pub(crate) children: BTreeMap<Step, FieldSet>,
}

impl FieldSet {
    /// Whether no place is in the set.
    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    /// Adds the places of a child, if it has any.
    pub(crate) fn insert(&mut self, step: Step, child: Self) {
        if !child.is_empty() {
            self.children.insert(step, child);
        }
    }

    /// The places in either set.
    pub(crate) fn union(mut self, other: &Self) -> Self {
        self.member |= other.member;
        for (step, child) in &other.children {
            let joined = self.children.remove(step).unwrap_or_default().union(child);
            self.children.insert(step.clone(), joined);
        }
        self
    }

    /// The places in this set that are not in the other.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        let mut rest = Self { member: self.member && !other.member, children: BTreeMap::new() };
        for (step, child) in &self.children {
            let remaining =
                other.children.get(step).map_or_else(|| child.clone(), |taken| child.minus(taken));
            rest.insert(step.clone(), remaining);
        }
        rest
    }

    /// The places in both sets.
    pub(crate) fn both(&self, other: &Self) -> Self {
        let mut shared = Self { member: self.member && other.member, children: BTreeMap::new() };
        for (step, child) in &self.children {
            if let Some(theirs) = other.children.get(step) {
                shared.insert(step.clone(), child.both(theirs));
            }
        }
        shared
    }

    /// Removes a place and everything below it.
    pub(crate) fn remove_tree(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        let step = Step::field(first);
        if rest.is_empty() {
            self.children.remove(&step);
        } else if let Some(child) = self.children.get_mut(&step) {
            child.remove_tree(rest);
            if child.is_empty() {
                self.children.remove(&step);
            }
        }
    }

    /// The set as `fieldsV1`.
    pub(crate) fn to_value(&self) -> Value {
        let mut fields = Map::new();
        if self.member && !self.children.is_empty() {
            fields.insert(".".to_owned(), json!({}));
        }
        for (Step(step), child) in &self.children {
            fields.insert(step.clone(), child.to_value());
        }
        Value::Object(fields)
    }

    /// Reads a `fieldsV1`.
    pub(crate) fn from_value(value: &Value) -> Self {
        let mut set = Self::default();
        for (step, child) in value.as_object().into_iter().flatten() {
            if step == "." {
                set.member = true;
                continue;
            }
            let mut child = Self::from_value(child);
            // A step with nothing below it is itself in the set.
            child.member |= child.children.is_empty();
            set.children.insert(Step(step.clone()), child);
        }
        set
    }

    /// Every place in the set, as messages name it: `.spec.mounts[name="a"].path`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_paths("", &mut found);
        found
    }

    fn collect_paths(&self, path: &str, found: &mut Vec<String>) {
        if self.member {
            found.push(path.to_owned());
        }
        for (step, child) in &self.children {
            child.collect_paths(&format!("{path}{}", step.shown()), found);
        }
    }
}

impl Step {
    fn shown(&self) -> String {
        match self.0.split_once(':') {
            Some(("f", name)) => format!(".{name}"),
            Some(("k", keys)) => format!("[{}]", shown_keys(keys)),
            Some(("v", value)) => format!("[={value}]"),
            _ => self.0.clone(),
        }
    }
}

fn shown_keys(keys: &str) -> String {
    let parsed: BTreeMap<String, Value> = serde_json::from_str(keys).unwrap_or_default();
    parsed.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}
