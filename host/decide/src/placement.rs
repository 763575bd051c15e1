//! Which nodes can work, and which of them should: those that hold the data.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use millrace_crds::CacheNode;
use millrace_crds::operation::OperationFields;

use crate::name::Name;
use crate::text;

/// An agent that was silent for longer is lost: four heartbeats of 10 s.
pub const LOST_AFTER: SignedDuration = SignedDuration::from_secs(40);

/// What is known of a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Nodes of one value see the same files; empty: like no other.
    pub file_system: String,
    /// When its agent last spoke.
    pub seen: Option<Timestamp>,
    /// Free bytes of its cache.
    pub free_bytes: i64,
    /// Bytes of its cache's disk.
    pub capacity_bytes: i64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Bytes and files that it holds, per Dataset.
    pub held: BTreeMap<Name, (i64, i64)>,
    /// UIDs of the Datasets that pods on it wait to mount.
    pub wanted: BTreeSet<String>,
}

impl Node {
    /// What a CacheNode says.
    #[must_use]
    pub fn of(node: &CacheNode) -> Self {
        let name = node.metadata.name.clone().unwrap_or_default();
        let mut labels = node.metadata.labels.clone().unwrap_or_default();
        labels.entry("kubernetes.io/hostname".to_owned()).or_insert_with(|| name.clone());
        let status = node.status.clone().unwrap_or_default();
        let held = status
            .datasets
            .into_iter()
            .map(|held| (Name::new(&held.namespace, &held.name), (held.cached_bytes, held.cached_files)));
        Self {
            name,
            file_system: status.file_system,
            seen: status.seen.map(|time| time.0),
            free_bytes: status.free_bytes,
            capacity_bytes: status.capacity_bytes,
            labels,
            held: held.collect(),
            wanted: status.wanted.into_iter().map(|wanted| wanted.uid).collect(),
        }
    }

    /// When its agent counts as lost unless it speaks again; at once where it never spoke.
    #[must_use]
    pub fn lost_at(&self) -> Timestamp {
        self.seen.map_or(Timestamp::MIN, |seen| later(seen, LOST_AFTER))
    }

    /// Whether its agent spoke lately.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.lost_at()
    }

    fn held_bytes(&self, dataset: &Name) -> i64 {
        self.held.get(dataset).map_or(0, |(bytes, _)| *bytes)
    }
}

/// `time` plus `by`, or the end of time.
#[must_use]
pub fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The nodes that may do an operation's work.
///
/// # Errors
/// What to wait for, in words, where there is none.
pub fn eligible<'a>(
    nodes: &'a [Node],
    fields: &OperationFields,
    now: Timestamp,
) -> Result<Vec<&'a Node>, String> {
    let alive: Vec<&Node> = nodes.iter().filter(|node| node.is_alive(now)).collect();
    if alive.is_empty() {
        return Err("a node: no agent has registered yet".to_owned());
    }
    let names = text::list(alive.iter().map(|node| &node.name), 5);
    let fitting: Vec<&Node> = alive.into_iter().filter(|node| fits(node, fields)).collect();
    if fitting.is_empty() {
        return Err(format!("a node that nodeSelector and affinity allow: {names} do not fit"));
    }
    Ok(fitting)
}

fn fits(node: &Node, fields: &OperationFields) -> bool {
    let labelled = fields.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    let required = fields
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
        .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    labelled
        && required
            .is_none_or(|selector| selector.node_selector_terms.iter().any(|term| term_fits(node, term)))
}

/// All expressions of a term must hold; a term without any holds for no node, as on a pod.
fn term_fits(node: &Node, term: &NodeSelectorTerm) -> bool {
    let expressions = term.match_expressions.iter().flatten();
    let fields = term.match_fields.iter().flatten();
    let mut any = false;
    let labels = expressions.map(|one| (one, node.labels.get(&one.key).map(String::as_str)));
    let names = fields.map(|one| (one, (one.key == "metadata.name").then_some(node.name.as_str())));
    let all = labels.chain(names).all(|(requirement, value)| {
        any = true;
        requirement_holds(requirement, value)
    });
    any && all
}

fn requirement_holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = value.is_some_and(|value| values.iter().any(|one| one == value));
    let number = || {
        let bound = values.first()?.parse::<i64>().ok()?;
        Some((value?.parse::<i64>().ok()?, bound))
    };
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => number().is_some_and(|(value, bound)| value > bound),
        "Lt" => number().is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

/// What matters when nodes are chosen for a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Datasets that are fetched, so that it matters who holds them.
    pub fetched: Vec<Name>,
    /// Something is on a node's own disk: all tasks must see the same files.
    pub one_file_system: bool,
    /// At most this many nodes.
    pub at_most: Option<usize>,
}

/// The nodes that share a run, best first: those that hold something of every fetched dataset, or
/// the one that is nearest to it.
#[must_use]
pub fn team<'a>(eligible: &[&'a Node], needs: &Needs) -> Vec<&'a Node> {
    let mut nodes: Vec<&Node> = eligible.to_vec();
    nodes
        .sort_by(|left, right| merit(right, needs).cmp(&merit(left, needs)).then(left.name.cmp(&right.name)));
    if needs.one_file_system {
        nodes = first_file_system(nodes);
    }
    if !needs.fetched.is_empty() {
        let holding = |node: &&Node| needs.fetched.iter().all(|dataset| node.held_bytes(dataset) > 0);
        let holders: Vec<&Node> = nodes.iter().copied().filter(holding).collect();
        nodes = if holders.is_empty() { nodes.into_iter().take(1).collect() } else { holders };
    }
    nodes.truncate(needs.at_most.unwrap_or(usize::MAX).max(1));
    nodes
}

/// The nodes that see the same files as the best one.
fn first_file_system(nodes: Vec<&Node>) -> Vec<&Node> {
    let Some(best) = nodes.first().copied() else { return nodes };
    let same = |node: &&Node| {
        node.name == best.name || (!best.file_system.is_empty() && node.file_system == best.file_system)
    };
    nodes.into_iter().filter(same).collect()
}

/// Held bytes of what is fetched. Free bytes break ties only where something has to be fetched.
fn merit(node: &Node, needs: &Needs) -> (i64, i64) {
    let held: i64 = needs.fetched.iter().map(|dataset| node.held_bytes(dataset)).sum();
    (held, if needs.fetched.is_empty() { 0 } else { node.free_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{Affinity, NodeAffinity, NodeSelector};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn node(name: &str, file_system: &str, held: i64) -> Node {
        let mut node = Node { name: name.into(), file_system: file_system.into(), ..Node::default() };
        node.seen = Some(NOW);
        if held > 0 {
            node.held.insert(Name::new("default", "demo"), (held, 1));
        }
        node
    }

    fn names(nodes: &[&Node]) -> Vec<String> {
        nodes.iter().map(|node| node.name.clone()).collect()
    }

    fn needs(fetched: bool, one_file_system: bool, at_most: Option<usize>) -> Needs {
        let fetched = if fetched { vec![Name::new("default", "demo")] } else { vec![] };
        Needs { fetched, one_file_system, at_most }
    }

    #[test]
    fn work_goes_where_the_data_is() {
        let nodes = [node("a", "", 0), node("b", "", 10), node("c", "", 20)];
        let all: Vec<&Node> = nodes.iter().collect();
        assert_eq!(names(&team(&all, &needs(true, false, None))), ["c", "b"]);
        assert_eq!(names(&team(&all, &needs(true, false, Some(1)))), ["c"]);
        assert_eq!(names(&team(&all, &needs(false, false, None))), ["a", "b", "c"]);
        assert_eq!(names(&team(&all[..1], &needs(true, false, None))), ["a"]);
    }

    #[test]
    fn what_is_on_a_disk_stays_on_that_disk() {
        let nodes = [node("a", "m1", 0), node("b", "m2", 10), node("c", "m2", 5), node("d", "", 1)];
        let all: Vec<&Node> = nodes.iter().collect();
        assert_eq!(names(&team(&all, &needs(true, true, None))), ["b", "c"]);
        assert_eq!(names(&team(&all[3..], &needs(false, true, None))), ["d"]);
        let unnamed = [node("x", "", 0), node("y", "", 0)];
        assert_eq!(names(&team(&unnamed.iter().collect::<Vec<_>>(), &needs(false, true, None))), ["x"]);
    }

    #[test]
    fn silent_agents_are_lost_after_forty_seconds() {
        let after = |seconds| later(NOW, SignedDuration::from_secs(seconds));
        assert!(node("a", "", 0).is_alive(after(39)));
        assert!(!node("a", "", 0).is_alive(after(40)));
        assert!(!Node::default().is_alive(NOW));
        assert!(
            eligible(&[node("a", "", 0)], &OperationFields::default(), after(41))
                .unwrap_err()
                .contains("no agent")
        );
    }

    #[test]
    fn selectors_and_affinity_are_a_pods() {
        let mut labelled = node("a", "", 0);
        labelled.labels.insert("zone".into(), "7".into());
        let nodes = [labelled, node("b", "", 0)];
        let check = |operator: &str, values: &[&str], wanted: &[&str]| {
            let requirement = NodeSelectorRequirement {
                key: "zone".into(),
                operator: operator.into(),
                values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
            };
            let term = NodeSelectorTerm { match_expressions: Some(vec![requirement]), match_fields: None };
            let affinity = NodeAffinity {
                required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                    node_selector_terms: vec![term],
                }),
                ..NodeAffinity::default()
            };
            let fields = OperationFields {
                affinity: Some(Affinity { node_affinity: Some(affinity), ..Affinity::default() }),
                ..OperationFields::default()
            };
            let found = eligible(&nodes, &fields, NOW).map(|nodes| names(&nodes)).unwrap_or_default();
            assert_eq!(found, wanted, "{operator}");
        };
        check("In", &["7"], &["a"]);
        check("NotIn", &["7"], &["b"]);
        check("Exists", &[], &["a"]);
        check("DoesNotExist", &[], &["b"]);
        check("Gt", &["6"], &["a"]);
        check("Lt", &["7"], &[]);
        check("Odd", &[], &[]);
        let selector = OperationFields {
            node_selector: [("zone".to_owned(), "7".to_owned())].into(),
            ..OperationFields::default()
        };
        assert_eq!(names(&eligible(&nodes, &selector, NOW).unwrap()), ["a"]);
    }
}
