//! (x - shift) · weights for every row of a batch (design: PCA, step 7).

use super::level::{Level, Real};
use super::matrix::{BadCell, KernelError, Matrix};
use super::panel::{Panel, ROWS};

/// Outputs that are computed together.
const LANES: usize = 16;
/// Rows that are computed together.
const TILE: usize = 4;
/// Strips of columns (of 16) after which single-precision sums go into the f64 sums.
const STRIPS: usize = 4;

/// A linear map of a batch's columns.
#[derive(Debug)]
pub struct Projection {
    columns: Vec<String>,
    shift: Vec<f64>,
    outputs: usize,
    /// Answers in f32.
    single: bool,
    weights: Vec<f64>,
    in_single: Option<Prepared<f32>>,
    in_double: Option<Prepared<f64>>,
    level: Level,
}

/// Weights and a panel in the precision of the data.
#[derive(Debug)]
struct Prepared<T> {
    panel: Panel<T, LANES>,
    /// Strips of outputs; in each, one row of lanes per (padded) column.
    weights: Vec<[T; LANES]>,
}

/// The projected rows of one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Projected {
    /// rows x m, row-major, little-endian f32 or f64; zero in bad rows.
    pub values: Vec<u8>,
    /// The bad rows, ascending.
    pub bad: Vec<BadCell>,
}

impl Projection {
    /// A map from the columns called `columns` (k values a row, less their `shift`) by `weights`
    /// (k x m, row-major).
    ///
    /// # Errors
    /// The weights are not k x m.
    pub fn new(
        columns: Vec<String>,
        shift: Vec<f64>,
        weights: Vec<f64>,
        outputs: usize,
        single: bool,
    ) -> Result<Self, KernelError> {
        if shift.len().checked_mul(outputs) != Some(weights.len()) {
            let (found, k) = (weights.len(), shift.len());
            return Err(KernelError::Shape(format!("{found} weights for {k} columns and {outputs} outputs")));
        }
        let level = Level::detect();
        Ok(Self { columns, shift, outputs, single, weights, in_single: None, in_double: None, level })
    }

    /// Bytes that a projection of this shape holds.
    #[must_use]
    pub fn bytes(width: usize, outputs: usize) -> u64 {
        let padded = (width.next_multiple_of(LANES) * outputs.next_multiple_of(LANES)) as u64;
        (width * outputs) as u64 * 8 + padded * 12 + (width * ROWS) as u64 * 12
    }

    /// Projects every row; a bad row gives zeros and stands in the answer's list.
    ///
    /// # Errors
    /// A column is missing or not numeric, or the columns have another width than the shift.
    pub fn apply(&mut self, batch: &arrow::array::RecordBatch) -> Result<Projected, KernelError> {
        let matrix = Matrix::new(batch, &self.columns)?;
        let expected = self.shift.len();
        if matrix.width() != expected {
            return Err(KernelError::Width { found: matrix.width(), expected });
        }
        let outputs = self.outputs;
        let cell = if self.single { 4 } else { 8 };
        let mut sink = Sink {
            single: self.single,
            outputs,
            values: vec![0; matrix.rows() * outputs * cell],
            bad: Vec::new(),
        };
        if matrix.single() {
            let prepared =
                self.in_single.get_or_insert_with(|| Prepared::new(&self.weights, expected, outputs));
            apply_single(self.level, &matrix, &self.shift, prepared, &mut sink);
        } else {
            let prepared =
                self.in_double.get_or_insert_with(|| Prepared::new(&self.weights, expected, outputs));
            apply_double(self.level, &matrix, &self.shift, prepared, &mut sink);
        }
        Ok(Projected { values: sink.values, bad: sink.bad })
    }
}

impl<T: Real> Prepared<T> {
    fn new(weights: &[f64], width: usize, outputs: usize) -> Self {
        let padded = width.next_multiple_of(LANES);
        let mut packed = vec![[T::default(); LANES]; padded * outputs.div_ceil(LANES)];
        for (column, weights) in weights.chunks_exact(outputs.max(1)).enumerate() {
            for (strip, weights) in weights.chunks(LANES).enumerate() {
                let Some(lanes) = packed.get_mut(strip * padded + column) else { continue };
                lanes.iter_mut().zip(weights).for_each(|(lane, weight)| *lane = T::round(*weight));
            }
        }
        Self { panel: Panel::new(width), weights: packed }
    }
}

/// Where projected rows go.
struct Sink {
    single: bool,
    outputs: usize,
    values: Vec<u8>,
    bad: Vec<BadCell>,
}

impl Sink {
    /// Puts one row's outputs from `first` on.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what was asked for")]
    fn put(&mut self, row: usize, first: usize, sums: &[f64; LANES]) {
        let wanted = LANES.min(self.outputs - first);
        let start = row * self.outputs + first;
        if self.single {
            let cells = self.values.as_chunks_mut::<4>().0.iter_mut().skip(start).take(wanted);
            cells.zip(sums).for_each(|(cell, sum)| *cell = (*sum as f32).to_le_bytes());
        } else {
            let cells = self.values.as_chunks_mut::<8>().0.iter_mut().skip(start).take(wanted);
            cells.zip(sums).for_each(|(cell, sum)| *cell = sum.to_le_bytes());
        }
    }

    fn reject(&mut self, matrix: &Matrix, row: usize) {
        let bytes = self.outputs * if self.single { 4 } else { 8 };
        if let Some(cells) = self.values.get_mut(row * bytes..(row + 1) * bytes) {
            cells.fill(0);
        }
        self.bad.push(matrix.explain(row));
    }
}

macro_rules! on_every_level {
    ($name:ident, $avx2:ident, $real:ty) => {
        fn $name(
            level: Level,
            matrix: &Matrix,
            shift: &[f64],
            prepared: &mut Prepared<$real>,
            sink: &mut Sink,
        ) {
            match level {
                Level::Baseline => apply::<$real>(matrix, shift, prepared, sink),
                #[cfg(target_arch = "x86_64")]
                #[expect(unsafe_code, reason = "instructions beyond the target's baseline")]
                // SAFETY: `Level::detect` found these instructions on this processor.
                Level::Avx2 => unsafe { $avx2(matrix, shift, prepared, sink) },
            }
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn $avx2(matrix: &Matrix, shift: &[f64], prepared: &mut Prepared<$real>, sink: &mut Sink) {
            apply::<$real>(matrix, shift, prepared, sink);
        }
    };
}

on_every_level!(apply_single, apply_single_avx2, f32);
on_every_level!(apply_double, apply_double_avx2, f64);

#[inline(always)]
fn apply<T: Real>(matrix: &Matrix, shift: &[f64], prepared: &mut Prepared<T>, sink: &mut Sink) {
    let mut start = 0;
    while start < matrix.rows() {
        let rows = ROWS.min(matrix.rows() - start);
        let faults = prepared.panel.fill(matrix, start, rows, shift);
        for first in (0..rows).step_by(TILE) {
            project(prepared, first, rows, start, sink);
        }
        for row in (0..rows).filter(|row| faults >> row & 1 == 1) {
            sink.reject(matrix, start + row);
        }
        start += rows;
    }
}

/// Rows `first..first + TILE` of the panel (beyond `rows` they are left-overs and are not stored).
#[inline(always)]
fn project<T: Real>(prepared: &Prepared<T>, first: usize, rows: usize, start: usize, sink: &mut Sink) {
    let padded = prepared.panel.strips() * LANES;
    for (strip, weights) in prepared.weights.chunks_exact(padded.max(1)).enumerate() {
        let mut totals = [[0.0_f64; LANES]; TILE];
        for (group, weights) in weights.chunks(STRIPS * LANES).enumerate() {
            let sums = multiply(&prepared.panel, group * STRIPS, first, weights);
            for (total, sum) in totals.iter_mut().flatten().zip(sums.iter().flatten()) {
                *total += sum.wide();
            }
        }
        for (row, totals) in totals.iter().enumerate().take(rows - first) {
            sink.put(start + first + row, strip * LANES, totals);
        }
    }
}

/// TILE rows times at most 64 columns of weights.
#[inline(always)]
fn multiply<T: Real>(
    panel: &Panel<T, LANES>,
    first_strip: usize,
    first_row: usize,
    weights: &[[T; LANES]],
) -> [[T; LANES]; TILE] {
    let mut sums = [[T::default(); LANES]; TILE];
    for (strip, weights) in weights.as_chunks::<LANES>().0.iter().enumerate() {
        let rows = panel.strip(first_strip + strip, ROWS).get(first_row..first_row + TILE);
        let Some(rows) = rows.and_then(|rows| rows.first_chunk::<TILE>()) else { break };
        for (lane, weights) in weights.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let Some(x) = row.get(lane) else { break };
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = x.fused(*weight, *sum);
                }
            }
        }
    }
    sums
}
