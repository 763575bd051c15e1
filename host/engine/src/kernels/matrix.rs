//! The named columns of a batch as one matrix of numbers, without copying what is f32 or f64.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};

/// Why a kernel cannot work on a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// The batch has no such column.
    #[error("there is no column {0:?}")]
    Missing(String),
    /// The column holds no numbers.
    #[error("column {name:?} is {kind}, not numeric")]
    NotNumeric {
        /// The column.
        name: String,
        /// Its Arrow type.
        kind: String,
    },
    /// The columns are not as many as the kernel was made for.
    #[error("the columns have {found} values a row, the kernel was made for {expected}")]
    Width {
        /// Values a row of the batch.
        found: usize,
        /// Values a row that shift and weights have.
        expected: usize,
    },
    /// A matrix has the wrong size or a value that is no number.
    #[error("{0}")]
    Shape(String),
    /// The decomposition did not converge.
    #[error("the eigenvalue decomposition did not converge")]
    NoConvergence,
}

/// Some columns of one batch, flattened.
#[derive(Debug)]
pub struct Matrix {
    parts: Vec<Part>,
    rows: usize,
    width: usize,
}

/// One column: `width` values a row, row after row.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) width: usize,
    pub(crate) values: Values,
    /// Rows without a null, neither the row itself nor an element of its list.
    pub(crate) nulls: Option<NullBuffer>,
}

/// The numbers of a column.
#[derive(Debug)]
pub(crate) enum Values {
    Single(arrow::buffer::ScalarBuffer<f32>),
    Double(arrow::buffer::ScalarBuffer<f64>),
}

/// Why a row is bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCell {
    /// The row, from 0.
    pub row: u32,
    /// Column and reason, in words.
    pub message: String,
}

impl Matrix {
    /// The columns called `names`, in that order.
    ///
    /// # Errors
    /// A column is missing or not numeric.
    pub fn new(batch: &RecordBatch, names: &[String]) -> Result<Self, KernelError> {
        let parts = names.iter().map(|name| Part::new(batch, name)).collect::<Result<Vec<_>, _>>()?;
        let width = parts.iter().map(|part| part.width).sum();
        Ok(Self { parts, rows: batch.num_rows(), width })
    }

    /// Rows, bad ones included.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether products may be formed in single precision.
    pub(crate) fn single(&self) -> bool {
        self.parts.iter().all(|part| matches!(part.values, Values::Single(_)))
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Says what is wrong with a row that was found to be bad.
    pub(crate) fn explain(&self, row: usize) -> BadCell {
        let message = self.parts.iter().find_map(|part| part.fault(row));
        let message = message.unwrap_or_else(|| "not a finite number".to_owned());
        BadCell { row: u32::try_from(row).unwrap_or(u32::MAX), message }
    }
}

impl Part {
    fn new(batch: &RecordBatch, name: &str) -> Result<Self, KernelError> {
        let column = batch.column_by_name(name).ok_or_else(|| KernelError::Missing(name.to_owned()))?;
        let (values, width, nulls) = flatten(column, name)?;
        Ok(Self { name: name.to_owned(), width, values: numbers(&values, name)?, nulls })
    }

    fn fault(&self, row: usize) -> Option<String> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Some(format!("column {:?} is null", self.name));
        }
        let range = row * self.width..(row + 1) * self.width;
        let bad = match &self.values {
            Values::Single(values) => first_bad(values.get(range)?.iter().map(|value| f64::from(*value))),
            Values::Double(values) => first_bad(values.get(range)?.iter().copied()),
        };
        let (at, what) = bad?;
        let place = if self.width == 1 { String::new() } else { format!("[{at}]") };
        Some(format!("column {:?}{place} is {what}", self.name))
    }
}

fn first_bad(values: impl Iterator<Item = f64>) -> Option<(usize, &'static str)> {
    let (at, value) = values.enumerate().find(|(_, value)| !value.is_finite())?;
    Some((at, if value.is_nan() { "NaN" } else { "infinite" }))
}

type Flat = (ArrayRef, usize, Option<NullBuffer>);

/// The elements of a column, how many a row has, and which rows are without nulls.
fn flatten(column: &ArrayRef, name: &str) -> Result<Flat, KernelError> {
    let Some(list) = column.as_fixed_size_list_opt() else {
        return Ok((Arc::clone(column), 1, column.logical_nulls()));
    };
    let width = usize::try_from(list.value_length()).unwrap_or(0);
    if width == 0 {
        return Err(not_numeric(name, column.data_type()));
    }
    let values = list.values().slice(0, list.len() * width);
    let inner = values.logical_nulls().map(|nulls| whole_rows(&nulls, list.len(), width));
    Ok((values, width, NullBuffer::union(list.nulls(), inner.as_ref())))
}

/// A row is valid if all its elements are.
fn whole_rows(elements: &NullBuffer, rows: usize, width: usize) -> NullBuffer {
    let whole = |row: usize| (row * width..(row + 1) * width).all(|at| elements.is_valid(at));
    NullBuffer::new(BooleanBuffer::collect_bool(rows, whole))
}

fn not_numeric(name: &str, kind: &DataType) -> KernelError {
    KernelError::NotNumeric { name: name.to_owned(), kind: kind.to_string() }
}

/// f32 and f64 as they are; half precision widened to f32, integers to f64.
fn numbers(values: &ArrayRef, name: &str) -> Result<Values, KernelError> {
    let kind = match values.data_type() {
        DataType::Dictionary(_, kind) => kind.as_ref(),
        kind => kind,
    };
    let wanted = match kind {
        DataType::Float16 | DataType::Float32 => DataType::Float32,
        kind if kind.is_numeric() && !is_decimal(kind) => DataType::Float64,
        kind => return Err(not_numeric(name, kind)),
    };
    let values =
        if values.data_type() == &wanted { Arc::clone(values) } else { convert(values, &wanted, name)? };
    Ok(match wanted {
        DataType::Float32 => Values::Single(values.as_primitive::<Float32Type>().values().clone()),
        _ => Values::Double(values.as_primitive::<Float64Type>().values().clone()),
    })
}

fn is_decimal(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

fn convert(values: &ArrayRef, wanted: &DataType, name: &str) -> Result<ArrayRef, KernelError> {
    cast(values, wanted).map_err(|_| not_numeric(name, values.data_type()))
}
