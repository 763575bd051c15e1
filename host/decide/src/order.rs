//! The order in which operations run, and the circles in which none of them can.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::OperationName;

/// Operations that run after one another in a circle, so that none can start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these run after one another in a circle, so none can start: {}", circle(.0))]
pub struct Cycle(pub Vec<OperationName>);

fn circle(names: &[OperationName]) -> String {
    let words: Vec<String> = names.iter().chain(names.first()).map(ToString::to_string).collect();
    words.join(" → ")
}

/// The circle that `start` is in, if following `after` from it comes back to it.
///
/// Looks at no operation twice, so the work is bounded by the length of the chain.
pub fn cycle_from(
    start: &OperationName,
    mut after: impl FnMut(&OperationName) -> Option<OperationName>,
) -> Result<(), Cycle> {
    let mut chain = vec![start.clone()];
    let mut seen = BTreeSet::from([start.clone()]);
    while let Some(next) = chain.last().and_then(&mut after) {
        if next == *start {
            return Err(Cycle(chain));
        }
        if !seen.insert(next.clone()) {
            // A circle further up: its own members say so.
            return Ok(());
        }
        chain.push(next);
    }
    Ok(())
}

/// One operation of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanLine {
    /// The operation.
    pub operation: OperationName,
    /// What it runs after, if anything.
    pub after: Option<OperationName>,
    /// How many run before it, one after another; 0 starts at once.
    pub depth: usize,
    /// What it runs after is not among the operations given.
    pub after_is_missing: bool,
}

/// The operations in an order in which each comes after what it runs after; equals stay as given.
///
/// # Errors
/// The first circle found.
pub fn order(operations: &[(OperationName, Option<OperationName>)]) -> Result<Vec<PlanLine>, Cycle> {
    let after: BTreeMap<_, _> = operations.iter().map(|(name, after)| (name, after.as_ref())).collect();
    let mut lines = Vec::with_capacity(operations.len());
    for (operation, target) in operations {
        cycle_from(operation, |name| after.get(name).copied().flatten().cloned())?;
        lines.push(PlanLine {
            operation: operation.clone(),
            after: target.clone(),
            depth: depth(operation, &after),
            after_is_missing: target.as_ref().is_some_and(|target| !after.contains_key(target)),
        });
    }
    // Stable, so that operations of one depth stay in the order of the manifests.
    lines.sort_by_key(|line| line.depth);
    Ok(lines)
}

/// How many are before `operation`. It may lead into a circle that it is not part of: bounded by their number.
fn depth(operation: &OperationName, after: &BTreeMap<&OperationName, Option<&OperationName>>) -> usize {
    let mut steps = 0;
    let mut at = operation;
    while let Some(Some(next)) = after.get(at) {
        if steps > after.len() {
            break;
        }
        steps = steps.saturating_add(1);
        at = next;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{Name, OperationKind};
    use proptest::prelude::*;

    fn name(name: &str) -> OperationName {
        OperationName { kind: OperationKind::DataLoad, name: Name::new("default", name) }
    }

    fn chain(pairs: &[(&str, &str)]) -> Vec<(OperationName, Option<OperationName>)> {
        pairs
            .iter()
            .map(|(operation, after)| (name(operation), (!after.is_empty()).then(|| name(after))))
            .collect()
    }

    #[test]
    fn each_comes_after_what_it_runs_after() {
        let lines =
            order(&chain(&[("c", "b"), ("b", "a"), ("x", ""), ("a", ""), ("y", "elsewhere")])).unwrap();
        let words: Vec<(&str, usize)> =
            lines.iter().map(|line| (line.operation.name.name.as_str(), line.depth)).collect();
        assert_eq!(words, [("x", 0), ("a", 0), ("b", 1), ("y", 1), ("c", 2)]);
        assert!(lines[3].after_is_missing);
    }

    #[test]
    fn circles_are_named_in_full() {
        let cycle = order(&chain(&[("a", "b"), ("b", "c"), ("c", "a")])).unwrap_err();
        assert!(
            cycle.to_string().ends_with(
                "DataLoad default/a → DataLoad default/b → DataLoad default/c → DataLoad default/a"
            )
        );
        assert!(order(&chain(&[("a", "a")])).is_err());
    }

    proptest! {
        #[test]
        fn order_holds_or_a_circle_is_shown(links in proptest::collection::vec(0usize..12, 1..12)) {
            let pairs: Vec<_> = links.iter().enumerate()
                .map(|(index, after)| (name(&format!("n{index}")), Some(name(&format!("n{after}")))))
                .collect();
            match order(&pairs) {
                Ok(lines) => for (index, line) in lines.iter().enumerate() {
                    let before = lines.iter().position(|other| Some(&other.operation) == line.after.as_ref());
                    prop_assert!(before.is_none_or(|before| before < index));
                },
                Err(Cycle(names)) => prop_assert!(!names.is_empty()),
            }
        }
    }
}
