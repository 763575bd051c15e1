//! The manifest: what was published, what it was made from, and what was proved about it.
//!
//! It says nothing of when or by whom, so that equal work gives equal manifests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::canonical_json;
use crate::list::InputFile;
use crate::write::{OutputFormat, Part};

/// The version of this form; a reader refuses higher ones.
pub const MANIFEST_VERSION: u8 = 1;

/// What stands in `_millrace/manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`MANIFEST_VERSION`] of the writer.
    pub manifest_version: u8,
    /// Every published file, in order of path.
    pub files: Vec<PublishedFile>,
    /// Per output: totals and columns. An output without rows is here and has no file.
    pub outputs: BTreeMap<String, OutputSummary>,
    /// What was read.
    pub inputs: Vec<InputSummary>,
    /// What did the work.
    pub module: ModuleSummary,
    /// The model that was applied: BLAKE3 of its manifest or state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// FitTransform, Fit or Transform, where the module learns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The parameters with their defaults.
    pub parameters: Value,
    /// The seed.
    pub seed: u64,
    /// What the files are; absent for a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<OutputFormat>,
    /// Fail, Skip or Quarantine.
    pub on_bad_row: String,
    /// Rows that were bad.
    pub bad_rows: u64,
    /// Version of the engine that ran the module.
    pub engine: String,
    /// Instruction level of the machine; f64 results are equal on equal levels.
    pub instruction_level: String,
    /// What the host checked of what the module promises.
    pub guarantees: Vec<Proof>,
    /// What a later run must have in common to use these files instead of working.
    pub reuse_key: String,
}

/// One published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedFile {
    /// Path below the output: `train/part-00000-9f86d081.csv`.
    pub path: String,
    /// The output it belongs to; absent for a model's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Rows, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Length.
    pub bytes: u64,
    /// BLAKE3, 64 hex digits.
    pub blake3: String,
}

/// Totals of one output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputSummary {
    /// Rows in all its files.
    pub rows: u64,
    /// Length of all its files.
    pub bytes: u64,
    /// Its columns: name and Arrow type.
    #[serde(default)]
    pub schema: Vec<ColumnSummary>,
    /// Rows per class, where the run has classes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows_per_class: BTreeMap<String, u64>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Its Arrow type: `Int64`.
    #[serde(rename = "type")]
    pub data_type: String,
}

/// One input port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSummary {
    /// The port.
    pub port: String,
    /// Digest of the frozen list.
    pub digest: String,
    /// The files and their versions.
    pub files: Vec<InputFile>,
}

/// The module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleSummary {
    /// Its name, from its descriptor.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `sha256:` and 64 hex digits.
    pub digest: String,
}

/// What was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// The guarantee: `disjoint-by patient`.
    pub guarantee: String,
    /// Numbers that show it: `{"overlap": 0}`.
    pub proof: Value,
}

/// What two runs must have in common for the second to use the files of the first.
#[derive(Debug, Clone, PartialEq)]
pub struct ReuseKey<'a> {
    /// Digest of the module.
    pub module: &'a str,
    /// Digest of the model, if one is applied.
    pub model: Option<&'a str>,
    /// Port and digest of its frozen list, for each input.
    pub inputs: Vec<(&'a str, &'a str)>,
    /// The parameters with their defaults.
    pub parameters: &'a Value,
    /// FitTransform, Fit or Transform.
    pub method: Option<&'a str>,
    /// The seed.
    pub seed: u64,
    /// Format and packing of the output, and how large its files are to be.
    pub format: Option<OutputFormat>,
    /// `outputOptions.targetFileSize`, which decides where files end.
    pub target_file_size: u64,
    /// Size of a partition.
    pub partition_bytes: u64,
    /// The object's `format` for the input.
    pub read_as: &'a str,
    /// Fail, Skip or Quarantine.
    pub on_bad_row: &'a str,
    /// Version of the contract.
    pub contract: &'a str,
    /// Instruction level, for modules whose states are f64.
    pub instruction_level: Option<&'a str>,
}

impl ReuseKey<'_> {
    /// BLAKE3 of the canonical JSON of all of it, 64 hex digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let value = json!({
            "version": MANIFEST_VERSION,
            "module": self.module,
            "model": self.model,
            "inputs": self.inputs,
            "parameters": self.parameters,
            "method": self.method,
            "seed": self.seed.to_string(),
            "format": self.format,
            "targetFileSize": self.target_file_size,
            "partitionBytes": self.partition_bytes,
            "readAs": self.read_as,
            "onBadRow": self.on_bad_row,
            "contract": self.contract,
            "instructionLevel": self.instruction_level,
        });
        blake3::hash(canonical_json(&value).as_bytes()).to_hex().to_string()
    }
}

impl Manifest {
    /// The bytes of `manifest.json`.
    ///
    /// # Errors
    /// A parameter cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Files and totals from the parts that the shards wrote; `schemas` has the columns of each
    /// output, also of those that got no row.
    #[must_use]
    pub fn summarise(
        mut parts: Vec<Part>,
        schemas: BTreeMap<String, Vec<ColumnSummary>>,
    ) -> (Vec<PublishedFile>, BTreeMap<String, OutputSummary>) {
        let mut outputs: BTreeMap<String, OutputSummary> = schemas
            .into_iter()
            .map(|(name, schema)| (name, OutputSummary { schema, ..OutputSummary::default() }))
            .collect();
        parts.sort_by(|left, right| (&left.output, &left.file).cmp(&(&right.output, &right.file)));
        let files = parts.into_iter().map(|part| {
            let summary = outputs.entry(part.output.clone()).or_default();
            summary.rows += part.rows;
            summary.bytes += part.bytes;
            PublishedFile {
                path: format!("{}/{}", part.output, part.file),
                output: Some(part.output),
                rows: Some(part.rows),
                bytes: part.bytes,
                blake3: part.blake3,
            }
        });
        (files.collect(), outputs)
    }

    /// Whether `path` is one of the published files.
    #[must_use]
    pub fn names(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.path == path)
    }
}
