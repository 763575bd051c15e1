//! A batch as the host holds it: the columns that were asked for, and the rows they came from.

use arrow::array::RecordBatch;
use bytes::Bytes;

/// Some consecutive rows of one input file.
///
/// `columns` is what a module may see. `source` is what the host needs to move whole rows to an
/// output; it never enters a module. Bad rows (ragged, not decodable) are in neither: they stand
/// in `bad`, so that every pass over the data sees the same rows.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The input port the rows came from (`data`, or a name in `wasm.inputs`).
    pub port: std::sync::Arc<str>,
    /// The wanted columns; its row count is right even where no column is wanted.
    pub columns: RecordBatch,
    /// The rows themselves.
    pub source: Source,
    /// Where each of the rows stands, for messages.
    pub origin: Origin,
    /// Rows that were left out, and why.
    pub bad: Vec<BadRow>,
}

/// How the rows of a batch can be moved without a module seeing them.
#[derive(Debug, Clone)]
pub enum Source {
    /// CSV and JSON Lines: the bytes of each row, terminator included where the file has one.
    Rows(RowBytes),
    /// Parquet, npy: every column of the rows, wanted or not.
    Columns(RecordBatch),
    /// The reader was told that no row will be moved.
    Absent,
}

/// Rows as byte ranges of one buffer (usually a mapped file).
#[derive(Debug, Clone)]
pub struct RowBytes {
    /// The buffer that `spans` points into.
    pub bytes: Bytes,
    /// `[start, end)` of each row, ascending and disjoint; neighbours may touch.
    pub spans: Vec<(u32, u32)>,
}

/// Where a batch stands in its input.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Path of the file, relative to the input's root.
    pub file: std::sync::Arc<str>,
    /// What the numbers in `first` count.
    pub unit: OriginUnit,
    /// Position of the batch's first row: a byte offset in the (decompressed) file, or a row number from 0.
    pub first: u64,
}

/// What an `Origin` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginUnit {
    /// Bytes from the start of the (decompressed) file; a row's place is `first` plus its span's start.
    Byte,
    /// Rows from the start of the file.
    Row,
}

/// A row that is in no column and in no output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// File and place, in words: `a.csv, byte 1204`.
    pub place: String,
    /// What is wrong with it: `7 fields, expected 20`.
    pub message: String,
    /// The row's bytes where the format has them, for `onBadRow: Quarantine`.
    pub bytes: Option<Bytes>,
}

impl Batch {
    /// Number of good rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.num_rows()
    }

    /// Where row `row` (from 0, of the good rows) stands, in words: `a.csv, byte 1204`.
    #[must_use]
    pub fn place(&self, row: usize) -> String {
        let file = &self.origin.file;
        match (self.origin.unit, &self.source) {
            (OriginUnit::Byte, Source::Rows(rows)) => {
                let start = rows.spans.get(row).map_or(0, |span| u64::from(span.0));
                format!("{file}, byte {}", self.origin.first + start)
            }
            (OriginUnit::Byte, _) => format!("{file}, from byte {} on, row {row}", self.origin.first),
            (OriginUnit::Row, _) => format!("{file}, row {}", self.origin.first + row as u64),
        }
    }
}
