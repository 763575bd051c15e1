//! Whether labels fit a selector, as Kubernetes reads one.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Whether `labels` fit. A selector that asks for nothing fits everything; an operator that is not
/// known fits nothing.
#[must_use]
pub fn fits(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal && selector.match_expressions.iter().flatten().all(|one| holds(one, labels))
}

fn holds(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let listed = || value.is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value));
    match requirement.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

/// The selector as kubectl writes it: `app=train,tier in (a, b)`.
#[must_use]
pub fn in_words(selector: &LabelSelector) -> String {
    let equal = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let others = selector.match_expressions.iter().flatten().map(|one| {
        let values = one.values.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
        match one.operator.as_str() {
            "In" => format!("{} in ({values})", one.key),
            "NotIn" => format!("{} notin ({values})", one.key),
            "Exists" => one.key.clone(),
            "DoesNotExist" => format!("!{}", one.key),
            other => format!("{} {other} ({values})", one.key),
        }
    });
    equal.chain(others).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_fit_as_in_kubernetes() {
        let labels: BTreeMap<String, String> =
            [("app", "train"), ("tier", "a")].map(|(key, value)| (key.into(), value.into())).into();
        let table = [
            (json!({}), true, ""),
            (json!({"matchLabels": {"app": "train"}}), true, "app=train"),
            (json!({"matchLabels": {"app": "serve"}}), false, "app=serve"),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}),
                true,
                "tier in (a, b)",
            ),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}),
                false,
                "tier notin (a)",
            ),
            (json!({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}), false, "zone"),
            (json!({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}), true, "!zone"),
            (
                json!({"matchExpressions": [{"key": "app", "operator": "Like", "values": ["t"]}]}),
                false,
                "app Like (t)",
            ),
        ];
        for (selector, wanted, words) in table {
            let selector: LabelSelector = serde_json::from_value(selector).unwrap();
            assert_eq!((fits(&selector, &labels), in_words(&selector).as_str()), (wanted, words));
        }
    }
}
