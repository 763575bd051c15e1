//! A host in memory, so that processors run natively under `cargo test`.
//!
//! The same surface as `component::host`. It is written to be plainly right, not fast.

mod kernels;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub(crate) use kernels::{Moments, Projection};

use crate::{Buffers, Column, Error, Field, Level, Linear, Result, Schema};

/// Rows of an input.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    port: String,
    schema: Schema,
    columns: Vec<Column>,
    rows: usize,
}

impl Batch {
    /// A batch of the port `data`. Columns that hold missing values are nullable.
    ///
    /// # Errors
    /// `Internal` where columns differ in length.
    pub fn new(columns: Vec<(&str, Column)>) -> Result<Self> {
        let rows = columns.first().map_or(0, |(_, column)| column.rows());
        if columns.iter().any(|(_, column)| column.rows() != rows) {
            return Err(Error::internal("columns of different lengths"));
        }
        let field = |(name, column): &(&str, Column)| Field {
            name: (*name).to_owned(),
            dtype: column.dtype(),
            width: column.width() as u32,
            nullable: column.has_nulls(),
            metadata: Vec::new(),
        };
        let schema = Schema::new(columns.iter().map(field).collect());
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Ok(Self { port: "data".to_owned(), schema, columns, rows })
    }

    /// `rows` rows of which no column was asked for.
    #[must_use]
    pub fn of_rows(rows: usize) -> Self {
        Self { port: "data".to_owned(), rows, ..Self::default() }
    }

    /// Its columns' names and types.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows `from` to before `to` as a batch of their own.
    ///
    /// # Errors
    /// `Internal` where they are past the end.
    pub fn slice(&self, from: usize, to: usize) -> Result<Self> {
        let rows: Vec<u32> = (from as u32..to as u32).collect();
        let columns = self.columns.iter().map(|column| column.pick(&rows)).collect::<Result<_>>()?;
        Ok(Self { columns, rows: to.saturating_sub(from), ..self.clone() })
    }

    /// The batch without any column but these, as a host gives it after a plan that named them.
    #[must_use]
    pub fn only(&self, wanted: Option<&[String]>) -> Self {
        let Some(wanted) = wanted else { return self.clone() };
        let kept = |field: &Field| wanted.contains(&field.name);
        let pairs = self.schema.fields.iter().zip(&self.columns).filter(|(field, _)| kept(field));
        let (fields, columns): (Vec<Field>, Vec<Column>) =
            pairs.map(|(field, column)| (field.clone(), column.clone())).unzip();
        Self { port: self.port.clone(), schema: Schema::new(fields), columns, rows: self.rows }
    }

    /// The column called `name`.
    ///
    /// # Errors
    /// `InvalidInput` where there is none.
    pub fn column(&self, name: &str) -> Result<&Column> {
        let missing = || Error::input(self.schema.no_such_column(name));
        self.schema.position(name).and_then(|index| self.columns.get(index)).ok_or_else(missing)
    }

    pub(crate) fn buffers(&self, index: usize) -> Result<Buffers> {
        let column =
            self.columns.get(index).ok_or_else(|| Error::input(format!("there is no column {index}")))?;
        Ok(column.clone().into_buffers())
    }

    pub(crate) fn row_count(&self) -> usize {
        self.rows
    }

    pub(crate) fn fields(&self) -> Schema {
        self.schema.clone()
    }

    pub(crate) fn port_name(&self) -> String {
        self.port.clone()
    }
}

/// What a processor left behind.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// What was written to each output.
    pub outputs: BTreeMap<String, Written>,
    /// Bad rows: (row of its batch, message).
    pub bad_rows: Vec<(usize, String)>,
    /// Lines of the log.
    pub log: Vec<(Level, String)>,
    /// Counters.
    pub counters: BTreeMap<String, u64>,
}

/// One output's batches.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// The columns' names and types, where the plan or the processor gave them.
    pub schema: Schema,
    /// Batches in the order they were written.
    pub batches: Vec<Batch>,
}

/// The run, as the in-memory host keeps it.
#[derive(Clone, Default)]
pub(crate) struct Context {
    seed: u64,
    side_inputs: Rc<BTreeMap<String, Vec<u8>>>,
    planned: Rc<BTreeMap<String, Schema>>,
    record: Rc<RefCell<Record>>,
}

impl Context {
    pub(crate) fn new(
        seed: u64,
        side_inputs: BTreeMap<String, Vec<u8>>,
        planned: BTreeMap<String, Schema>,
    ) -> Self {
        let record = Rc::default();
        Self { seed, side_inputs: Rc::new(side_inputs), planned: Rc::new(planned), record }
    }

    pub(crate) fn record(&self) -> Record {
        self.record.borrow().clone()
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn open_output(&self, name: &str, schema: Option<&Schema>) -> Result<Output> {
        let planned = self.planned.get(name);
        let schema = match (planned, schema) {
            (None, _) => return Err(Error::input(format!("the plan has no output `{name}`"))),
            (Some(planned), Some(schema)) if !planned.fields.is_empty() && planned != schema => {
                return Err(Error::internal(format!("output `{name}` was planned with other columns")));
            }
            (Some(planned), None) => planned.clone(),
            (Some(_), Some(schema)) => schema.clone(),
        };
        let written = Written { schema, batches: Vec::new() };
        self.record.borrow_mut().outputs.entry(name.to_owned()).or_insert(written);
        Ok(Output { name: name.to_owned(), record: Rc::clone(&self.record) })
    }

    pub(crate) fn side_input(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.side_inputs.get(name).cloned())
    }

    pub(crate) fn bad_row(&self, row: usize, message: &str) {
        self.record.borrow_mut().bad_rows.push((row, message.to_owned()));
    }

    pub(crate) fn cancelled(&self) -> bool {
        false
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        self.record.borrow_mut().log.push((level, message.to_owned()));
    }

    pub(crate) fn counter(&self, name: &str, delta: u64) {
        *self.record.borrow_mut().counters.entry(name.to_owned()).or_default() += delta;
    }

    pub(crate) fn moments(&self, columns: &[String], shift: &[f64]) -> Moments {
        Moments::new(columns, shift)
    }

    pub(crate) fn projection(&self, linear: &Linear<'_>) -> Projection {
        Projection::new(linear, self.clone())
    }

    pub(crate) fn eigh(&self, matrix: &[f64], size: usize) -> Result<(Vec<f64>, Vec<f64>)> {
        kernels::eigh(matrix, size)
    }
}

/// An output that keeps what it is given.
pub(crate) struct Output {
    name: String,
    record: Rc<RefCell<Record>>,
}

impl Output {
    fn keep(&self, batch: Batch) -> Result<()> {
        let mut record = self.record.borrow_mut();
        let missing = || Error::internal("an output that was not opened");
        record.outputs.get_mut(&self.name).ok_or_else(missing)?.batches.push(batch);
        Ok(())
    }

    pub(crate) fn write_columns(&self, columns: Vec<Column>, rows: usize) -> Result<()> {
        let schema = self.record.borrow().outputs.get(&self.name).map(|written| written.schema.clone());
        let schema = schema.unwrap_or_default();
        let fits = |(field, column): (&Field, &Column)| {
            field.dtype == column.dtype() && field.width as usize == column.width() && column.rows() == rows
        };
        if schema.fields.len() != columns.len() || !schema.fields.iter().zip(&columns).all(fits) {
            return Err(Error::internal(format!("columns that do not fit output `{}`", self.name)));
        }
        self.keep(Batch { port: String::new(), schema, columns, rows })
    }

    pub(crate) fn forward_batch(&self, batch: &Batch) -> Result<()> {
        self.keep(batch.clone())
    }

    pub(crate) fn take_rows(&self, batch: &Batch, rows: &[u32]) -> Result<()> {
        let columns = batch.columns.iter().map(|column| column.pick(rows)).collect::<Result<_>>()?;
        self.keep(Batch { columns, rows: rows.len(), ..batch.clone() })
    }

    pub(crate) fn replace_columns(&self, batch: &Batch, columns: Vec<(String, Column)>) -> Result<()> {
        let mut batch = batch.clone();
        for (name, column) in columns {
            match batch.schema.position(&name).and_then(|index| batch.columns.get_mut(index)) {
                Some(place) => *place = column,
                None => {
                    let width = column.width() as u32;
                    batch.schema.fields.push(Field::new(name, column.dtype()).with_width(width));
                    batch.columns.push(column);
                }
            }
        }
        self.keep(batch)
    }
}
