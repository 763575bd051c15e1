//! All that a processor can see of its run, and the handles it gets from there.
//!
//! On wasm32 these stand for the host's; elsewhere for the in-memory host of [`crate::testing`].
//! There is no clock, entropy, environment or file here on purpose.

use std::cell::OnceCell;

use crate::{Column, Error, Field, Result, Schema, host};

/// The run, seen from inside.
#[derive(Clone)]
pub struct Context {
    pub(crate) host: host::Context,
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the usual five")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Context {
    /// The object's seed (0 unless it says otherwise), the only randomness there is.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.host.seed()
    }

    /// Opens an output. `schema` only where the plan left the output's fields empty.
    ///
    /// # Errors
    /// `InvalidInput` or `Denied` from the host.
    pub fn open_output(&self, name: &str, schema: Option<&Schema>) -> Result<Output> {
        self.host.open_output(name, schema).map(|host| Output { host })
    }

    /// All bytes of `model/NAME`, `previous/NAME`, `prior` or a declared side input; none where
    /// there is no such thing.
    ///
    /// # Errors
    /// From the host.
    pub fn side_input(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.host.side_input(name)
    }

    /// All bytes of a file of the model.
    ///
    /// # Errors
    /// `InvalidInput` where the model lacks it.
    pub fn model(&self, file: &str) -> Result<Vec<u8>> {
        let missing =
            || Error::input(format!("the model has no file `{file}`: was it made by this processor?"));
        self.side_input(&format!("model/{file}"))?.ok_or_else(missing)
    }

    /// Says that a row of the batch in hand is bad.
    pub fn bad_row(&self, row: usize, message: &str) {
        self.host.bad_row(row, message);
    }

    /// Whether the host asks the processor to stop.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.host.cancelled()
    }

    /// A line for the run's log.
    pub fn log(&self, level: Level, message: &str) {
        self.host.log(level, message);
    }

    /// Adds to a named number that the run reports.
    pub fn counter(&self, name: &str, delta: u64) {
        self.host.counter(name, delta);
    }

    /// Sums and products of columns, computed by the host. `shift` has one value per element.
    #[must_use]
    pub fn moments(&self, columns: &[String], shift: &[f64]) -> Moments {
        Moments { host: self.host.moments(columns, shift) }
    }

    /// (x - shift) * weights, computed by the host.
    #[must_use]
    pub fn projection(&self, linear: &Linear<'_>) -> Projection {
        Projection { host: self.host.projection(linear) }
    }

    /// Eigenvalues (descending) and eigenvectors (as rows) of a symmetric matrix of `size` x `size`.
    ///
    /// # Errors
    /// `InvalidInput` where the matrix is not finite or the host's method does not converge.
    pub fn eigh(&self, matrix: &[f64], size: usize) -> Result<(Vec<f64>, Vec<f64>)> {
        self.host.eigh(matrix, size)
    }
}

/// A linear map of some columns.
#[derive(Debug, Clone, Copy)]
pub struct Linear<'a> {
    /// Names of the columns; a fixed-size list of width w counts as w.
    pub columns: &'a [String],
    /// One value per element.
    pub shift: &'a [f64],
    /// Elements x outputs, row-major.
    pub weights: &'a [f64],
    /// Number of outputs.
    pub outputs: usize,
    /// Whether the result is f32.
    pub single: bool,
}

/// Some consecutive rows of an input, held by the host.
pub struct Batch<'a> {
    pub(crate) host: &'a host::Batch,
    schema: OnceCell<Schema>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(host: &'a host::Batch) -> Self {
        Self { host, schema: OnceCell::new() }
    }

    /// The input port the rows came from.
    #[must_use]
    pub fn port(&self) -> String {
        self.host.port_name()
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.host.row_count()
    }

    /// The columns that can be asked for.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| self.host.fields())
    }

    /// Copies one column into the processor.
    ///
    /// # Errors
    /// `InvalidInput` where there is no such column or its type is opaque.
    pub fn column(&self, name: &str) -> Result<Column> {
        let schema = self.schema();
        let index = schema.position(name).ok_or_else(|| Error::input(schema.no_such_column(name)))?;
        let field = schema.fields.get(index).ok_or_else(|| Error::internal("a column without a field"))?;
        self.fetch(index, field)
    }

    fn fetch(&self, index: usize, field: &Field) -> Result<Column> {
        Column::new(field, self.rows(), self.host.buffers(index)?)
    }
}

/// An open output.
pub struct Output {
    host: host::Output,
}

impl Output {
    /// Writes rows the processor made: one column per field of the output's schema, in its order.
    ///
    /// # Errors
    /// From the host: its disk, its limits, columns that do not fit the schema.
    pub fn write(&self, columns: Vec<Column>, rows: usize) -> Result<()> {
        self.host.write_columns(columns, rows)
    }

    /// Passes a batch on untouched.
    ///
    /// # Errors
    /// From the host.
    pub fn forward(&self, batch: &Batch<'_>) -> Result<()> {
        self.host.forward_batch(batch.host)
    }

    /// Passes some rows of a batch on.
    ///
    /// # Errors
    /// From the host.
    pub fn take(&self, batch: &Batch<'_>, rows: &[u32]) -> Result<()> {
        self.host.take_rows(batch.host, rows)
    }

    /// Passes a batch on with these columns replaced or appended.
    ///
    /// # Errors
    /// From the host.
    pub fn with_columns(&self, batch: &Batch<'_>, columns: Vec<(String, Column)>) -> Result<()> {
        self.host.replace_columns(batch.host, columns)
    }
}

/// Sums and products that the host gathers.
pub struct Moments {
    host: host::Moments,
}

/// What [`Moments`] gathered over the good rows.
#[derive(Debug, Clone, PartialEq)]
pub struct SumsOfProducts {
    /// Good rows.
    pub rows: u64,
    /// Sum of (x - shift), k values.
    pub sums: Vec<f64>,
    /// Sum of (x - shift)(x - shift)ᵀ, k x k, row-major.
    pub gram: Vec<f64>,
}

impl Moments {
    /// Adds a batch's good rows.
    ///
    /// # Errors
    /// `InvalidInput` where a column is missing or not numeric.
    pub fn add(&self, batch: &Batch<'_>) -> Result<()> {
        self.host.add_batch(batch.host)
    }

    /// What was added since the last call.
    ///
    /// # Errors
    /// `Internal` where the host answers with buffers of another size.
    pub fn take(&self) -> Result<SumsOfProducts> {
        self.host.take_sums()
    }
}

/// A linear map that the host applies.
pub struct Projection {
    host: host::Projection,
}

impl Projection {
    /// One column of as many rows as the batch and as many elements a row as the map has outputs;
    /// bad rows are missing.
    ///
    /// # Errors
    /// `InvalidInput` where a column is missing or not numeric.
    pub fn apply(&self, batch: &Batch<'_>) -> Result<Column> {
        self.host.apply_to(batch.host)
    }
}
