//! The preference for nodes that hold data, as a pod's affinity: added to what is there, never instead.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::name::Name;
use crate::placement::Node;
use k8s_openapi::jiff::Timestamp;

/// How much it counts beside other preferences (1-100): more than spreading, less than what users insist on.
const WEIGHT: i32 = 50;
/// The list of preferences in a node affinity.
const TERMS: &str = "preferredDuringSchedulingIgnoredDuringExecution";
/// Nodes that one preference names; a scheduler has no use for more.
const MOST: usize = 100;

/// The live nodes that hold something of all of `datasets`, or else of any of them, by name.
#[must_use]
pub fn holders(nodes: &[Node], datasets: &BTreeSet<Name>, now: Timestamp) -> Vec<String> {
    let holds = |node: &Node, name: &Name| node.held.get(name).is_some_and(|(bytes, _)| *bytes > 0);
    let named = |test: &dyn Fn(&Node) -> bool| -> Vec<String> {
        let found = nodes.iter().filter(|node| node.is_alive(now) && test(node));
        found.map(|node| node.name.clone()).take(MOST).collect()
    };
    let all = named(&|node| datasets.iter().all(|name| holds(node, name)));
    if all.is_empty() || datasets.is_empty() {
        named(&|node| datasets.iter().any(|name| holds(node, name)))
    } else {
        all
    }
}

/// The preference for these nodes, one term of `preferredDuringSchedulingIgnoredDuringExecution`.
#[must_use]
pub fn term(nodes: &[String]) -> Value {
    json!({
        "weight": WEIGHT,
        "preference": {"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}
        ]}
    })
}

/// Adds the preference to a PodSpec. Without nodes nothing is added.
pub fn prefer(pod_spec: &mut Map<String, Value>, nodes: &[String]) {
    if nodes.is_empty() {
        return;
    }
    let new = term(nodes);
    within(pod_spec, "affinity", |affinity| {
        within(affinity, "nodeAffinity", |affinity| {
            let terms = affinity.entry(TERMS).or_insert_with(|| json!([]));
            if let Value::Array(terms) = terms
                && !terms.contains(&new)
            {
                terms.push(new);
            }
        });
    });
}

/// Changes the object in a field, which is made where it is not there.
pub(crate) fn within(
    parent: &mut Map<String, Value>,
    field: &str,
    change: impl FnOnce(&mut Map<String, Value>),
) {
    let mut inner = match parent.remove(field) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    change(&mut inner);
    parent.insert(field.to_owned(), Value::Object(inner));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pod_prefers_already_stays() {
        let own = json!({"weight": 1, "preference": {}});
        let mut pod = Map::new();
        pod.insert(
            "affinity".into(),
            json!({"podAffinity": {}, "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [own]}}),
        );
        let nodes = ["n1".to_owned()];
        prefer(&mut pod, &nodes);
        prefer(&mut pod, &nodes);
        let terms = &pod["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
        assert_eq!(terms, &json!([own, term(&nodes)]));
        assert!(pod["affinity"].get("podAffinity").is_some());
        let mut bare = Map::new();
        prefer(&mut bare, &[]);
        assert!(bare.is_empty());
    }

    #[test]
    fn all_of_the_data_is_better_than_some() {
        let (a, b) = (Name::new("d", "a"), Name::new("d", "b"));
        let node = |name: &str, held: &[&Name]| Node {
            name: name.into(),
            seen: Some(Timestamp::UNIX_EPOCH),
            held: held.iter().map(|one| ((*one).clone(), (1, 1))).collect(),
            ..Node::default()
        };
        let nodes = [node("n1", &[&a]), node("n2", &[&a, &b]), node("n3", &[])];
        let both = BTreeSet::from([a.clone(), b.clone()]);
        assert_eq!(holders(&nodes, &both, Timestamp::UNIX_EPOCH), ["n2"]);
        assert_eq!(holders(&nodes[..1], &both, Timestamp::UNIX_EPOCH), ["n1"]);
        assert!(holders(&nodes, &BTreeSet::new(), Timestamp::UNIX_EPOCH).is_empty());
    }
}
