//! Sums and sums of products of shifted columns, for covariance (design: PCA, step 2).

use super::level::{Level, Real};
use super::matrix::{BadCell, KernelError, Matrix};
use super::panel::{Panel, ROWS};

/// Lanes of a strip; a tile of four rows of them fills eight 256-bit accumulators, which is what two
/// fused multiply-adds a cycle with four cycles' latency need.
const SINGLE_LANES: usize = 16;
const DOUBLE_LANES: usize = 8;

/// What was added since the last [`Moments::take`].
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    /// Good rows.
    pub rows: u64,
    /// Sum of (x - shift): k values.
    pub sums: Vec<f64>,
    /// Sum of (x - shift)(x - shift)ᵀ: k x k, row-major, symmetric.
    pub gram: Vec<f64>,
}

/// Accumulates moments over batches.
///
/// Products of f32 data are formed in f32 and summed over at most 64 rows before they are added to
/// the f64 sums; the result depends on where batches are cut, and on nothing of the machine.
#[derive(Debug)]
pub struct Moments {
    columns: Vec<String>,
    shift: Vec<f64>,
    totals: Totals,
    single: Option<Panel<f32, SINGLE_LANES>>,
    double: Option<Panel<f64, DOUBLE_LANES>>,
    level: Level,
}

#[derive(Debug)]
struct Totals {
    rows: u64,
    sums: Vec<f64>,
    /// The upper triangle, rows of `stride`.
    gram: Vec<f64>,
    stride: usize,
}

impl Totals {
    fn new(width: usize) -> Self {
        let stride = width.next_multiple_of(SINGLE_LANES);
        Self { rows: 0, sums: vec![0.0; stride], gram: vec![0.0; stride * stride], stride }
    }
}

impl Moments {
    /// Moments of the columns called `columns`, each value less its `shift`.
    #[must_use]
    pub fn new(columns: Vec<String>, shift: Vec<f64>) -> Self {
        let totals = Totals::new(shift.len());
        Self { columns, shift, totals, single: None, double: None, level: Level::detect() }
    }

    /// Bytes that moments of so many columns hold.
    #[must_use]
    pub fn bytes(width: usize) -> u64 {
        let width = width.next_multiple_of(SINGLE_LANES) as u64;
        width * width * 8 + width * ROWS as u64 * 8
    }

    /// Adds the good rows of a batch; returns the bad ones.
    ///
    /// # Errors
    /// A column is missing or not numeric, or the columns have another width than the shift.
    pub fn add(&mut self, batch: &arrow::array::RecordBatch) -> Result<Vec<BadCell>, KernelError> {
        let matrix = Matrix::new(batch, &self.columns)?;
        let expected = self.shift.len();
        if matrix.width() != expected {
            return Err(KernelError::Width { found: matrix.width(), expected });
        }
        let mut bad = Vec::new();
        if matrix.single() {
            let panel = self.single.get_or_insert_with(|| Panel::new(expected));
            add_single(self.level, &matrix, &self.shift, panel, &mut self.totals, &mut bad);
        } else {
            let panel = self.double.get_or_insert_with(|| Panel::new(expected));
            add_double(self.level, &matrix, &self.shift, panel, &mut self.totals, &mut bad);
        }
        Ok(bad)
    }

    /// What was added so far; starts again from zero.
    pub fn take(&mut self) -> Sums {
        let width = self.shift.len();
        let totals = std::mem::replace(&mut self.totals, Totals::new(width));
        let mut gram = Vec::with_capacity(width * width);
        let at =
            |row: usize, column: usize| totals.gram.get(row * totals.stride + column).copied().unwrap_or(0.0);
        for row in 0..width {
            gram.extend((0..row).map(|column| at(column, row)));
            gram.extend((row..width).map(|column| at(row, column)));
        }
        Sums { rows: totals.rows, sums: totals.sums.into_iter().take(width).collect(), gram }
    }
}

macro_rules! on_every_level {
    ($name:ident, $avx2:ident, $real:ty, $lanes:ident, $tile:literal) => {
        fn $name(
            level: Level,
            matrix: &Matrix,
            shift: &[f64],
            panel: &mut Panel<$real, $lanes>,
            totals: &mut Totals,
            bad: &mut Vec<BadCell>,
        ) {
            match level {
                Level::Baseline => add::<$real, $lanes, $tile>(matrix, shift, panel, totals, bad),
                #[cfg(target_arch = "x86_64")]
                #[expect(unsafe_code, reason = "instructions beyond the target's baseline")]
                // SAFETY: `Level::detect` found these instructions on this processor.
                Level::Avx2 => unsafe { $avx2(matrix, shift, panel, totals, bad) },
            }
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn $avx2(
            matrix: &Matrix,
            shift: &[f64],
            panel: &mut Panel<$real, $lanes>,
            totals: &mut Totals,
            bad: &mut Vec<BadCell>,
        ) {
            add::<$real, $lanes, $tile>(matrix, shift, panel, totals, bad);
        }
    };
}

on_every_level!(add_single, add_single_avx2, f32, SINGLE_LANES, 4);
on_every_level!(add_double, add_double_avx2, f64, DOUBLE_LANES, 4);

#[inline(always)]
fn add<T: Real, const LANES: usize, const TILE: usize>(
    matrix: &Matrix,
    shift: &[f64],
    panel: &mut Panel<T, LANES>,
    totals: &mut Totals,
    bad: &mut Vec<BadCell>,
) {
    let mut start = 0;
    while start < matrix.rows() {
        let rows = ROWS.min(matrix.rows() - start);
        let faults = panel.fill(matrix, start, rows, shift);
        let mut good = rows;
        if faults != 0 {
            bad.extend((0..rows).filter(|row| faults >> row & 1 == 1).map(|row| matrix.explain(start + row)));
            good = panel.drop_rows(rows, faults);
        }
        totals.rows += good as u64;
        add_sums(panel, good, &mut totals.sums);
        add_products::<T, LANES, TILE>(panel, good, totals);
        start += rows;
    }
}

#[inline(always)]
fn add_sums<T: Real, const LANES: usize>(panel: &Panel<T, LANES>, rows: usize, sums: &mut [f64]) {
    let (sums, _) = sums.as_chunks_mut::<LANES>();
    for (strip, sums) in sums.iter_mut().enumerate().take(panel.strips()) {
        let mut total = *sums;
        for row in panel.strip(strip, rows) {
            for (total, value) in total.iter_mut().zip(row) {
                *total += value.wide();
            }
        }
        *sums = total;
    }
}

/// Adds the products of the panel's columns to the upper triangle, tile by tile.
#[inline(always)]
fn add_products<T: Real, const LANES: usize, const TILE: usize>(
    panel: &Panel<T, LANES>,
    rows: usize,
    totals: &mut Totals,
) {
    for left in 0..panel.strips() {
        let left_rows = panel.strip(left, rows);
        for right in left..panel.strips() {
            let right_rows = panel.strip(right, rows);
            for block in (0..LANES).step_by(TILE) {
                let tile = products::<T, LANES, TILE>(left_rows, right_rows, block);
                store(&tile, totals, left * LANES + block, right * LANES);
            }
        }
    }
}

/// `left[:, block..block + TILE]ᵀ · right`, each entry one chain of fused multiply-adds down the rows.
#[inline(always)]
fn products<T: Real, const LANES: usize, const TILE: usize>(
    left: &[[T; LANES]],
    right: &[[T; LANES]],
    block: usize,
) -> [[T; LANES]; TILE] {
    let mut tile = [[T::default(); LANES]; TILE];
    for (left, right) in left.iter().zip(right) {
        let Some(left) = left.get(block..block + TILE) else { break };
        for (sums, x) in tile.iter_mut().zip(left) {
            for (sum, y) in sums.iter_mut().zip(right) {
                *sum = x.fused(*y, *sum);
            }
        }
    }
    tile
}

#[inline(always)]
fn store<T: Real, const LANES: usize, const TILE: usize>(
    tile: &[[T; LANES]; TILE],
    totals: &mut Totals,
    row: usize,
    column: usize,
) {
    let rows = totals.gram.chunks_exact_mut(totals.stride).skip(row);
    for (sums, total) in tile.iter().zip(rows) {
        let Some(total) = total.get_mut(column..column + LANES) else { break };
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum.wide();
        }
    }
}
