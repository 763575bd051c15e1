//! Which fields an object has, and which differ between two versions of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::shape::{Shape, steps};
use super::{FieldSet, Step};

/// The fields an applied configuration lists.
pub(crate) fn fields_of(value: &Value, shape: Shape<'_>) -> FieldSet {
    let mut set = FieldSet::default();
    match value {
        Value::Object(fields) if !shape.is_atomic_map() => {
            for (name, value) in fields {
                let mut child = fields_of(value, shape.field(name));
                let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                child.member |= empty || !shape.knows(name);
                set.insert(Step::field(name), child);
            }
        }
        Value::Array(list) => match steps(shape, list) {
            Some(steps) => {
                for (step, element) in steps.into_iter().zip(list) {
                    let mut child = fields_of(element, shape.element());
                    child.member = true;
                    set.insert(step, child);
                }
            }
            None => set.member = true,
        },
        _ => set.member = true,
    }
    set
}

/// What changed between two versions of an object.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) added: FieldSet,
    pub(crate) modified: FieldSet,
    pub(crate) removed: FieldSet,
}

impl Comparison {
    /// Nothing changed.
    pub(crate) fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    fn insert(&mut self, step: Step, child: Self) {
        self.added.insert(step.clone(), child.added);
        self.modified.insert(step.clone(), child.modified);
        self.removed.insert(step, child.removed);
    }
}

/// Compares two versions of a value.
pub(crate) fn compare(old: Option<&Value>, new: Option<&Value>, shape: Shape<'_>) -> Comparison {
    let mut found = Comparison::default();
    if old == new {
        return found;
    }
    let containers = as_containers(old, new, shape);
    let is_leaf = containers.is_none();
    if let Some((old, new)) = containers {
        let names: BTreeSet<&Step> = old.keys().chain(new.keys()).collect();
        for step in names {
            let (old, new) = (old.get(step), new.get(step));
            let shape = new.or(old).map_or(shape, |(_, shape)| *shape);
            let child = compare(old.map(|(value, _)| *value), new.map(|(value, _)| *value), shape);
            found.insert(step.clone(), child);
        }
    }
    // Containers that came or went are fields themselves; so is everything that has no parts.
    found.added.member = old.is_none();
    found.removed.member = new.is_none();
    found.modified.member = is_leaf && old.is_some() && new.is_some();
    found
}

type Parts<'a> = BTreeMap<Step, (&'a Value, Shape<'a>)>;

/// The parts of both values, if both can be taken apart in the same way.
fn as_containers<'a>(
    old: Option<&'a Value>,
    new: Option<&'a Value>,
    shape: Shape<'a>,
) -> Option<(Parts<'a>, Parts<'a>)> {
    let same_type = match (old, new) {
        (Some(old), Some(new)) => old.is_object() == new.is_object() && old.is_array() == new.is_array(),
        _ => true,
    };
    if !same_type {
        return None;
    }
    let parts =
        |value: Option<&'a Value>| value.map_or_else(|| Some(Parts::new()), |value| parts(value, shape));
    Some((parts(old)?, parts(new)?))
}

fn parts<'a>(value: &'a Value, shape: Shape<'a>) -> Option<Parts<'a>> {
    match value {
        Value::Object(fields) if !shape.is_atomic_map() => {
            Some(fields.iter().map(|(name, value)| (Step::field(name), (value, shape.field(name)))).collect())
        }
        Value::Array(list) => {
            let steps = steps(shape, list)?;
            Some(steps.into_iter().zip(list.iter().map(|element| (element, shape.element()))).collect())
        }
        _ => None,
    }
}
