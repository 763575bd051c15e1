//! The files of one input port, cut into partitions, read as batches.
//!
//! A file is opened and looked at here once (header, schema, length); its format's own module does
//! the reading. Partitions are a function of the files alone.

mod error;
mod mapped;
mod open;
mod partition;
mod unpack;

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};

use crate::batch::Batch;
use crate::csv;
use crate::format::{Format, FormatSpec};
use crate::list::LocalFile;

pub use error::InputError;
pub(crate) use mapped::{MappedFile, TextFile};
pub(crate) use partition::even;
pub use partition::{Partition, shards};

/// How an input is to be read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Name of the port, which the batches carry.
    pub port: Arc<str>,
    /// The object's `format`.
    pub format: FormatSpec,
    /// Size of a partition; 64 MiB unless a test wants many.
    pub partition_bytes: u64,
    /// Folder for what has to be unpacked first; the run's own, on disk, swept with it.
    pub scratch: std::path::PathBuf,
    /// Longest record of a text format; a longer one is a bad row.
    pub longest_record: u64,
    /// Most bytes that one packed file may become, beyond 256 times its size.
    pub unpacked_limit: u64,
    /// Rows will be moved as columns, since the output is in another format than the input.
    pub convert: bool,
}

impl ReadOptions {
    /// The usual options for port `port`, with `scratch` for unpacked files.
    #[must_use]
    pub fn new(port: &str, scratch: impl Into<std::path::PathBuf>) -> Self {
        Self {
            port: port.into(),
            format: FormatSpec::default(),
            partition_bytes: 64 << 20,
            scratch: scratch.into(),
            longest_record: 64 << 20,
            unpacked_limit: 1 << 30,
            convert: false,
        }
    }
}

/// The opened files of one port. Cheap to share: several threads read different partitions at once.
#[derive(Debug)]
pub struct Input {
    port: Arc<str>,
    layout: Arc<PortLayout>,
    files: Vec<Arc<dyn FileReader>>,
    partitions: Vec<Partition>,
    bytes: u64,
    convert: bool,
}

/// What a writer must know of a port to move its rows.
#[derive(Debug, Clone)]
pub struct PortLayout {
    /// Name of the port.
    pub port: Arc<str>,
    /// Its columns.
    pub schema: SchemaRef,
    /// The format of its files.
    pub format: Format,
    /// How its rows are written down, where they are text.
    pub text: Option<TextLayout>,
}

/// How the rows of a text format are written down.
#[derive(Debug, Clone)]
pub struct TextLayout {
    /// The first line of every file, terminator included, without byte order mark; empty if there is none.
    pub header: bytes::Bytes,
    /// What ends a line: `\n` or `\r\n`.
    pub terminator: &'static str,
    /// For CSV and TSV.
    pub dialect: Option<csv::Dialect>,
}

/// One file of an input, whatever its format.
pub(crate) trait FileReader: std::fmt::Debug + Send + Sync {
    /// The units (bytes or rows, as the format counts) that partitions are cut from, in order.
    fn windows(&self, partition_bytes: u64) -> Vec<std::ops::Range<u64>>;
    /// Reads the records of one such window.
    fn read(&self, window: std::ops::Range<u64>, plan: Arc<ReadPlan>) -> Result<Batches, InputError>;
}

/// Batches of one partition.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<Batch, InputError>> + Send>;

/// What one read wants.
#[derive(Debug, Clone)]
pub(crate) struct ReadPlan {
    pub(crate) port: Arc<str>,
    /// Every column of the file.
    pub(crate) schema: SchemaRef,
    /// The wanted columns, as places in `schema`.
    pub(crate) columns: Vec<usize>,
    /// Whether rows will be moved.
    pub(crate) forward: bool,
    /// Whether they are moved as columns.
    pub(crate) convert: bool,
    /// Most rows of a batch.
    pub(crate) rows: usize,
}

impl Input {
    /// Opens `files`, which are in byte order of their paths.
    ///
    /// # Errors
    /// A file cannot be opened, is not in its format, or differs from the first in its columns;
    /// or how to read it is not certain. The message says what to do.
    pub fn open(files: Vec<LocalFile>, options: &ReadOptions) -> Result<Self, InputError> {
        let bytes = files.iter().map(|file| file.size).sum();
        let opened = open::open(files, options)?;
        let partitions = partition::cut(&opened.files, options.partition_bytes);
        Ok(Self {
            port: Arc::clone(&options.port),
            layout: Arc::new(opened.layout),
            files: opened.files,
            partitions,
            bytes,
            convert: options.convert,
        })
    }

    /// All columns, in file order.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.layout.schema)
    }

    /// What a writer must know to move rows of this input.
    #[must_use]
    pub fn layout(&self) -> Arc<PortLayout> {
        Arc::clone(&self.layout)
    }

    /// The partitions, in order; their numbers are their places.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Bytes of the files as they are stored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads one partition: `columns` are the wanted ones, `None` all; `forward` says that rows will be moved.
    ///
    /// # Errors
    /// There is no such column, or the file cannot be read or has changed.
    pub fn read(
        &self,
        partition: &Partition,
        columns: Option<&[String]>,
        forward: bool,
    ) -> Result<PartitionScan, InputError> {
        let plan = self.plan(columns, forward)?;
        let window = partition.start..partition.end;
        let batches = match self.files.get(partition.file as usize) {
            Some(file) => file.read(window, Arc::new(plan))?,
            None => Box::new(std::iter::empty()),
        };
        Ok(PartitionScan { batches })
    }

    fn plan(&self, columns: Option<&[String]>, forward: bool) -> Result<ReadPlan, InputError> {
        let schema = self.schema();
        let columns = match columns {
            None => (0..schema.fields().len()).collect(),
            Some(names) => {
                let place =
                    |name: &String| schema.index_of(name).map_err(|_| InputError::no_column(name, &schema));
                names.iter().map(place).collect::<Result<Vec<_>, _>>()?
            }
        };
        let rows = batch_rows(&schema, &columns, forward);
        Ok(ReadPlan { port: Arc::clone(&self.port), schema, columns, forward, convert: self.convert, rows })
    }
}

/// The batches of one partition, in order.
pub struct PartitionScan {
    batches: Batches,
}

/// The agreed name for what [`Input::read`] gives.
pub type BatchReader = PartitionScan;

impl std::fmt::Debug for PartitionScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartitionScan").finish_non_exhaustive()
    }
}

impl Iterator for PartitionScan {
    type Item = Result<Batch, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}

/// Wanted bytes of a batch: with the module's copy, they stay in the second-level cache.
const WANTED_BYTES: usize = 512 << 10;
/// Bytes of whole rows of a batch that will be moved.
const MOVED_BYTES: usize = 1 << 20;

/// Rows of a batch: a function of the schema and of what is wanted of it.
fn batch_rows(schema: &SchemaRef, columns: &[usize], forward: bool) -> usize {
    let widths: Vec<usize> = schema.fields().iter().map(|field| width(field.data_type())).collect();
    let wanted: usize = columns.iter().filter_map(|column| widths.get(*column)).sum();
    let whole: usize = widths.iter().map(|width| width + 1).sum();
    let by_wanted = WANTED_BYTES / wanted.max(8);
    let by_moved = if forward { MOVED_BYTES / whole.max(8) } else { usize::MAX };
    let rows = by_wanted.min(by_moved).clamp(16, 1 << 16);
    // The next power of two below, so that small changes of the estimate change nothing.
    1 << rows.ilog2()
}

/// Bytes that one value is taken to have; texts vary, so theirs is a usual length.
fn width(data_type: &DataType) -> usize {
    match data_type {
        DataType::FixedSizeList(item, length) => {
            width(item.data_type()) * usize::try_from(*length).unwrap_or(0).max(1)
        }
        DataType::Boolean => 1,
        other => other.primitive_width().unwrap_or(12),
    }
}
