//! 64 rows of a matrix, shifted, in the layout that the multiplying loops read.
//!
//! Columns lie in strips of `LANES`; within a strip row follows row. What is beyond the last column
//! of the last strip is zero.

use super::level::Real;
use super::matrix::{Matrix, Part, Values};

/// Rows of a panel: products are summed in the data's precision over so many rows at most.
pub(crate) const ROWS: usize = 64;

/// The rows of one panel.
#[derive(Debug)]
pub(crate) struct Panel<T, const LANES: usize> {
    cells: Vec<[T; LANES]>,
    strips: usize,
}

impl<T: Real, const LANES: usize> Panel<T, LANES> {
    pub(crate) fn new(width: usize) -> Self {
        let strips = width.div_ceil(LANES);
        Self { cells: vec![[T::default(); LANES]; strips * ROWS], strips }
    }

    pub(crate) fn strips(&self) -> usize {
        self.strips
    }

    /// The first `rows` rows of a strip.
    #[inline(always)]
    pub(crate) fn strip(&self, strip: usize, rows: usize) -> &[[T; LANES]] {
        self.cells.get(strip * ROWS..strip * ROWS + rows).unwrap_or_default()
    }

    /// Fills the panel with rows `start..start + rows` minus `shift`; bit r of the answer says that row r is bad.
    #[inline(always)]
    pub(crate) fn fill(&mut self, matrix: &Matrix, start: usize, rows: usize, shift: &[f64]) -> u64 {
        let (mut bad, mut column) = (0, 0);
        for part in matrix.parts() {
            let shift = shift.get(column..column + part.width).unwrap_or_default();
            let range = start * part.width..(start + rows) * part.width;
            bad |= match &part.values {
                Values::Single(values) => self.place(values.get(range).unwrap_or_default(), column, shift),
                Values::Double(values) => self.place(values.get(range).unwrap_or_default(), column, shift),
            };
            bad |= nulls(part, start, rows);
            column += part.width;
        }
        bad
    }

    #[inline(always)]
    fn place<S: Real>(&mut self, values: &[S], column: usize, shift: &[f64]) -> u64 {
        let mut bad = 0;
        for (row, values) in values.chunks_exact(shift.len().max(1)).enumerate() {
            let finite = if column.is_multiple_of(LANES) {
                self.place_aligned(values, column / LANES, row, shift)
            } else {
                self.place_anywhere(values, column, row, shift)
            };
            bad |= u64::from(!finite) << row;
        }
        bad
    }

    /// A row of a column that begins a strip: whole strips at a time.
    #[inline(always)]
    fn place_aligned<S: Real>(&mut self, values: &[S], strip: usize, row: usize, shift: &[f64]) -> bool {
        let mut infinite = [false; LANES];
        let (whole, rest) = values.as_chunks::<LANES>();
        let (whole_shift, rest_shift) = shift.as_chunks::<LANES>();
        let mut cells = self.cells.iter_mut().skip(strip * ROWS + row).step_by(ROWS);
        for ((values, shift), cell) in whole.iter().zip(whole_shift).zip(&mut cells) {
            for (((cell, value), shift), infinite) in
                cell.iter_mut().zip(values).zip(shift).zip(&mut infinite)
            {
                *cell = T::round(value.wide() - shift);
                *infinite |= !value.finite();
            }
        }
        let mut finite = !infinite.iter().any(|infinite| *infinite);
        if !rest.is_empty()
            && let Some(cell) = cells.next()
        {
            for ((cell, value), shift) in cell.iter_mut().zip(rest).zip(rest_shift) {
                *cell = T::round(value.wide() - shift);
                finite &= value.finite();
            }
        }
        finite
    }

    /// A row of a column that begins inside a strip, such as one of many scalar columns.
    #[inline(always)]
    fn place_anywhere<S: Real>(&mut self, values: &[S], column: usize, row: usize, shift: &[f64]) -> bool {
        let mut finite = true;
        for (at, (value, shift)) in values.iter().zip(shift).enumerate() {
            let (strip, lane) = ((column + at) / LANES, (column + at) % LANES);
            let cell = self.cells.get_mut(strip * ROWS + row).and_then(|cell| cell.get_mut(lane));
            if let Some(cell) = cell {
                *cell = T::round(value.wide() - shift);
            }
            finite &= value.finite();
        }
        finite
    }

    /// Moves the good rows together; says how many there are.
    pub(crate) fn drop_rows(&mut self, rows: usize, bad: u64) -> usize {
        let mut kept = 0;
        for row in (0..rows).filter(|row| bad >> row & 1 == 0) {
            for strip in self.cells.chunks_exact_mut(ROWS).filter(|_| row != kept) {
                if row < strip.len() {
                    strip.swap(kept, row);
                }
            }
            kept += 1;
        }
        kept
    }
}

fn nulls(part: &Part, start: usize, rows: usize) -> u64 {
    let Some(nulls) = &part.nulls else { return 0 };
    (0..rows).filter(|row| nulls.is_null(start + row)).fold(0, |bad, row| bad | 1 << row)
}
