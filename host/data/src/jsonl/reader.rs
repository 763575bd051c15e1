//! Batches from the lines of one window of a JSON Lines file.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;

use super::file::JsonFile;
use super::members::{Members, NotJson, is_named};
use super::values;
use crate::batch::{BadRow, Batch, Origin, OriginUnit, RowBytes, Source};
use crate::input::{InputError, ReadPlan};

/// Longest batch in bytes of lines.
const BATCH_BYTES: usize = 8 << 20;

/// Reads one window.
pub(crate) struct JsonReader {
    file: Arc<str>,
    bytes: Bytes,
    place: usize,
    end: usize,
    longest: usize,
    names: Vec<String>,
    schema: SchemaRef,
    plan: Arc<ReadPlan>,
}

/// Lines that were found to be objects.
#[derive(Default)]
struct Lines {
    /// Place of the batch in the file.
    origin: usize,
    /// `[start, end)` of each line with its terminator, from `origin`.
    spans: Vec<(u32, u32)>,
    /// Per line and wanted column, where its value is, from `origin`; `(0, 0)` if it is not there.
    values: Vec<(u32, u32)>,
}

/// A line whose value does not fit its column: its number, and why.
type Misfit = (usize, String);

impl JsonReader {
    pub(crate) fn new(file: &JsonFile, bytes: Bytes, window: Range<usize>, plan: Arc<ReadPlan>) -> Self {
        let all = 0..plan.schema.fields().len();
        let decoded: Vec<usize> = if plan.convert { all.collect() } else { plan.columns.clone() };
        let fields: Vec<_> =
            decoded.iter().filter_map(|column| plan.schema.fields().get(*column).cloned()).collect();
        Self {
            file: Arc::clone(&file.file.name),
            place: window.start,
            end: window.end,
            longest: file.longest,
            names: fields.iter().map(|field| field.name().clone()).collect(),
            schema: Arc::new(Schema::new(fields)),
            bytes,
            plan,
        }
    }

    fn batch(&mut self) -> Result<Batch, InputError> {
        let mut bad = Vec::new();
        let mut lines = self.lines(&mut bad);
        let mut misfits = self.not_text(&lines);
        let mut columns = self.columns(&lines, &mut misfits);
        if !misfits.is_empty() {
            bad.extend(self.remove(&mut lines, misfits));
            bad.sort_by_key(|(place, _)| *place);
            columns = self.columns(&lines, &mut Vec::new());
        }
        let bad = bad.into_iter().map(|(_, row)| row).collect();
        self.assemble(columns, lines, bad)
    }

    /// Takes up lines until the batch is full.
    fn lines(&mut self, bad: &mut Vec<(usize, BadRow)>) -> Lines {
        let bytes = self.bytes.clone();
        let mut lines = Lines { origin: self.place, ..Lines::default() };
        let has_room = |lines: &Lines, bad: &Vec<_>, place: usize| {
            lines.spans.len() < self.plan.rows
                && bad.len() < self.plan.rows
                && place - lines.origin < BATCH_BYTES
        };
        let mut place = self.place;
        while place < self.end && has_room(&lines, bad, place) {
            let rest = bytes.get(place..).unwrap_or_default();
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |found| found + 1);
            let (start, line) = (place, rest.get(..length).unwrap_or_default());
            place += length;
            let content = line.trim_ascii();
            if length > self.longest {
                let message = format!("{length} bytes, longer than a record may be");
                bad.push((start, self.bad(start..place, message)));
                // The batch ends here, so that its places stay small.
                break;
            }
            if content.is_empty() {
                continue;
            }
            let blanks = line.len() - line.trim_ascii_start().len();
            match self.values(content, start + blanks - lines.origin, &mut lines.values) {
                Ok(()) => lines.spans.push((narrow(start - lines.origin), narrow(place - lines.origin))),
                Err(error) => {
                    lines.values.truncate(lines.spans.len() * self.names.len());
                    bad.push((start, self.bad(start..place, not_json(error))));
                }
            }
        }
        self.place = place;
        lines
    }

    /// Appends where the wanted values of `line` are; `base` is the line's place in the batch.
    fn values(&self, line: &[u8], base: usize, to: &mut Vec<(u32, u32)>) -> Result<(), NotJson> {
        let first = to.len();
        to.resize(first + self.names.len(), (0, 0));
        let mut members = Members::new(line)?;
        let (mut missing, mut hint) = (self.names.len(), 0);
        while missing > 0 {
            let Some((name, value)) = members.next()? else { break };
            let Some(column) = self.find(name, hint) else { continue };
            hint = column + 1;
            if let Some(slot) = to.get_mut(first + column).filter(|slot| **slot == (0, 0)) {
                let start = base + members.place() - value.len();
                *slot = (narrow(start), narrow(start + value.len()));
                missing -= 1;
            }
        }
        Ok(())
    }

    /// The wanted column of this raw name; members mostly come in the same order.
    #[inline]
    fn find(&self, raw: &[u8], hint: usize) -> Option<usize> {
        let after =
            self.names.iter().skip(hint).position(|name| is_named(raw, name)).map(|place| place + hint);
        after.or_else(|| self.names.iter().take(hint).position(|name| is_named(raw, name)))
    }

    /// Lines that are not UTF-8.
    fn not_text(&self, lines: &Lines) -> Vec<Misfit> {
        let region = self.bytes.get(lines.origin..self.place).unwrap_or_default();
        if simdutf8::basic::from_utf8(region).is_ok() {
            return Vec::new();
        }
        let spans = lines.spans.iter().enumerate();
        let line = |span: &(u32, u32)| region.get(span.0 as usize..span.1 as usize).unwrap_or_default();
        spans
            .filter(|(_, span)| simdutf8::basic::from_utf8(line(span)).is_err())
            .map(|(row, _)| (row, "not UTF-8".to_owned()))
            .collect()
    }

    fn columns(&self, lines: &Lines, misfits: &mut Vec<Misfit>) -> Vec<ArrayRef> {
        let region = self.bytes.get(lines.origin..self.place).unwrap_or_default();
        let width = self.names.len();
        let mut columns = Vec::with_capacity(width);
        for (place, field) in self.schema.fields().iter().enumerate() {
            let spans = lines.values.iter().skip(place).step_by(width.max(1));
            let raw = spans.map(|(start, end)| {
                region.get(*start as usize..*end as usize).filter(|raw| !raw.is_empty() && *raw != b"null")
            });
            columns.push(values::column(field, raw, misfits));
        }
        columns
    }

    fn remove(&self, lines: &mut Lines, mut misfits: Vec<Misfit>) -> Vec<(usize, BadRow)> {
        misfits.sort_by_key(|misfit| misfit.0);
        misfits.dedup_by_key(|misfit| misfit.0);
        let width = self.names.len();
        let mut removed = Vec::with_capacity(misfits.len());
        for (before, (row, message)) in misfits.into_iter().enumerate() {
            // Each earlier removal moved the later lines down by one.
            let row = row - before;
            if row < lines.spans.len() {
                let (start, end) = lines.spans.remove(row);
                lines.values.drain(row * width..(row + 1) * width);
                let place = lines.origin + start as usize..lines.origin + end as usize;
                removed.push((place.start, self.bad(place, message)));
            }
        }
        removed
    }

    fn assemble(&self, arrays: Vec<ArrayRef>, lines: Lines, bad: Vec<BadRow>) -> Result<Batch, InputError> {
        let malformed = |error| InputError::malformed(&self.file, error);
        let count = RecordBatchOptions::new().with_row_count(Some(lines.spans.len()));
        let decoded =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &count).map_err(malformed)?;
        let (columns, source) = match (self.plan.convert, self.plan.forward) {
            (true, forward) => {
                let wanted = decoded.project(&self.plan.columns).map_err(malformed)?;
                (wanted, if forward { Source::Columns(decoded) } else { Source::Absent })
            }
            (false, true) => {
                let bytes = self.bytes.slice(lines.origin..self.place);
                (decoded, Source::Rows(RowBytes { bytes, spans: lines.spans }))
            }
            (false, false) => (decoded, Source::Absent),
        };
        let origin =
            Origin { file: Arc::clone(&self.file), unit: OriginUnit::Byte, first: lines.origin as u64 };
        Ok(Batch { port: Arc::clone(&self.plan.port), columns, source, origin, bad })
    }

    fn bad(&self, place: Range<usize>, message: String) -> BadRow {
        let bytes = (place.len() <= self.longest).then(|| self.bytes.slice(place.clone()));
        BadRow { place: format!("{}, byte {}", self.file, place.start), message, bytes }
    }
}

impl Iterator for JsonReader {
    type Item = Result<Batch, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.place < self.end {
            match self.batch() {
                // Nothing but empty lines.
                Ok(batch) if batch.rows() == 0 && batch.bad.is_empty() => {}
                other => return Some(other),
            }
        }
        None
    }
}

fn not_json(error: NotJson) -> String {
    format!("not a JSON object: expected {} at byte {} of the line", error.expected, error.place)
}

/// A place within a batch, which `BATCH_BYTES` and the longest record keep far below 4 GiB.
fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
