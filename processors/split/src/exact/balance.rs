//! The rare case that an output's total is a whole row or more from its share although every cell is
//! right: extras move between outputs until it is not.

use std::collections::VecDeque;

use millrace_sdk::{Error, Result};

use crate::exact::deviation;
use crate::model::Stratum;
use crate::sizes::Weights;

/// Moves extras until every total is less than one row from its share.
pub(super) fn settle(weights: &Weights, total: u64, strata: &mut [Stratum]) -> Result<()> {
    let mut short = shortfalls(weights, total, strata);
    let whole = weights.whole as i128;
    while let Some(output) = short.iter().position(|short| short.abs() >= whole && whole > 0) {
        let chain = if short.get(output).is_some_and(|short| *short > 0) {
            by_shortfall(&short, false).find_map(|from| find_chain(weights, strata, from, output))
        } else {
            by_shortfall(&short, true).find_map(|to| find_chain(weights, strata, output, to))
        };
        let chain = chain.ok_or_else(|| Error::internal("no way to settle the totals"))?;
        for step in &chain {
            step.take(strata);
        }
        short = shortfalls(weights, total, strata);
    }
    Ok(())
}

/// w N - W A of every output: positive where it has too few rows.
fn shortfalls(weights: &Weights, total: u64, strata: &[Stratum]) -> Vec<i128> {
    let mut given = vec![0_u64; weights.parts.len()];
    for stratum in strata {
        given.iter_mut().zip(&stratum.cells).for_each(|(given, cell)| *given += cell);
    }
    let pairs = weights.parts.iter().zip(given);
    pairs.map(|(weight, given)| deviation(weights, *weight, total, given)).collect()
}

/// The outputs that are short, most first; or those that have too much, most first.
fn by_shortfall(short: &[i128], wanted_short: bool) -> impl Iterator<Item = usize> + use<> {
    let sign = if wanted_short { 1 } else { -1 };
    let mut outputs: Vec<(i128, usize)> = short
        .iter()
        .enumerate()
        .map(|(output, short)| (short * sign, output))
        .filter(|(by, _)| *by > 0)
        .collect();
    outputs.sort_by_key(|(by, output)| (std::cmp::Reverse(*by), *output));
    outputs.into_iter().map(|(_, output)| output)
}

/// One extra of one stratum going from one output to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    stratum: usize,
    from: usize,
    to: usize,
}

impl Step {
    fn take(self, strata: &mut [Stratum]) {
        let Some(stratum) = strata.get_mut(self.stratum) else { return };
        if let Some(cell) = stratum.cells.get_mut(self.from) {
            *cell -= 1;
        }
        if let Some(cell) = stratum.cells.get_mut(self.to) {
            *cell += 1;
        }
    }
}

/// The shortest chain of steps by which `from` loses one row and `to` gains one; each step in the
/// first stratum that allows it.
fn find_chain(weights: &Weights, strata: &[Stratum], from: usize, to: usize) -> Option<Vec<Step>> {
    let mut reached: Vec<Option<Step>> = vec![None; weights.parts.len()];
    let mut waiting = VecDeque::from([from]);
    while let Some(output) = waiting.pop_front() {
        for step in steps_from(weights, strata, output) {
            let place = reached.get_mut(step.to).filter(|place| place.is_none() && step.to != from);
            if let Some(place) = place {
                *place = Some(step);
                waiting.push_back(step.to);
            }
        }
        if reached.get(to).copied().flatten().is_some() {
            return Some(walk_back(&reached, from, to));
        }
    }
    None
}

/// Every single step that takes an extra from `output`.
fn steps_from<'a>(
    weights: &'a Weights,
    strata: &'a [Stratum],
    output: usize,
) -> impl Iterator<Item = Step> + 'a {
    strata.iter().enumerate().flat_map(move |(number, stratum)| {
        let takers =
            if holds_extra(weights, stratum, output) { takers(weights, stratum) } else { Vec::new() };
        takers.into_iter().map(move |to| Step { stratum: number, from: output, to })
    })
}

fn holds_extra(weights: &Weights, stratum: &Stratum, output: usize) -> bool {
    let floors = weights.floors(stratum.cells.iter().sum());
    stratum.cells.get(output) > floors.get(output)
}

/// The outputs that could hold an extra of the stratum and do not.
fn takers(weights: &Weights, stratum: &Stratum) -> Vec<usize> {
    let rows = stratum.cells.iter().sum();
    let cells = stratum.cells.iter().zip(weights.floors(rows)).zip(weights.remainders(rows)).enumerate();
    cells
        .filter(|(_, ((cell, floor), remainder))| **cell == *floor && *remainder != 0)
        .map(|(to, _)| to)
        .collect()
}

fn walk_back(reached: &[Option<Step>], from: usize, to: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut output = to;
    while let Some(step) = reached.get(output).copied().flatten().filter(|_| output != from) {
        steps.push(step);
        output = step.from;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stratum(cells: &[u64]) -> Stratum {
        Stratum { key: Vec::new(), cells: cells.to_vec() }
    }

    /// Three equal outputs; every stratum of one row gave it to the first output.
    #[test]
    fn surplus_extras_move_to_the_most_deficient() {
        let weights = Weights { parts: vec![1, 1, 1], whole: 3 };
        let mut strata = vec![stratum(&[1, 0, 0]), stratum(&[1, 0, 0]), stratum(&[1, 0, 0])];
        settle(&weights, 3, &mut strata).unwrap();
        assert_eq!(strata, [stratum(&[0, 1, 0]), stratum(&[0, 0, 1]), stratum(&[1, 0, 0])]);
    }

    /// No stratum lets the first output give to the third directly: the second passes it on.
    #[test]
    fn a_chain_goes_through_another_output() {
        let weights = Weights { parts: vec![1, 1, 2], whole: 4 };
        let strata = vec![stratum(&[1, 0, 1]), stratum(&[0, 1, 0])];
        let chain = find_chain(&weights, &strata, 0, 2).unwrap();
        assert_eq!(chain, [Step { stratum: 1, from: 1, to: 2 }, Step { stratum: 0, from: 0, to: 1 }]);
    }

    #[test]
    fn what_is_right_stays() {
        let weights = Weights { parts: vec![1, 1], whole: 2 };
        let mut strata = vec![stratum(&[1, 0]), stratum(&[0, 1])];
        let before = strata.clone();
        settle(&weights, 2, &mut strata).unwrap();
        assert_eq!(strata, before);
        settle(&Weights { parts: vec![0, 0], whole: 0 }, 0, &mut []).unwrap();
    }
}
