//! What agent and runner say to each other: one JSON object in, JSON lines out.
//!
//! Paths in a spec are of this machine and were chosen by the agent; nothing of them comes from a
//! module.

use std::path::PathBuf;

use millrace_crds::common::Progress;
use millrace_crds::data_processing::{Method, OnBadRow};
use millrace_data::list::{LocalFile, Version};
use millrace_data::write::OutputFormat;
use millrace_engine::Guarantee;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::sandbox::Confinement;

/// Everything that a runner is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunSpec {
    pub(crate) stage: Stage,
    /// Process id of the agent: a runner whose parent is another one is an orphan.
    pub(crate) parent: u32,
    pub(crate) confinement: Confinement,
    /// The compiled module.
    pub(crate) module: PathBuf,
    /// The laws that the outputs are watched for.
    pub(crate) guarantees: Vec<Guarantee>,
    /// Whether the module sorts rows into outputs (or writes them).
    pub(crate) splits: bool,
    /// Whether it has an aggregator.
    pub(crate) aggregates: bool,
    /// Whether it does more than aggregate.
    pub(crate) applies: bool,
    /// Folder in staging for the outputs' parts.
    pub(crate) parts: PathBuf,
    /// Folder in staging for states and notes.
    pub(crate) work: PathBuf,
    /// The port `data`.
    pub(crate) input: InputSpec,
    /// The other inputs.
    pub(crate) tables: Vec<InputSpec>,
    /// The model that `Transform` reads: names and files.
    pub(crate) model: Option<Vec<(String, PathBuf)>>,
    /// The model last published at the place.
    pub(crate) previous: Vec<(String, PathBuf)>,
    /// Folder in staging that a model is written to, and read from by later stages.
    pub(crate) model_out: PathBuf,
    /// Canonical JSON.
    pub(crate) params: String,
    pub(crate) seed: u64,
    pub(crate) method: Method,
    pub(crate) on_bad_row: OnBadRow,
    pub(crate) output: OutputSpec,
    pub(crate) limits: RunnerLimits,
    pub(crate) threads: usize,
    /// Which shards: those whose number modulo `.1` is `.0`.
    pub(crate) share: (u32, u32),
}

/// Which part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// Fit, merge and apply, whatever of them the module has.
    All,
    /// Ask the module for its plan.
    Plan,
    /// A partial state per partition of the share.
    Fit,
    /// Fold them; the model and what comes before each partition.
    Merge,
    /// The share's shards: parts in staging.
    Apply,
}

/// An input port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct InputSpec {
    pub(crate) port: String,
    pub(crate) files: Vec<FileSpec>,
    /// `auto`, `csv,header=no`, as the reader understands it.
    pub(crate) format: String,
    pub(crate) partition_bytes: u64,
}

/// A file on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FileSpec {
    pub(crate) path: String,
    pub(crate) local: PathBuf,
    pub(crate) size: u64,
    pub(crate) version: Version,
}

impl From<LocalFile> for FileSpec {
    fn from(LocalFile { path, local, size, version }: LocalFile) -> Self {
        Self { path: path.to_string(), local, size, version }
    }
}

impl From<FileSpec> for LocalFile {
    fn from(FileSpec { path, local, size, version }: FileSpec) -> Self {
        Self { path: path.into(), local, size, version }
    }
}

/// How outputs are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OutputSpec {
    pub(crate) format: Option<String>,
    pub(crate) compression: Option<String>,
    pub(crate) target_file_size: u64,
}

/// Limits that an object can set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunnerLimits {
    pub(crate) memory_bytes: u64,
    pub(crate) deadline_ms: u64,
    pub(crate) output_bytes: u64,
}

/// A line of a runner's standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Message {
    Progress(Progress),
    /// A line of the module's log.
    Log(String),
    Done(RunOutcome),
    Failed(Failure),
}

/// What a stage found out. What it made lies in staging.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunOutcome {
    /// Of Plan and All: whether the module wants a pass over the data first.
    pub(crate) fit: bool,
    /// Of Plan and All: shards.
    pub(crate) shards: u32,
    /// The format of the outputs.
    pub(crate) format: Option<OutputFormat>,
    /// Bad rows left out.
    pub(crate) bad_rows: u64,
    /// The module's counters, summed.
    pub(crate) counters: std::collections::BTreeMap<String, u64>,
    /// Rows read, over all passes.
    pub(crate) rows: u64,
}
