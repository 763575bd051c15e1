//! The outputs of one shard: one part file per output, in the run's staging area.
//!
//! Rows of a text format go from input to output byte for byte when both are the same format; else
//! rows are moved as columns, which the reader is told by `ReadOptions::convert`.

mod columns;
mod edit;
mod part;
mod shard;
#[cfg(test)]
mod tests;
mod text;
mod values;

use serde::{Deserialize, Serialize};

use crate::format::Format;

pub use part::{Budget, Part};
pub use shard::ShardWriter;

/// What the files of an output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFormat {
    /// Their format.
    pub format: Format,
    /// How they are packed.
    pub packing: Packing,
}

/// How an output file is packed: text as a whole, Parquet by page, npy never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Packing {
    /// Not at all.
    #[default]
    None,
    /// gzip
    Gzip,
    /// Zstandard
    Zstd,
    /// Snappy; Parquet only.
    Snappy,
}

impl OutputFormat {
    /// The usual packing of `format`: Snappy for Parquet, none for the others.
    #[must_use]
    pub fn plain(format: Format) -> Self {
        let packing = if format == Format::Parquet { Packing::Snappy } else { Packing::None };
        Self { format, packing }
    }

    /// The extension of its files: `csv.gz`.
    #[must_use]
    pub fn extension(self) -> String {
        let suffix = match (self.format.is_text(), self.packing) {
            (true, Packing::Gzip) => ".gz",
            (true, Packing::Zstd) => ".zst",
            _ => "",
        };
        format!("{}{suffix}", self.format.extension())
    }

    /// What `outputOptions` asks for: the input's format unless it names one.
    ///
    /// # Errors
    /// The format is not known, or cannot be packed that way; the message lists what can be.
    pub fn parse(format: Option<&str>, compression: Option<&str>, input: Format) -> Result<Self, String> {
        let format = match format.map(str::to_ascii_lowercase).as_deref() {
            None | Some("") => input,
            Some("csv") => Format::Csv,
            Some("tsv") => Format::Tsv,
            Some("jsonl" | "jsonlines" | "ndjson") => Format::JsonLines,
            Some("parquet") => Format::Parquet,
            Some("npy") => Format::Npy,
            Some(other) => return Err(format!("format `{other}` is none of csv, tsv, jsonl, parquet, npy")),
        };
        let plain = Self::plain(format);
        let packing = match compression.map(str::to_ascii_lowercase).as_deref() {
            None | Some("") => plain.packing,
            Some("none") => Packing::None,
            Some("gzip" | "gz") if format != Format::Npy => Packing::Gzip,
            Some("zstd" | "zst") if format != Format::Npy => Packing::Zstd,
            Some("snappy") if format == Format::Parquet => Packing::Snappy,
            Some(other) => {
                let choices = match format {
                    Format::Parquet => "none, snappy, gzip or zstd",
                    Format::Npy => "only none",
                    _ => "none, gzip or zstd",
                };
                return Err(format!(
                    "{} files cannot be compressed with `{other}`: {choices}",
                    format.extension()
                ));
            }
        };
        Ok(Self { format, packing })
    }
}
