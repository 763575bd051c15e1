//! The real host, reached through the component's imports. `memory` is the same surface without one.

use super::bindings::millrace::processor::{context, data, kernels, types};
use crate::column::elements;
use crate::{Buffers, Column, Dtype, Error, Field, Level, Linear, Result, Schema, SumsOfProducts};

pub(crate) use data::{Batch, Output};
pub(crate) use kernels::Moments;

/// Bytes of a side input asked for at once.
const PIECE: u32 = 4 << 20;

/// The run that this instance belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Context;

impl Context {
    pub(crate) fn seed(self) -> u64 {
        context::seed()
    }

    pub(crate) fn open_output(self, name: &str, schema: Option<&Schema>) -> Result<Output> {
        Ok(context::open_output(name, schema.map(types::Schema::from).as_ref())?)
    }

    pub(crate) fn side_input(self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(blob) = context::open_side_input(name)? else { return Ok(None) };
        let size = blob.size();
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            let piece = blob.read(bytes.len() as u64, PIECE)?;
            if piece.is_empty() {
                return Err(Error::internal(format!("`{name}` ended after {} of {size} bytes", bytes.len())));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes))
    }

    pub(crate) fn bad_row(self, row: usize, message: &str) {
        context::bad_row(row as u32, message);
    }

    pub(crate) fn cancelled(self) -> bool {
        context::cancelled()
    }

    pub(crate) fn log(self, level: Level, message: &str) {
        context::log(level.into(), message);
    }

    pub(crate) fn counter(self, name: &str, delta: u64) {
        context::counter(name, delta);
    }

    pub(crate) fn moments(self, columns: &[String], shift: &[f64]) -> Moments {
        Moments::new(columns, &bytes(shift))
    }

    pub(crate) fn projection(self, linear: &Linear<'_>) -> Projection {
        let (shift, weights) = (bytes(linear.shift), bytes(linear.weights));
        let outputs = linear.outputs as u32;
        let handle = kernels::Projection::new(linear.columns, &shift, &weights, outputs, linear.single);
        let dtype = if linear.single { Dtype::Float32 } else { Dtype::Float64 };
        Projection { handle, field: Field::new("projection", dtype).with_width(outputs) }
    }

    pub(crate) fn eigh(self, matrix: &[f64], size: usize) -> Result<(Vec<f64>, Vec<f64>)> {
        let (values, vectors) = kernels::eigh(&bytes(matrix), size as u32)?;
        Ok((doubles(&values, size)?, doubles(&vectors, size * size)?))
    }
}

/// The methods that the SDK's own `Batch` builds on, by the names that `memory` has as well.
impl Batch {
    pub(crate) fn buffers(&self, index: usize) -> Result<Buffers> {
        Ok(self.column(index as u32)?.into())
    }

    pub(crate) fn row_count(&self) -> usize {
        self.rows() as usize
    }

    pub(crate) fn fields(&self) -> Schema {
        self.schema().into()
    }

    pub(crate) fn port_name(&self) -> String {
        self.port()
    }
}

impl Output {
    pub(crate) fn write_columns(&self, columns: Vec<Column>, rows: usize) -> Result<()> {
        let columns: Vec<types::Column> = columns.into_iter().map(Into::into).collect();
        Ok(self.write(&columns, rows as u32)?)
    }

    pub(crate) fn forward_batch(&self, batch: &Batch) -> Result<()> {
        Ok(self.forward(batch)?)
    }

    pub(crate) fn take_rows(&self, batch: &Batch, rows: &[u32]) -> Result<()> {
        let rows: Vec<u8> = rows.iter().map(|row| row.to_le_bytes()).collect::<Vec<_>>().into_flattened();
        Ok(self.take(batch, &rows)?)
    }

    pub(crate) fn replace_columns(&self, batch: &Batch, columns: Vec<(String, Column)>) -> Result<()> {
        let columns: Vec<_> = columns.into_iter().map(|(name, column)| (name, column.into())).collect();
        Ok(self.with_columns(batch, &columns)?)
    }
}

impl Moments {
    pub(crate) fn add_batch(&self, batch: &Batch) -> Result<()> {
        Ok(self.add(batch)?)
    }

    pub(crate) fn take_sums(&self) -> Result<SumsOfProducts> {
        let taken = self.take();
        let sums = elements(&taken.sums, f64::from_le_bytes);
        let gram = doubles(&taken.gram, sums.len() * sums.len())?;
        Ok(SumsOfProducts { rows: taken.rows, sums, gram })
    }
}

/// A projection and the type of the column it makes.
pub(crate) struct Projection {
    handle: kernels::Projection,
    field: Field,
}

impl Projection {
    pub(crate) fn apply_to(&self, batch: &Batch) -> Result<Column> {
        Column::new(&self.field, batch.row_count(), self.handle.apply(batch)?.into())
    }
}

fn bytes(doubles: &[f64]) -> Vec<u8> {
    doubles.iter().map(|double| double.to_le_bytes()).collect::<Vec<_>>().into_flattened()
}

fn doubles(bytes: &[u8], count: usize) -> Result<Vec<f64>> {
    let doubles = elements(bytes, f64::from_le_bytes);
    if doubles.len() != count {
        return Err(Error::internal(format!("the host gave {} numbers for {count}", doubles.len())));
    }
    Ok(doubles)
}
