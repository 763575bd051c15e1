//! What a module may do with its outputs, seen from the host.

use arrow::array::{ArrayRef, RecordBatch};

use crate::batch::Batch;

/// Number of an open output within one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OutputId(pub u32);

/// The outputs of one shard. The real one writes part files; the engine's tests collect batches.
///
/// Every call may block until the disk has room for more; that is the back-pressure.
pub trait Outputs: Send {
    /// Opens (or finds again) the output called `name`.
    ///
    /// # Errors
    /// The name is not allowed, there are too many outputs, or the file cannot be made.
    fn open(&mut self, name: &str) -> Result<OutputId, OutputError>;
    /// Rows that the module made; fields are those of the run's plan.
    ///
    /// # Errors
    /// See [`OutputError`].
    fn write(&mut self, output: OutputId, rows: RecordBatch) -> Result<(), OutputError>;
    /// All rows of `source`, untouched.
    ///
    /// # Errors
    /// See [`OutputError`].
    fn forward(&mut self, output: OutputId, source: &Batch) -> Result<(), OutputError>;
    /// The rows of `source` that `rows` names, in that order.
    ///
    /// # Errors
    /// See [`OutputError`].
    fn take(&mut self, output: OutputId, source: &Batch, rows: &[u32]) -> Result<(), OutputError>;
    /// All rows of `source` with these columns replaced or appended.
    ///
    /// # Errors
    /// See [`OutputError`].
    fn with_columns(
        &mut self,
        output: OutputId,
        source: &Batch,
        columns: Vec<(String, ArrayRef)>,
    ) -> Result<(), OutputError>;
    /// A splitter's answer: for row `i` of `source`, `targets[assignment[i]]`; [`DROP`] drops the row,
    /// [`BAD`] was already counted by the engine and is dropped as well.
    ///
    /// # Errors
    /// See [`OutputError`].
    fn route(&mut self, targets: &[OutputId], source: &Batch, assignment: &[u16]) -> Result<(), OutputError>;
}

/// In a splitter's answer: the row goes nowhere.
pub const DROP: u16 = 0xffff;
/// In a splitter's answer: the row is bad.
pub const BAD: u16 = 0xfffe;

/// Why an output did not take what it was given. Each is somebody's fault; see `host/node` for the words.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The module asked for something the contract forbids.
    #[error("{0}")]
    Protocol(String),
    /// A limit of the run (bytes, files) was reached.
    #[error("{what}: more than {limit}")]
    Limit {
        /// Which limit: `output bytes`, `output files`.
        what: &'static str,
        /// Its value.
        limit: u64,
    },
    /// The rows do not fit the output's format, such as a nested column in CSV.
    #[error("{0}")]
    Unsuitable(String),
    /// The disk or store said no.
    #[error("write {path}")]
    Io {
        /// The file.
        path: String,
        /// What the system said; `StorageFull` is told apart by its kind.
        source: std::io::Error,
    },
}
