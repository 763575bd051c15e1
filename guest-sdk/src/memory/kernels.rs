//! The contract's dense kernels, written out plainly: the reference that the native ones are held to.

use std::cell::RefCell;

use super::{Batch, Context};
use crate::{Column, Error, Linear, Result, SumsOfProducts};

/// The rows of some columns as f64: `None` is a bad row.
fn rows(batch: &Batch, columns: &[String]) -> Result<Vec<Option<Vec<f64>>>> {
    let mut rows: Vec<Option<Vec<f64>>> = vec![Some(Vec::new()); batch.rows()];
    for name in columns {
        let column = batch.column(name)?;
        let values = column.to_f64()?;
        for (row, (place, elements)) in rows.iter_mut().zip(values.chunks(column.width())).enumerate() {
            if !column.is_valid(row) || elements.iter().any(|value| !value.is_finite()) {
                *place = None;
            }
            if let Some(place) = place {
                place.extend_from_slice(elements);
            }
        }
    }
    Ok(rows)
}

fn shifted(row: &[f64], shift: &[f64]) -> Vec<f64> {
    row.iter().zip(shift).map(|(value, shift)| value - shift).collect()
}

/// Sums and products so far.
pub(crate) struct Moments {
    columns: Vec<String>,
    shift: Vec<f64>,
    sums: RefCell<SumsOfProducts>,
}

fn zero(size: usize) -> SumsOfProducts {
    SumsOfProducts { rows: 0, sums: vec![0.0; size], gram: vec![0.0; size * size] }
}

impl Moments {
    pub(crate) fn new(columns: &[String], shift: &[f64]) -> Self {
        Self { columns: columns.to_vec(), shift: shift.to_vec(), sums: RefCell::new(zero(shift.len())) }
    }

    pub(crate) fn add_batch(&self, batch: &Batch) -> Result<()> {
        let mut all = self.sums.borrow_mut();
        for row in rows(batch, &self.columns)?.into_iter().flatten() {
            if row.len() != self.shift.len() {
                return Err(Error::input("the columns have another number of elements than the shift"));
            }
            let row = shifted(&row, &self.shift);
            let SumsOfProducts { rows, sums, gram } = &mut *all;
            *rows += 1;
            sums.iter_mut().zip(&row).for_each(|(sum, value)| *sum += value);
            for (line, left) in gram.chunks_mut(row.len().max(1)).zip(&row) {
                line.iter_mut().zip(&row).for_each(|(sum, right)| *sum += left * right);
            }
        }
        Ok(())
    }

    pub(crate) fn take_sums(&self) -> Result<SumsOfProducts> {
        Ok(self.sums.replace(zero(self.shift.len())))
    }
}

/// A linear map of the columns it names.
pub(crate) struct Projection {
    columns: Vec<String>,
    shift: Vec<f64>,
    weights: Vec<f64>,
    outputs: usize,
    single: bool,
    context: Context,
}

impl Projection {
    pub(crate) fn new(linear: &Linear<'_>, context: Context) -> Self {
        Self {
            columns: linear.columns.to_vec(),
            shift: linear.shift.to_vec(),
            weights: linear.weights.to_vec(),
            outputs: linear.outputs,
            single: linear.single,
            context,
        }
    }

    pub(crate) fn apply_to(&self, batch: &Batch) -> Result<Column> {
        let rows = rows(batch, &self.columns)?;
        let mut values = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            if row.is_none() {
                self.context.bad_row(number, "missing, NaN or infinite");
            }
            let row = shifted(row.as_deref().unwrap_or_default(), &self.shift);
            values.extend((0..self.outputs).map(|output| self.product(&row, output)));
        }
        let column = if self.single {
            Column::from_f32(&values.iter().map(|value| *value as f32).collect::<Vec<_>>())
        } else {
            Column::from_f64(&values)
        };
        Ok(column.with_width(self.outputs).with_missing(|row| rows.get(row).is_none_or(Option::is_none)))
    }

    fn product(&self, row: &[f64], output: usize) -> f64 {
        let weights = self.weights.iter().skip(output).step_by(self.outputs);
        row.iter().zip(weights).map(|(value, weight)| value * weight).sum()
    }
}

/// Rotations until the off-diagonal part is rounding noise; more sweeps than any matrix was seen to need.
const SWEEPS: usize = 60;

/// Cyclic Jacobi: slow, and accurate to the last digits.
pub(crate) fn eigh(matrix: &[f64], size: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    if matrix.len() != size * size || matrix.iter().any(|value| !value.is_finite()) {
        return Err(Error::input("the matrix is not square or not finite"));
    }
    let mut work = Symmetric::new(matrix, size);
    for _ in 0..SWEEPS {
        if work.off_diagonal() <= f64::EPSILON * f64::EPSILON * work.norm() {
            return Ok(work.sorted());
        }
        for row in 0..size {
            (row + 1..size).for_each(|column| work.rotate(row, column));
        }
    }
    Err(Error::input("the eigenvalues did not converge"))
}

struct Symmetric {
    lines: Vec<Vec<f64>>,
    /// Eigenvectors as rows.
    vectors: Vec<Vec<f64>>,
}

impl Symmetric {
    fn new(matrix: &[f64], size: usize) -> Self {
        let lines = matrix.chunks(size.max(1)).map(<[f64]>::to_vec).collect();
        let unit = |row| (0..size).map(|column| if column == row { 1.0 } else { 0.0 }).collect();
        Self { lines, vectors: (0..size).map(unit).collect() }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.lines.get(row).and_then(|line| line.get(column)).copied().unwrap_or(0.0)
    }

    fn norm(&self) -> f64 {
        self.lines.iter().flatten().map(|value| value * value).sum()
    }

    fn off_diagonal(&self) -> f64 {
        let diagonal: f64 = (0..self.lines.len()).map(|index| self.at(index, index).powi(2)).sum();
        let off = |(row, line): (usize, &Vec<f64>)| -> f64 {
            line.iter().enumerate().filter(|(column, _)| *column != row).map(|(_, value)| value * value).sum()
        };
        if diagonal == 0.0 && self.norm() == 0.0 { 0.0 } else { self.lines.iter().enumerate().map(off).sum() }
    }

    fn rotate(&mut self, row: usize, column: usize) {
        let off = self.at(row, column);
        if off == 0.0 {
            return;
        }
        let theta = (self.at(column, column) - self.at(row, row)) / (2.0 * off);
        let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
        let cosine = 1.0 / tangent.hypot(1.0);
        let sine = tangent * cosine;
        for line in &mut self.lines {
            turn(line, row, column, cosine, sine);
        }
        turn_rows(&mut self.lines, row, column, cosine, sine);
        turn_rows(&mut self.vectors, row, column, cosine, sine);
    }

    fn sorted(self) -> (Vec<f64>, Vec<f64>) {
        let values: Vec<f64> = (0..self.lines.len()).map(|index| self.at(index, index)).collect();
        let mut pairs: Vec<_> = values.into_iter().zip(self.vectors).collect();
        pairs.sort_by(|left, right| right.0.total_cmp(&left.0));
        let (values, vectors): (Vec<f64>, Vec<Vec<f64>>) = pairs.into_iter().unzip();
        (values, vectors.concat())
    }
}

fn turn(line: &mut [f64], first: usize, second: usize, cosine: f64, sine: f64) {
    let (Some(left), Some(right)) = (line.get(first).copied(), line.get(second).copied()) else { return };
    if let Some(place) = line.get_mut(first) {
        *place = cosine * left - sine * right;
    }
    if let Some(place) = line.get_mut(second) {
        *place = sine * left + cosine * right;
    }
}

fn turn_rows(lines: &mut [Vec<f64>], first: usize, second: usize, cosine: f64, sine: f64) {
    let Ok([upper, lower]) = lines.get_disjoint_mut([first, second]) else { return };
    for (left, right) in upper.iter_mut().zip(lower.iter_mut()) {
        (*left, *right) = (cosine * *left - sine * *right, sine * *left + cosine * *right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_eigenvalues() {
        let (values, vectors) = eigh(&[2.0, 1.0, 1.0, 2.0], 2).unwrap();
        assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14);
        assert!((vectors[0] - vectors[1]).abs() < 1e-14);
        assert_eq!(eigh(&[0.0; 9], 3).unwrap().0, [0.0; 3]);
        assert!(eigh(&[f64::NAN], 1).is_err());
    }

    proptest! {
        #[test]
        fn vectors_rebuild_the_matrix(entries in prop::collection::vec(-10.0..10.0_f64, 36)) {
            let entry = |row: usize, column: usize| entries[row.min(column) * 6 + row.max(column)];
            let matrix: Vec<f64> = (0..36).map(|index| entry(index / 6, index % 6)).collect();
            let (values, vectors) = eigh(&matrix, 6).unwrap();
            prop_assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
            for (index, entry) in matrix.iter().enumerate() {
                let (row, column) = (index / 6, index % 6);
                let rebuilt: f64 = (0..6).map(|k| values[k] * vectors[k * 6 + row] * vectors[k * 6 + column]).sum();
                prop_assert!((rebuilt - entry).abs() < 1e-10);
            }
        }
    }
}
