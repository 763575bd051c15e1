//! The fit state: rows, means and the scatter matrix, per partition around a shift, then merged.

use millrace_sdk::{Batch, Context, Error, Moments, Reader, Result, SumsOfProducts, Writer};

use crate::features::Features;

const TAG: [u8; 4] = *b"mrpc";
const VERSION: u8 = 1;

/// Rows, means, and M = Σ(x − μ)(x − μ)ᵀ: the upper triangle, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scatter {
    pub(crate) rows: u64,
    pub(crate) mean: Vec<f64>,
    pub(crate) upper: Vec<f64>,
}

/// What is known of the rows so far.
#[derive(Default)]
pub struct State {
    features: Option<Features>,
    merged: Option<Scatter>,
    gathering: Option<Gathering>,
}

/// The host's sums of this partition.
struct Gathering {
    moments: Moments,
    shift: Vec<f64>,
}

impl State {
    pub(crate) fn has_features(&self) -> bool {
        self.features.is_some()
    }

    pub(crate) fn set_features(&mut self, features: Features) {
        self.features = Some(features);
    }

    pub(crate) fn update(&mut self, context: &Context, batch: &Batch<'_>) -> Result<()> {
        let features = self.features.as_ref().ok_or_else(|| Error::internal("features are chosen first"))?;
        if self.gathering.is_none() {
            match shift(features, batch)? {
                Some(shift) => {
                    let moments = context.moments(features.names(), &shift);
                    self.gathering = Some(Gathering { moments, shift });
                }
                // No good row to take the shift from: the host still has to count the bad ones.
                None => return context.moments(features.names(), &vec![0.0; features.len()]).add(batch),
            }
        }
        self.gathering.as_ref().map_or(Ok(()), |gathering| gathering.moments.add(batch))
    }

    /// Moves what the host gathered into `merged`.
    fn settle(&mut self) -> Result<()> {
        let Some(gathering) = &self.gathering else { return Ok(()) };
        let scatter = Scatter::from_sums(gathering.moments.take()?, &gathering.shift);
        self.merged = Scatter::join(self.merged.take(), scatter)?;
        Ok(())
    }

    pub(crate) fn merge(&mut self, mut later: Self) -> Result<()> {
        self.settle()?;
        later.settle()?;
        match (&self.features, &later.features) {
            (Some(left), Some(right)) if left != right => {
                return Err(Error::input("two parts of the input have different numeric columns"));
            }
            (None, _) => self.features = later.features,
            _ => {}
        }
        self.merged = Scatter::join(self.merged.take(), later.merged)?;
        Ok(())
    }

    pub(crate) fn encode(&mut self) -> Result<Vec<u8>> {
        self.settle()?;
        let mut writer = Writer::new(TAG, VERSION);
        let (names, widths) =
            self.features.as_ref().map_or((&[][..], &[][..]), |all| (all.names(), all.widths()));
        writer.number(names.len() as u64);
        for (name, width) in names.iter().zip(widths) {
            writer.string(name.as_bytes());
            writer.number(u64::from(*width));
        }
        writer.number(u64::from(self.features.as_ref().is_some_and(Features::single)));
        writer.number(self.merged.as_ref().map_or(0, |merged| merged.rows));
        if let Some(merged) = &self.merged {
            writer.doubles(&merged.mean);
            writer.doubles(&merged.upper);
        }
        Ok(writer.finish())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, TAG, VERSION)?;
        let features = read_features(&mut reader)?;
        let rows = reader.number()?;
        let size = features.as_ref().map_or(0, Features::len);
        let merged = match rows {
            0 => None,
            _ => Some(Scatter { rows, mean: reader.doubles(size)?, upper: reader.doubles(triangle(size))? }),
        };
        reader.finish()?;
        Ok(Self { features, merged, gathering: None })
    }

    /// What finalising needs; none where no row was good.
    pub(crate) fn finish(mut self) -> Result<Option<(Features, Scatter)>> {
        self.settle()?;
        Ok(self.features.zip(self.merged))
    }
}

fn read_features(reader: &mut Reader<'_>) -> Result<Option<Features>> {
    let (mut names, mut widths) = (Vec::new(), Vec::new());
    for _ in 0..reader.count()? {
        names.push(reader.text()?);
        widths.push(u32::try_from(reader.number()?).unwrap_or(u32::MAX));
    }
    let single = reader.number()? == 1;
    if names.is_empty() { Ok(None) } else { Features::new(names, widths, single).map(Some) }
}

/// Entries of an upper triangle.
fn triangle(size: usize) -> usize {
    size * (size + 1) / 2
}

/// x0 + Σ(x − x0)/rows over the good rows, x0 the first of them; rounded to f32 for f32 data.
fn shift(features: &Features, batch: &Batch<'_>) -> Result<Option<Vec<f64>>> {
    let mut good = vec![true; batch.rows()];
    let mut columns = Vec::new();
    for name in features.names() {
        let column = batch.column(name)?;
        let values = column.to_f64()?;
        for (row, (good, elements)) in good.iter_mut().zip(values.chunks(column.width())).enumerate() {
            *good &= column.is_valid(row) && elements.iter().all(|value| value.is_finite());
        }
        columns.push((values, column.width()));
    }
    if !good.contains(&true) {
        return Ok(None);
    }
    let mut shift: Vec<f64> =
        columns.iter().flat_map(|(values, width)| center(values, *width, &good)).collect();
    if features.single() {
        shift.iter_mut().for_each(|value| *value = f64::from(*value as f32));
    }
    Ok(Some(shift))
}

/// The elements' centers over the good rows of one column, of which there is at least one.
fn center(values: &[f64], width: usize, good: &[bool]) -> Vec<f64> {
    let mut rows = values.chunks(width).zip(good).filter(|(_, good)| **good).map(|(row, _)| row);
    let first = rows.next().unwrap_or_default();
    let (mut sums, mut count) = (vec![0.0; first.len()], 1.0);
    for row in rows {
        count += 1.0;
        for ((sum, value), first) in sums.iter_mut().zip(row).zip(first) {
            *sum += value - first;
        }
    }
    first.iter().zip(sums).map(|(first, sum)| first + sum / count).collect()
}

impl Scatter {
    /// μ = a + s/n and M = G − s sᵀ/n.
    fn from_sums(all: SumsOfProducts, shift: &[f64]) -> Option<Self> {
        if all.rows == 0 {
            return None;
        }
        let SumsOfProducts { rows, sums, gram } = all;
        let count = rows as f64;
        let mean = shift.iter().zip(&sums).map(|(shift, sum)| shift + sum / count).collect();
        let mut upper = Vec::with_capacity(triangle(sums.len()));
        for (row, (line, left)) in gram.chunks(sums.len().max(1)).zip(&sums).enumerate() {
            let scale = left / count;
            let start = upper.len();
            upper.extend(line.iter().zip(&sums).skip(row).map(|(product, right)| product - scale * right));
            if let Some(diagonal) = upper.get_mut(start) {
                *diagonal = diagonal.max(0.0);
            }
        }
        Some(Self { rows, mean, upper })
    }

    fn join(left: Option<Self>, right: Option<Self>) -> Result<Option<Self>> {
        match (left, right) {
            (Some(left), Some(right)) => left.merge(&right).map(Some),
            (left, right) => Ok(left.or(right)),
        }
    }

    /// δ = μ_R − μ_L; μ = μ_L + δ n_R/n; M = M_L + M_R + δ δᵀ n_L n_R/n.
    fn merge(mut self, right: &Self) -> Result<Self> {
        let rows =
            self.rows.checked_add(right.rows).ok_or_else(|| Error::input("more rows than 64 bits count"))?;
        let delta: Vec<f64> = right.mean.iter().zip(&self.mean).map(|(right, left)| right - left).collect();
        let share = right.rows as f64 / rows as f64;
        let factor = self.rows as f64 * share;
        let mut entries = self.upper.iter_mut().zip(&right.upper);
        for (row, left) in delta.iter().enumerate() {
            let scale = left * factor;
            for (delta, (entry, other)) in delta.iter().skip(row).zip(&mut entries) {
                *entry += other + scale * delta;
            }
        }
        self.mean.iter_mut().zip(&delta).for_each(|(mean, delta)| *mean += delta * share);
        self.rows = rows;
        Ok(self)
    }
}
