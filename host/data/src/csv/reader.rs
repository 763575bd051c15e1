//! Batches from the records of one window of a CSV file.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;

use super::columns::{Misfit, Records, Wanted, plan};
use super::file::CsvFile;
use super::scan::{Flaw, FlawKind, Pattern, RowTable, Scan};
use super::structure::Kernel;
use super::{Dialect, Encoding};
use crate::batch::{BadRow, Batch, Origin, OriginUnit, RowBytes, Source};
use crate::input::{InputError, ReadPlan};

/// Reads one window.
pub(crate) struct CsvReader {
    file: Arc<str>,
    bytes: Bytes,
    dialect: Dialect,
    scan: Scan,
    rows: RowTable,
    wanted: Vec<Wanted>,
    stride: usize,
    /// The columns that are decoded: the wanted ones, or all where rows move as columns.
    schema: SchemaRef,
    plan: Arc<ReadPlan>,
}

impl CsvReader {
    pub(crate) fn new(file: &CsvFile, bytes: Bytes, window: Range<usize>, read: Arc<ReadPlan>) -> Self {
        let decoded: Vec<usize> =
            if read.convert { (0..read.schema.fields().len()).collect() } else { read.columns.clone() };
        let fields: Vec<_> =
            decoded.iter().filter_map(|column| read.schema.fields().get(*column).cloned()).collect();
        let width = u32::try_from(read.schema.fields().len()).unwrap_or(u32::MAX);
        let triples: Vec<_> = decoded
            .iter()
            .zip(&fields)
            .map(|(column, field)| {
                (u32::try_from(*column).unwrap_or(u32::MAX), field.name().clone(), field.data_type().clone())
            })
            .collect();
        let (wanted, cuts) = plan(&triples, width);
        let stride = cuts.len();
        let pattern = Pattern { needles: file.dialect.needles(), fields: width, cuts, longest: file.longest };
        Self {
            file: Arc::clone(&file.text.file.name),
            dialect: file.dialect,
            scan: Scan::new(pattern, window.start, window.end, Kernel::detect()),
            rows: RowTable::default(),
            wanted,
            stride,
            schema: Arc::new(Schema::new(fields)),
            plan: read,
            bytes,
        }
    }

    fn batch(&mut self) -> Result<Batch, InputError> {
        let mut bad: Vec<_> = self.rows.flaws.iter().map(|flaw| (flaw.start, self.flawed(*flaw))).collect();
        // First what is no text: a column cannot be built over it.
        let not_text = self.not_text();
        bad.extend(self.remove(not_text));
        let mut misfits = Vec::new();
        let mut columns = self.columns(&mut misfits)?;
        if !misfits.is_empty() {
            bad.extend(self.remove(misfits));
            columns = self.columns(&mut Vec::new())?;
        }
        bad.sort_by_key(|(place, _)| *place);
        let bad = bad.into_iter().map(|(_, row)| row).collect();
        let count = RecordBatchOptions::new().with_row_count(Some(self.rows.spans.len()));
        let decoded = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &count);
        self.assemble(decoded.map_err(|error| InputError::malformed(&self.file, error))?, bad)
    }

    fn assemble(&mut self, decoded: RecordBatch, bad: Vec<BadRow>) -> Result<Batch, InputError> {
        let (columns, source) = if self.plan.convert {
            let wanted = decoded
                .project(&self.plan.columns)
                .map_err(|error| InputError::malformed(&self.file, error))?;
            (wanted, if self.plan.forward { Source::Columns(decoded) } else { Source::Absent })
        } else if self.plan.forward {
            let bytes = self.bytes.slice(self.region());
            (decoded, Source::Rows(RowBytes { bytes, spans: std::mem::take(&mut self.rows.spans) }))
        } else {
            (decoded, Source::Absent)
        };
        let origin =
            Origin { file: Arc::clone(&self.file), unit: OriginUnit::Byte, first: self.rows.origin as u64 };
        Ok(Batch { port: Arc::clone(&self.plan.port), columns, source, origin, bad })
    }

    fn region(&self) -> Range<usize> {
        self.rows.origin..self.rows.end()
    }

    fn columns(&self, misfits: &mut Vec<Misfit>) -> Result<Vec<ArrayRef>, InputError> {
        let bytes = self.bytes.get(self.region()).unwrap_or_default();
        let records = Records { bytes, rows: &self.rows, stride: self.stride, dialect: self.dialect };
        let changed =
            |_| InputError::Changed { path: self.file.to_string(), what: "its text was overwritten".into() };
        self.wanted.iter().map(|wanted| records.column(wanted, misfits).map_err(changed)).collect()
    }

    /// Rows that are not in the file's encoding.
    fn not_text(&self) -> Vec<Misfit> {
        let bytes = self.bytes.get(self.region()).unwrap_or_default();
        if !self.rows.any_high
            || self.dialect.encoding != Encoding::Utf8
            || simdutf8::basic::from_utf8(bytes).is_ok()
        {
            return Vec::new();
        }
        let spans = self.rows.spans.iter().enumerate();
        let text = |span: &(u32, u32)| bytes.get(span.0 as usize..span.1 as usize).unwrap_or_default();
        spans
            .filter(|(_, span)| simdutf8::basic::from_utf8(text(span)).is_err())
            .map(|(row, _)| Misfit {
                row,
                message: "not UTF-8; if the file is Latin-1, add `encoding=latin-1` to `format`".into(),
            })
            .collect()
    }

    /// Takes the rows of `misfits` out of the table; a row with several keeps its first message.
    fn remove(&mut self, mut misfits: Vec<Misfit>) -> Vec<(usize, BadRow)> {
        misfits.sort_by_key(|misfit| misfit.row);
        misfits.dedup_by_key(|misfit| misfit.row);
        let spans = self.rows.remove(misfits.iter().map(|misfit| misfit.row), self.stride);
        let places = spans
            .into_iter()
            .map(|(start, end)| self.rows.origin + start as usize..self.rows.origin + end as usize);
        places.zip(misfits).map(|(place, misfit)| (place.start, self.bad(place, misfit.message))).collect()
    }

    fn flawed(&self, flaw: Flaw) -> BadRow {
        let message = match flaw.kind {
            FlawKind::Ragged(fields) => format!("{fields} fields, expected {}", self.plan.schema.fields().len()),
            FlawKind::StrayQuote => {
                "a quote inside a field that is not quoted; if quotes are plain characters, add `quote=none` to `format`".into()
            }
            FlawKind::OpenQuote => "a quote is opened here or later and never closed".into(),
            FlawKind::TooLong => format!("{} bytes, longer than a record may be", flaw.end - flaw.start),
        };
        let mut row = self.bad(flaw.start..flaw.end, message);
        row.bytes = row.bytes.filter(|_| flaw.kind != FlawKind::TooLong);
        row
    }

    fn bad(&self, place: Range<usize>, message: String) -> BadRow {
        BadRow {
            place: format!("{}, byte {}", self.file, place.start),
            message,
            bytes: Some(self.bytes.slice(place)),
        }
    }
}

impl Iterator for CsvReader {
    type Item = Result<Batch, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        let more = self.scan.fill(&self.bytes, self.plan.rows, &mut self.rows);
        more.then(|| self.batch())
    }
}
