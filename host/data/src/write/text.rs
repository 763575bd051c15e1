//! Outputs of lines: CSV, TSV and JSON Lines, packed or not.

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::part::{Part, PartFile, from_io};
use super::values::{self, LineFormat};
use super::{OutputFormat, Packing};
use crate::batch::RowBytes;
use crate::input::PortLayout;
use crate::outputs::OutputError;

/// The file below, with or without an encoder.
enum Stream {
    Plain(PartFile),
    Gzip(flate2::write::GzEncoder<PartFile>),
    Zstd(zstd::stream::write::Encoder<'static, PartFile>),
}

/// How the lines of an output are written.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    /// How lines are written that the module made.
    pub(crate) lines: LineFormat,
    pub(crate) terminator: &'static str,
    /// The first line, or nothing.
    pub(crate) header: Vec<u8>,
    /// Names of the columns: what every row has to have.
    pub(crate) names: Vec<String>,
}

/// One output of lines.
pub(crate) struct TextSink {
    stream: Stream,
    style: Style,
    /// The input port whose lines were last found to fit.
    port: Option<Arc<PortLayout>>,
    rows: u64,
    /// Lines being made; kept for its memory.
    scratch: Vec<u8>,
}

impl TextSink {
    /// Begins a file with the header of `style`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn new(part: PartFile, format: OutputFormat, style: Style) -> Result<Self, OutputError> {
        let stream = match format.packing {
            Packing::Gzip => {
                Stream::Gzip(flate2::write::GzEncoder::new(part, flate2::Compression::default()))
            }
            Packing::Zstd => {
                let encoder = zstd::stream::write::Encoder::new(part, 0);
                Stream::Zstd(encoder.map_err(|error| from_io(error, "zstd"))?)
            }
            Packing::None | Packing::Snappy => Stream::Plain(part),
        };
        let mut sink = Self { stream, style, port: None, rows: 0, scratch: Vec::new() };
        let header = sink.style.header.clone();
        sink.push(&header)?;
        if !header.is_empty() && !header.ends_with(b"\n") {
            sink.push(sink.style.terminator.as_bytes())?;
        }
        Ok(sink)
    }

    /// Checks that lines of `port` can stand in this file as they are.
    ///
    /// # Errors
    /// [`OutputError::Unsuitable`] if they have other columns, or other delimiters.
    pub(crate) fn admit(
        &mut self,
        port: &Arc<PortLayout>,
        style: impl FnOnce() -> Style,
    ) -> Result<(), OutputError> {
        if !self.port.as_ref().is_some_and(|known| Arc::ptr_eq(known, port)) {
            let style = style();
            self.admit_names(&style.names)?;
            if style.lines != self.style.lines {
                return Err(OutputError::Unsuitable(
                    "lines with another delimiter are in this output already".into(),
                ));
            }
            self.port = Some(Arc::clone(port));
        }
        Ok(())
    }

    /// Checks that rows have the columns of this file.
    ///
    /// # Errors
    /// [`OutputError::Unsuitable`] says which they have and which were expected.
    pub(crate) fn admit_names(&self, names: &[String]) -> Result<(), OutputError> {
        if names == self.style.names {
            return Ok(());
        }
        let (given, expected) = (names.join(", "), self.style.names.join(", "));
        Err(OutputError::Unsuitable(format!(
            "rows with the columns {given} in an output that has {expected}"
        )))
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        match &mut self.stream {
            Stream::Plain(part) => part.push(bytes),
            Stream::Gzip(encoder) => encoder.write_all(bytes).map_err(|error| from_io(error, "gzip output")),
            Stream::Zstd(encoder) => encoder.write_all(bytes).map_err(|error| from_io(error, "zstd output")),
        }
    }

    /// `count` rows that stand next to each other, as they are; a last one without terminator gets one.
    #[inline]
    pub(crate) fn raw(&mut self, bytes: &[u8], count: usize) -> Result<(), OutputError> {
        self.push(bytes)?;
        if bytes.last() != Some(&b'\n') {
            self.push(self.style.terminator.as_bytes())?;
        }
        self.rows += count as u64;
        Ok(())
    }

    /// Rows that the module made.
    ///
    /// # Errors
    /// A column cannot be written in this format, or as for [`PartFile::push`].
    pub(crate) fn columns(&mut self, rows: &RecordBatch) -> Result<(), OutputError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        values::lines(rows, self.style.lines, self.style.terminator, &mut scratch)?;
        self.push(&scratch)?;
        self.scratch = scratch;
        self.rows += rows.num_rows() as u64;
        Ok(())
    }

    /// Every row of `source` with fields replaced or appended.
    ///
    /// # Errors
    /// As for [`TextSink::columns`]; a row that is not what its format demands.
    pub(crate) fn edited(
        &mut self,
        source: &RowBytes,
        edit: &super::edit::Edit,
        columns: &RecordBatch,
    ) -> Result<(), OutputError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        edit.lines(source, columns, self.style.lines, self.style.terminator, &mut scratch)?;
        self.push(&scratch)?;
        self.scratch = scratch;
        self.rows += source.spans.len() as u64;
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As for [`PartFile::push`].
    pub(crate) fn finish(self) -> Result<Part, OutputError> {
        let part = match self.stream {
            Stream::Plain(part) => part,
            Stream::Gzip(encoder) => encoder.finish().map_err(|error| from_io(error, "gzip output"))?,
            Stream::Zstd(encoder) => encoder.finish().map_err(|error| from_io(error, "zstd output"))?,
        };
        part.finish(self.rows)
    }
}
