//! Merge patches that say exactly what changed, in the version that was read.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// The merge patch of `status` from `old` to `new`, which is refused unless the object still has
/// `resource_version`.
pub(crate) fn status<S: Serialize>(
    old: Option<&S>,
    new: &S,
    resource_version: &str,
) -> Result<Value, serde_json::Error> {
    let old = old.map_or(Ok(Value::Null), serde_json::to_value)?;
    let changes = difference(&old, &serde_json::to_value(new)?).unwrap_or_else(|| json!({}));
    Ok(json!({ "metadata": { "resourceVersion": resource_version }, "status": changes }))
}

/// What turns `old` into `new` as a merge patch: null removes, lists are replaced whole.
fn difference(old: &Value, new: &Value) -> Option<Value> {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        return (old != new).then(|| new.clone());
    };
    let mut changes = Map::new();
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        changes.insert(key.clone(), Value::Null);
    }
    for (key, value) in after {
        if let Some(change) = difference(before.get(key).unwrap_or(&Value::Null), value) {
            changes.insert(key.clone(), change);
        }
    }
    (!changes.is_empty()).then_some(Value::Object(changes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_sent_and_what_is_gone_is_removed() {
        let old = json!({"phase": "Pending", "waitingFor": "x", "done": {"a": 1, "b": 2}, "list": [1]});
        let new = json!({"phase": "Pending", "done": {"a": 1, "b": 3}, "list": [1, 2]});
        let patch = status(Some(&old), &new, "7").unwrap();
        assert_eq!(
            patch,
            json!({"metadata": {"resourceVersion": "7"},
                   "status": {"waitingFor": null, "done": {"b": 3}, "list": [1, 2]}})
        );
    }
}
