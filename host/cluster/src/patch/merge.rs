//! JSON merge patch (RFC 7386): objects are merged, `null` removes, everything else replaces.

use serde_json::{Value, json};

/// Merges a patch into a value.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    let fields = crate::object::root(target);
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.as_str()).or_insert_with(|| json!(null)), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix A of RFC 7386, all fifteen.
    #[test]
    fn the_vectors_of_the_rfc() {
        let vectors = json!([
            [{"a": "b"}, {"a": "c"}, {"a": "c"}],
            [{"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}],
            [{"a": "b"}, {"a": null}, {}],
            [{"a": "b", "b": "c"}, {"a": null}, {"b": "c"}],
            [{"a": ["b"]}, {"a": "c"}, {"a": "c"}],
            [{"a": "c"}, {"a": ["b"]}, {"a": ["b"]}],
            [{"a": {"b": "c"}}, {"a": {"b": "d", "c": null}}, {"a": {"b": "d"}}],
            [{"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}],
            [["a", "b"], ["c", "d"], ["c", "d"]],
            [{"a": "b"}, ["c"], ["c"]],
            [{"a": "foo"}, null, null],
            [{"a": "foo"}, "bar", "bar"],
            [{"e": null}, {"a": 1}, {"e": null, "a": 1}],
            [[1, 2], {"a": "b", "c": null}, {"a": "b"}],
            [{}, {"a": {"bb": {"ccc": null}}}, {"a": {"bb": {}}}]
        ]);
        for vector in vectors.as_array().unwrap() {
            let mut target = vector[0].clone();
            merge(&mut target, &vector[1]);
            assert_eq!(target, vector[2], "merging {} into {}", vector[1], vector[0]);
        }
    }
}
