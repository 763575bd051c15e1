//! Exact split: every cell (output, stratum) and every total less than one row from its share.

mod balance;

use millrace_sdk::{Error, KeyTable, Result};

use crate::counts::{Counts, Keys};
use crate::model::{Exact, Stratum};
use crate::permutation;
use crate::sizes::{Parsed, Weights};

/// The model: how many rows of each stratum each output gets.
pub(crate) fn fit(sizes: &Parsed, counts: &Counts, minimum: u64) -> Result<Exact> {
    let total = counts.total();
    let weights = sizes.weights(total)?;
    let outputs: Vec<String> = sizes.names().map(str::to_owned).collect();
    let mut strata = allot(&weights, counts);
    balance::settle(&weights, total, &mut strata)?;
    for stratum in &strata {
        check_minimum(minimum, &stratum.key, &stratum.cells, &outputs)?;
    }
    Ok(Exact { outputs, strata })
}

/// Strata in key order: the whole rows of every share, then one more to those outputs that are
/// furthest behind over all strata so far.
fn allot(weights: &Weights, counts: &Counts) -> Vec<Stratum> {
    let mut given = vec![0_u64; weights.parts.len()];
    let mut seen = 0;
    let mut strata = Vec::new();
    for (key, rows) in counts.sorted() {
        seen += rows;
        let mut cells = weights.floors(rows);
        let left = rows - cells.iter().sum::<u64>();
        given.iter_mut().zip(&cells).for_each(|(given, cell)| *given += cell);
        for output in furthest_behind(weights, rows, seen, &given).into_iter().take(left as usize) {
            cells.iter_mut().skip(output).take(1).for_each(|cell| *cell += 1);
            given.iter_mut().skip(output).take(1).for_each(|given| *given += 1);
        }
        strata.push(Stratum { key: key.to_vec(), cells });
    }
    strata
}

/// The outputs that may get one more row of a stratum, by d = w (rows so far) - W (given so far)
/// descending, ties in output order.
fn furthest_behind(weights: &Weights, rows: u64, seen: u64, given: &[u64]) -> Vec<usize> {
    let remainders = weights.remainders(rows);
    let mut behind: Vec<(i128, usize)> = Vec::new();
    for (output, ((weight, remainder), given)) in weights.parts.iter().zip(&remainders).zip(given).enumerate()
    {
        if *remainder != 0 {
            behind.push((deviation(weights, *weight, seen, *given), output));
        }
    }
    behind.sort_by_key(|(behind, output)| (std::cmp::Reverse(*behind), *output));
    behind.into_iter().map(|(_, output)| output).collect()
}

/// w n - W a: by how much `given` rows are short of the share of `rows`, as a multiple of 1/W.
fn deviation(weights: &Weights, weight: u128, rows: u64, given: u64) -> i128 {
    (weight * u128::from(rows)) as i128 - (weights.whole * u128::from(given)) as i128
}

/// Refuses a class of which some output gets fewer rows than asked for.
pub(crate) fn check_minimum(minimum: u64, class: &[u8], cells: &[u64], outputs: &[String]) -> Result<()> {
    let short = cells.iter().zip(outputs).find(|(rows, _)| **rows < minimum);
    short.map_or(Ok(()), |(rows, output)| {
        let (class, total) = (class_name(class), cells.iter().sum::<u64>());
        Err(Error::input(format!(
            "class {class} has {total} rows, of which output `{output}` gets {rows}; `minPerClass` asks for {minimum}"
        )))
    })
}

/// A stratum's key in words: its parts, as JSON strings, with a comma between.
fn class_name(mut key: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((length, rest)) = key.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length);
        let (part, rest) = rest.split_at_checked(length as usize).unwrap_or((&[], rest));
        let text = String::from_utf8_lossy(part);
        parts.push(if length == u32::MAX { "(missing)".to_owned() } else { format!("{text:?}") });
        key = rest;
    }
    parts.join(", ")
}

/// What one partition keeps: the model, and how many rows of each stratum came before.
#[derive(Debug)]
pub struct Task {
    seed: u64,
    outputs: Vec<String>,
    strata: KeyTable,
    places: Vec<Place>,
}

/// One stratum's progress.
#[derive(Debug)]
struct Place {
    rows: u64,
    /// b_1 … b_k.
    bounds: Vec<u64>,
    seen: u64,
    /// Made when the first row of the stratum comes: a partition rarely meets them all.
    keys: Option<Box<permutation::Keys>>,
}

impl Task {
    pub(crate) fn open(model: Exact, prior: &Counts, seed: u64) -> Result<Self> {
        let mut task = Self { seed, outputs: model.outputs, strata: KeyTable::default(), places: Vec::new() };
        for stratum in model.strata {
            task.strata.insert(&stratum.key).map_err(|limit| Error::input(limit.to_string()))?;
            task.places.push(Place::new(&stratum, prior.of(&stratum.key)));
        }
        Ok(task)
    }

    pub(crate) fn outputs(&self) -> &[String] {
        &self.outputs
    }

    pub(crate) fn assign(&mut self, keys: &Keys) -> Result<Vec<u16>> {
        let (mut key, mut scratch) = (Vec::new(), Vec::new());
        let mut rows = Vec::with_capacity(keys.rows);
        let mut number = self.strata.find(&[]);
        for row in 0..keys.rows {
            if !keys.is_plain() {
                keys.write(row, &mut key, &mut scratch);
                number = self.strata.find(&key);
            }
            let place = number.and_then(|number| self.places.get_mut(number)).ok_or_else(changed)?;
            rows.push(place.next(self.seed, &key)?);
        }
        Ok(rows)
    }
}

impl Place {
    fn new(stratum: &Stratum, seen: u64) -> Self {
        let add = |sum: &mut u64, rows: &u64| {
            *sum += rows;
            Some(*sum)
        };
        let bounds: Vec<u64> = stratum.cells.iter().scan(0, add).collect();
        Self { rows: bounds.last().copied().unwrap_or(0), bounds, seen, keys: None }
    }

    /// The output of the stratum's next row.
    fn next(&mut self, seed: u64, stratum: &[u8]) -> Result<u16> {
        if self.seen >= self.rows {
            return Err(changed());
        }
        let keys = self.keys.get_or_insert_with(|| Box::new(permutation::Keys::new(seed, stratum)));
        let place = keys.permute(self.seen, self.rows);
        self.seen += 1;
        Ok(self.bounds.partition_point(|bound| *bound <= place) as u16)
    }
}

fn changed() -> Error {
    Error::input(
        "the input has rows that the fit did not count: it changed since, or the model was made from other data",
    )
}
