//! Circles: operations that run after one another, so that none of them can start.

use std::collections::BTreeMap;

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
/// Looks at no operation twice, so the work is bounded by what can be reached. A circle further up
/// that `start` is not part of is told at its own members.
///
/// # Errors
/// The circle, `start` first.
pub fn cycle_from(
    start: &OperationName,
    mut after: impl FnMut(&OperationName) -> Vec<OperationName>,
) -> Result<(), Cycle> {
    // What each was reached from, so that the way back can be told.
    let mut reached: BTreeMap<OperationName, OperationName> = BTreeMap::new();
    let mut open = vec![start.clone()];
    while let Some(at) = open.pop() {
        for next in after(&at) {
            if next == *start {
                return Err(Cycle(way(start, &at, &reached)));
            }
            if !reached.contains_key(&next) {
                reached.insert(next.clone(), at.clone());
                open.push(next);
            }
        }
    }
    Ok(())
}

/// The way from `start` to `end`, both included.
fn way(
    start: &OperationName,
    end: &OperationName,
    reached: &BTreeMap<OperationName, OperationName>,
) -> Vec<OperationName> {
    let mut way = vec![end.clone()];
    while let Some(before) = way.last().filter(|last| *last != start).and_then(|last| reached.get(last)) {
        way.push(before.clone());
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{Name, OperationKind};
    use proptest::prelude::*;

    fn name(name: &str) -> OperationName {
        OperationName { kind: OperationKind::DataLoad, name: Name::new("default", name) }
    }

    fn cycle(start: &str, links: &[(&str, &[&str])]) -> Result<(), Cycle> {
        cycle_from(&name(start), |at| {
            let found = links.iter().find(|(from, _)| name(from) == *at);
            found.map(|(_, after)| after.iter().map(|one| name(one)).collect()).unwrap_or_default()
        })
    }

    #[test]
    fn circles_are_named_in_full() {
        let links: &[(&str, &[&str])] = &[("a", &["x", "b"]), ("b", &["c"]), ("c", &["a"]), ("y", &["a"])];
        let told = cycle("a", links).unwrap_err().to_string();
        let wanted = "DataLoad default/a → DataLoad default/b → DataLoad default/c → DataLoad default/a";
        assert!(told.ends_with(wanted), "{told}");
        assert!(cycle("y", links).is_ok(), "it leads into a circle and is in none");
        assert!(cycle("a", &[("a", &["a"])]).is_err());
        assert!(cycle("a", &[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"])]).is_ok());
    }

    proptest! {
        #[test]
        fn a_circle_is_told_exactly_where_one_comes_back(
            links in proptest::collection::vec((0usize..8, 0usize..8), 0..16),
        ) {
            let after = |at: usize| links.iter().filter(move |(from, _)| *from == at).map(|(_, to)| *to);
            for start in 0..8 {
                // Everything that can be reached, the long way.
                let mut reached = [false; 8];
                for _ in 0..8 {
                    let from: Vec<usize> = (0..8).filter(|at| *at == start || reached[*at]).collect();
                    from.into_iter().flat_map(after).for_each(|to| reached[to] = true);
                }
                let found = cycle_from(&name(&format!("n{start}")), |at| {
                    let at: usize = at.name.name[1..].parse().unwrap();
                    after(at).map(|to| name(&format!("n{to}"))).collect()
                });
                prop_assert_eq!(found.is_err(), reached[start]);
                if let Err(Cycle(way)) = found {
                    let steps = way.iter().zip(way.iter().cycle().skip(1));
                    for (from, to) in steps {
                        let number = |name: &OperationName| name.name.name[1..].parse::<usize>().unwrap();
                        prop_assert!(after(number(from)).any(|next| next == number(to)));
                    }
                }
            }
        }
    }
}
