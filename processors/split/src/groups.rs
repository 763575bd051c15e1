//! Values kept whole: each value of the group column goes to one output, sizes as near as that allows.

use std::collections::HashMap;

use millrace_sdk::{BAD, Context, Error, KeyTable, Result};

use crate::counts::{Counts, Keys};
use crate::exact::check_minimum;
use crate::model::Groups;
use crate::sizes::{Parsed, Weights};

/// The model: which output each value goes to.
pub(crate) fn fit(
    sizes: &Parsed,
    counts: &Counts,
    class_minimum: Option<u64>,
    seed: u64,
    previous: Option<&[u8]>,
) -> Result<Groups> {
    let weights = sizes.weights(counts.total())?;
    let outputs: Vec<String> = sizes.names().map(str::to_owned).collect();
    let Tally { groups, strata } = Tally::new(counts, seed);
    let mut load = Load::new(&weights, strata.iter().map(|(_, rows)| *rows));
    let mut known = stay(Groups::previous(previous)?, &outputs);
    for group in &groups {
        if let Some(output) = known.get(group.value) {
            load.put(group, *output);
        }
    }
    for group in groups {
        if !known.contains_key(group.value) {
            let output = load.best(&group);
            load.put(&group, output);
            known.insert(group.value.to_vec(), output);
        }
    }
    for ((class, _), cells) in strata.iter().zip(&load.given) {
        check_minimum(class_minimum.unwrap_or(0), class, cells, &outputs)?;
    }
    let mut values: Vec<_> = known.into_iter().map(|(value, output)| (value, output as u16)).collect();
    values.sort_unstable();
    Ok(Groups { outputs, values })
}

/// The values that were decided before, as far as their outputs are still there.
fn stay(previous: Option<Groups>, outputs: &[String]) -> HashMap<Vec<u8>, usize> {
    let Some(previous) = previous else { return HashMap::new() };
    let now = |output: u16| {
        let name = previous.outputs.get(usize::from(output))?;
        outputs.iter().position(|output| output == name)
    };
    previous.values.iter().filter_map(|(value, output)| Some((value.clone(), now(*output)?))).collect()
}

/// A value, its rows in each stratum, and its place in the order of placing.
struct Group<'a> {
    value: &'a [u8],
    /// (stratum, rows)
    cells: Vec<(usize, u64)>,
    order: (std::cmp::Reverse<u32>, [u8; 32]),
}

/// The counts by value and by stratum.
struct Tally<'a> {
    /// In the order in which they are placed.
    groups: Vec<Group<'a>>,
    /// (key, rows)
    strata: Vec<(&'a [u8], u64)>,
}

impl<'a> Tally<'a> {
    fn new(counts: &'a Counts, seed: u64) -> Self {
        let mut numbers: HashMap<&[u8], usize> = HashMap::new();
        let mut tally = Self { groups: Vec::new(), strata: Vec::new() };
        for (key, rows) in counts.sorted() {
            let (value, class) = split_key(key);
            let stratum = *numbers.entry(class).or_insert(tally.strata.len());
            if stratum == tally.strata.len() {
                tally.strata.push((class, 0));
            }
            tally.strata.iter_mut().skip(stratum).take(1).for_each(|(_, sum)| *sum += rows);
            // The keys are sorted and begin with the value, so that a value's come one after another.
            match tally.groups.last_mut().filter(|group| group.value == value) {
                Some(group) => group.cells.push((stratum, rows)),
                None => tally.groups.push(Group {
                    value,
                    cells: vec![(stratum, rows)],
                    order: Default::default(),
                }),
            }
        }
        tally.groups.iter_mut().for_each(|group| group.order = group.place(seed));
        tally.groups.sort_by(|left, right| (left.order, left.value).cmp(&(right.order, right.value)));
        tally
    }
}

impl Group<'_> {
    /// ⌊log2 rows⌋ descending, then BLAKE3(seed, value).
    fn place(&self, seed: u64) -> (std::cmp::Reverse<u32>, [u8; 32]) {
        let rows: u64 = self.cells.iter().map(|(_, rows)| rows).sum();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(self.value.get(4..).unwrap_or_default());
        (std::cmp::Reverse(rows.checked_ilog2().unwrap_or(0)), *hasher.finalize().as_bytes())
    }
}

/// A key's first part (with its length), and the rest.
fn split_key(key: &[u8]) -> (&[u8], &[u8]) {
    let length = key.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    key.split_at_checked(length + 4).unwrap_or((key, &[]))
}

/// Rows given to each output so far, and wanted, per stratum.
struct Load {
    targets: Vec<Vec<u64>>,
    given: Vec<Vec<u64>>,
    /// Outputs that may get anything at all.
    open: Vec<bool>,
}

impl Load {
    fn new(weights: &Weights, strata: impl Iterator<Item = u64>) -> Self {
        let targets: Vec<_> = strata.map(|rows| weights.targets(rows)).collect();
        let given = vec![vec![0; weights.parts.len()]; targets.len()];
        Self { targets, given, open: weights.parts.iter().map(|weight| *weight > 0).collect() }
    }

    /// The output where the group adds least to the squared distance from the targets, ties in
    /// output order. With one stratum that is the output with the most room left.
    fn best(&self, group: &Group<'_>) -> usize {
        let mut costs: Vec<Option<i128>> = self.open.iter().map(|open| open.then_some(0)).collect();
        for (stratum, rows) in &group.cells {
            let (Some(targets), Some(given)) = (self.targets.get(*stratum), self.given.get(*stratum)) else {
                continue;
            };
            for ((cost, target), given) in costs.iter_mut().zip(targets).zip(given) {
                let over = i128::from(*given) - i128::from(*target);
                *cost = cost.map(|cost| cost + i128::from(*rows) * (2 * over + i128::from(*rows)));
            }
        }
        let candidates = costs.into_iter().enumerate().filter_map(|(output, cost)| Some((cost?, output)));
        candidates.min().map_or(0, |(_, output)| output)
    }

    fn put(&mut self, group: &Group<'_>, output: usize) {
        for (stratum, rows) in &group.cells {
            if let Some(given) = self.given.get_mut(*stratum).and_then(|given| given.get_mut(output)) {
                *given += rows;
            }
        }
    }
}

/// What one partition keeps: the outputs of the known values.
#[derive(Debug)]
pub struct Task {
    outputs: Vec<String>,
    values: KeyTable,
    targets: Vec<u16>,
}

impl Task {
    pub(crate) fn open(model: &[u8]) -> Result<Self> {
        let model = Groups::decode(model)?;
        let mut task = Self { outputs: model.outputs, values: KeyTable::default(), targets: Vec::new() };
        for (value, output) in model.values {
            task.values.insert(&value).map_err(|limit| Error::input(limit.to_string()))?;
            task.targets.push(output);
        }
        Ok(task)
    }

    pub(crate) fn outputs(&self) -> &[String] {
        &self.outputs
    }

    pub(crate) fn assign(&self, keys: &Keys, context: &Context) -> Result<Vec<u16>> {
        let (mut key, mut scratch) = (Vec::new(), Vec::new());
        let mut one = |row| {
            if !keys.write_group(row, &mut key, &mut scratch) {
                context.bad_row(row, "the value of the `groups` column is missing");
                return Ok(BAD);
            }
            let known = self.values.find(&key).and_then(|number| self.targets.get(number));
            known.copied().ok_or_else(|| unknown(&key))
        };
        (0..keys.rows).map(&mut one).collect()
    }
}

fn unknown(key: &[u8]) -> Error {
    let value = String::from_utf8_lossy(key.get(4..).unwrap_or_default()).into_owned();
    Error::input(format!(
        "the fit did not see group {value:?}: the input changed since, or the model was made from other data"
    ))
}
