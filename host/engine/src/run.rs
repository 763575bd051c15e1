//! What a run gives to an instance, and what a plan gives back.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use millrace_data::batch::Batch;
use millrace_data::outputs::Outputs;

use crate::limits::Limits;
use crate::log::Level;
use crate::memory::MemoryBudget;

/// Everything an instance can see of its run, and where its answers go.
pub struct RunContext {
    /// The parameters: a JSON object that was checked against the descriptor's schema.
    pub params: String,
    /// The object's seed.
    pub seed: u64,
    /// Which share of the data this is.
    pub shard: Shard,
    /// By the names of the contract: `model/NAME`, `previous/NAME`, `prior`, and what the descriptor declares.
    pub side_inputs: BTreeMap<String, SideInput>,
    /// Side inputs that are read as rows.
    pub side_tables: BTreeMap<String, Arc<dyn SideTable>>,
    /// Outputs and schemas of the run's plan.
    pub planned: Vec<(String, SchemaRef)>,
    /// Where a transformer writes; only a transformer needs one.
    pub outputs: Option<Box<dyn Outputs>>,
    /// What the instance may use.
    pub limits: Limits,
    /// The memory that all instances of the task share.
    pub memory: MemoryBudget,
    /// When the task has to be done.
    pub deadline: Instant,
    /// Set when the run should stop.
    pub cancelled: Arc<AtomicBool>,
    /// Hears log lines and progress as they come.
    pub observer: Option<Box<dyn Observer>>,
}

impl RunContext {
    /// A run with these parameters and limits, whose deadline counts from now, and nothing else.
    #[must_use]
    pub fn new(params: impl Into<String>, limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            params: params.into(),
            seed: 0,
            shard: Shard::default(),
            side_inputs: BTreeMap::new(),
            side_tables: BTreeMap::new(),
            planned: Vec::new(),
            outputs: None,
            memory: MemoryBudget::new(limits.memory_bytes),
            deadline: now.checked_add(limits.deadline).unwrap_or(now),
            limits,
            cancelled: Arc::default(),
            observer: None,
        }
    }
}

/// Which share of the data an instance works on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0.
    pub index: u32,
    /// Its rows, where they are known.
    pub rows: Option<u64>,
    /// Its bytes, where they are known.
    pub bytes: Option<u64>,
}

/// Opaque bytes that a module may read.
#[derive(Debug, Clone)]
pub enum SideInput {
    /// In memory (or mapped).
    Bytes(Bytes),
    /// A file, read as it is asked for.
    File(Arc<File>, u64),
}

impl SideInput {
    /// Opens a file.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self::File(Arc::new(file), size))
    }

    /// Its length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, size) => *size,
        }
    }

    /// At most `max` bytes from `offset`.
    pub(crate) fn read(&self, offset: u64, max: u32) -> std::io::Result<Bytes> {
        let count = u64::from(max).min(self.size().saturating_sub(offset));
        match self {
            Self::Bytes(bytes) if count > 0 => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                Ok(bytes.slice(start..start + usize::try_from(count).unwrap_or(0)))
            }
            Self::Bytes(_) => Ok(Bytes::new()),
            Self::File(file, _) => {
                let mut bytes = vec![0; usize::try_from(count).unwrap_or(0)];
                std::os::unix::fs::FileExt::read_exact_at(file.as_ref(), &mut bytes, offset)?;
                Ok(bytes.into())
            }
        }
    }
}

/// Batches of a side table, in order.
pub type Batches = Box<dyn Iterator<Item = Result<Arc<Batch>, String>> + Send>;

/// A side input that is read as rows. Each opening starts from the first row.
pub trait SideTable: Send + Sync {
    /// Its columns.
    fn schema(&self) -> SchemaRef;
    /// Its rows, from the first on.
    ///
    /// # Errors
    /// It cannot be opened; a message for people.
    fn open(&self) -> Result<Batches, String>;
}

/// Hears what a module says while it runs. Called between a module's instructions: must not block.
pub trait Observer: Send {
    /// A line of the log's head (what comes later is in the log only).
    fn log(&mut self, level: Level, message: &str);
    /// How far the module says it is, 0 to 1.
    fn progress(&mut self, done: f64, message: &str);
}

/// A module's answer to parameters and input schemas.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// Outputs and their schemas; empty where the names are found in the data. A schema without
    /// fields is said when the output is opened.
    pub outputs: Vec<(String, SchemaRef)>,
    /// The columns that will be asked for; none where the module cannot say.
    pub columns: Option<Vec<String>>,
    /// Whether a pass over the data comes first.
    pub fit: bool,
    /// Whether each partition gets the merged state of those before it.
    pub prior: bool,
}
