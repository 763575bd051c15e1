//! `metadata.managedFields`: who wrote which fields, and how a write changes that.

use serde_json::{Value, json};

use super::FieldSet;
use super::compare::{Comparison, compare, fields_of};
use super::shape::Shape;
use crate::object;
use crate::status::{Cause, Refusal};

/// Who writes, how, when.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) manager: String,
    pub(crate) applies: bool,
    pub(crate) api_version: String,
    /// Empty for the object itself.
    pub(crate) subresource: String,
    pub(crate) time: String,
}

/// One entry of `managedFields`.
#[derive(Debug, Clone)]
struct Manager {
    writer: Writer,
    fields: FieldSet,
}

impl Manager {
    fn is(&self, writer: &Writer) -> bool {
        let (mine, theirs) = (&self.writer, writer);
        mine.manager == theirs.manager
            && mine.applies == theirs.applies
            && mine.api_version == theirs.api_version
            && mine.subresource == theirs.subresource
    }
}

/// Every entry of an object's `managedFields`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Managers(Vec<Manager>);

/// Metadata that the server keeps, which nobody manages.
const UNMANAGED: [&[&str]; 12] = [
    &["apiVersion"],
    &["kind"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "deletionTimestamp"],
    &["metadata", "deletionGracePeriodSeconds"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
];

impl Managers {
    /// Reads the entries of an object.
    pub(crate) fn of(object: &Value) -> Self {
        let listed =
            object::metadata(object).and_then(|fields| fields.get("managedFields")).and_then(Value::as_array);
        Self(listed.into_iter().flatten().filter_map(manager).collect())
    }

    /// Writes the entries into an object.
    pub(crate) fn write(mut self, object: &mut Value) {
        self.0.retain(|manager| !manager.fields.is_empty());
        self.0.sort_by(|one, other| order(one).cmp(&order(other)));
        let entries: Vec<_> = self.0.iter().map(entry).collect();
        object::set_meta(
            object,
            "managedFields",
            if entries.is_empty() { Value::Null } else { json!(entries) },
        );
    }

    /// Records a create, update or patch: the writer takes over what it changed.
    pub(crate) fn record_update(
        mut self,
        old: Option<&Value>,
        new: &mut Value,
        shape: Shape<'_>,
        writer: Writer,
    ) {
        let changes = changes(old, new, shape);
        if !changes.is_same() {
            let changed = changes.modified.union(&changes.added);
            let mine = self.take(&writer).minus(&changes.removed).union(&changed);
            self.give_up(&changed.union(&changes.removed));
            self.0.push(Manager { writer, fields: mine });
        }
        self.write(new);
    }

    /// What this writer applied the last time.
    pub(crate) fn last_applied(&self, writer: &Writer) -> FieldSet {
        self.0
            .iter()
            .find(|manager| manager.is(writer))
            .map(|manager| manager.fields.clone())
            .unwrap_or_default()
    }

    /// Everything that others than this writer wrote.
    pub(crate) fn fields_of_others(&self, writer: &Writer) -> FieldSet {
        let others = self.0.iter().filter(|manager| !manager.is(writer));
        others.fold(FieldSet::default(), |all, manager| all.union(&manager.fields))
    }

    /// Records an apply, or refuses it for changing fields of others.
    pub(crate) fn record_apply(
        mut self,
        old: Option<&Value>,
        new: &mut Value,
        applied: FieldSet,
        shape: Shape<'_>,
        writer: Writer,
        force: bool,
    ) -> Result<(), Refusal> {
        let Comparison { added, modified, removed } = changes(old, new, shape);
        let before = self.take_entry(&writer);
        let changed = modified.union(&added);
        if !force {
            self.refuse_conflicts(&changed)?;
        }
        self.give_up(&changed.union(&removed));
        let unchanged = before.filter(|before| before.fields == applied).map(|before| before.writer.time);
        let time = unchanged.unwrap_or_else(|| writer.time.clone());
        self.0.push(Manager { writer: Writer { time, ..writer }, fields: applied });
        self.write(new);
        Ok(())
    }

    fn refuse_conflicts(&self, changed: &FieldSet) -> Result<(), Refusal> {
        let mut causes = Vec::new();
        for manager in &self.0 {
            for field in manager.fields.both(changed).paths() {
                causes.push(Cause {
                    reason: "FieldManagerConflict",
                    message: conflict_with(&manager.writer),
                    field,
                });
            }
        }
        if causes.is_empty() { Ok(()) } else { Err(Refusal::apply_conflict(causes)) }
    }

    fn give_up(&mut self, fields: &FieldSet) {
        for manager in &mut self.0 {
            manager.fields = manager.fields.minus(fields);
        }
    }

    fn take(&mut self, writer: &Writer) -> FieldSet {
        self.take_entry(writer).map(|manager| manager.fields).unwrap_or_default()
    }

    fn take_entry(&mut self, writer: &Writer) -> Option<Manager> {
        let position = self.0.iter().position(|manager| manager.is(writer))?;
        Some(self.0.remove(position))
    }
}

/// The fields a configuration applies, without those nobody manages.
pub(crate) fn applied_fields(configuration: &Value, shape: Shape<'_>) -> FieldSet {
    managed(fields_of(configuration, shape))
}

fn changes(old: Option<&Value>, new: &Value, shape: Shape<'_>) -> Comparison {
    // A new object is compared with an empty one: its root is not a field.
    let empty = json!({});
    let Comparison { added, modified, removed } = compare(Some(old.unwrap_or(&empty)), Some(new), shape);
    Comparison { added: managed(added), modified: managed(modified), removed: managed(removed) }
}

fn managed(mut fields: FieldSet) -> FieldSet {
    for path in UNMANAGED {
        fields.remove_tree(path);
    }
    // `metadata` itself belongs to every object.
    if let Some(metadata) = fields.children.get_mut(&super::Step::field("metadata")) {
        metadata.member = false;
    }
    fields.children.retain(|_, child| !child.is_empty());
    fields
}

fn conflict_with(writer: &Writer) -> String {
    let with = format!("conflict with {:?}", writer.manager);
    let with = if writer.subresource.is_empty() {
        with
    } else {
        format!("{with} with subresource {:?}", writer.subresource)
    };
    if writer.applies { with } else { format!("{with} using {}", writer.api_version) }
}

/// Applies first, then by time and name: the order of an API server.
fn order(manager: &Manager) -> (bool, &str, &str, &str) {
    let writer = &manager.writer;
    (!writer.applies, &writer.time, &writer.manager, &writer.subresource)
}

fn manager(entry: &Value) -> Option<Manager> {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let fields = FieldSet::from_value(entry.get("fieldsV1")?);
    let writer = Writer {
        manager: text("manager"),
        applies: text("operation") == "Apply",
        api_version: text("apiVersion"),
        subresource: text("subresource"),
        time: text("time"),
    };
    Some(Manager { writer, fields })
}

fn entry(manager: &Manager) -> Value {
    let Writer { manager: name, applies, api_version, subresource, time } = &manager.writer;
    let mut entry = json!({
        "manager": name,
        "operation": if *applies { "Apply" } else { "Update" },
        "apiVersion": api_version,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": manager.fields.to_value(),
    });
    if !subresource.is_empty() {
        object::set_field(&mut entry, "subresource", Some(json!(subresource)));
    }
    entry
}
