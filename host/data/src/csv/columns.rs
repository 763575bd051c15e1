//! Arrow columns from the marked fields of scanned records.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, NullBufferBuilder, PrimitiveBuilder, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;

use super::scan::{RowTable, content_end};
use super::values::{self, Field};
use super::{Dialect, Encoding};

/// A column that is wanted: which field it is, what it holds, and which cuts border it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    /// Place among the cuts of the delimiter before it; none for the first field.
    before: Option<usize>,
    /// Place among the cuts of the delimiter after it; none for the last field.
    after: Option<usize>,
}

/// A record whose value does not fit its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Number of the record in the table.
    pub(crate) row: usize,
    pub(crate) message: String,
}

/// Plans the columns of numbers `fields`, ascending or not, and the cuts that their borders need.
pub(crate) fn plan(fields: &[(u32, String, DataType)], width: u32) -> (Vec<Wanted>, Vec<u32>) {
    let mut cuts: Vec<u32> = fields
        .iter()
        .flat_map(|(field, ..)| [field.checked_sub(1), (field + 1 < width).then_some(*field)])
        .flatten()
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    let place = |cut: u32| cuts.binary_search(&cut).ok();
    let wanted = fields
        .iter()
        .map(|(field, name, data_type)| Wanted {
            name: name.clone(),
            data_type: data_type.clone(),
            before: field.checked_sub(1).and_then(place),
            after: (field + 1 < width).then_some(*field).and_then(place),
        })
        .collect();
    (wanted, cuts)
}

/// The records of a table, with their bytes.
#[derive(Clone, Copy)]
pub(crate) struct Records<'a> {
    /// From the table's origin to the end of its last row.
    pub(crate) bytes: &'a [u8],
    pub(crate) rows: &'a RowTable,
    /// Cuts per record.
    pub(crate) stride: usize,
    pub(crate) dialect: Dialect,
}

impl<'a> Records<'a> {
    /// The raw bytes of column `wanted` in every record.
    pub(crate) fn fields(self, wanted: &Wanted) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (before, after, stride) = (wanted.before, wanted.after, self.stride);
        let mark = move |row: usize, cut: usize| {
            self.rows.marks.get(row * stride + cut).map_or(0, |mark| *mark as usize)
        };
        self.rows.spans.iter().enumerate().map(move |(row, span)| {
            let (record, end) = (span.0 as usize, span.1 as usize);
            let start = before.map_or(record, |cut| record + mark(row, cut) + 1);
            let end = match after {
                Some(cut) => record + mark(row, cut),
                None => content_end(self.bytes, record, end),
            };
            self.bytes.get(start..end).unwrap_or_default()
        })
    }

    /// The values of column `wanted`; records whose value does not fit are noted in `misfits`.
    ///
    /// # Errors
    /// The text is not UTF-8, though the records were: somebody writes to the file.
    pub(crate) fn column(self, wanted: &Wanted, misfits: &mut Vec<Misfit>) -> Result<ArrayRef, ArrowError> {
        Ok(match wanted.data_type {
            DataType::Int64 => Arc::new(self.numbers::<Int64Type>(wanted, values::integer, misfits).finish()),
            DataType::Float64 => {
                Arc::new(self.numbers::<Float64Type>(wanted, values::float, misfits).finish())
            }
            DataType::Boolean => Arc::new(self.truths(wanted, misfits).finish()),
            _ => Arc::new(self.texts(wanted)?),
        })
    }

    fn numbers<T: ArrowPrimitiveType>(
        self,
        wanted: &Wanted,
        parse: fn(&[u8]) -> Option<T::Native>,
        misfits: &mut Vec<Misfit>,
    ) -> PrimitiveBuilder<T> {
        let mut column = PrimitiveBuilder::with_capacity(self.rows.spans.len());
        for (row, raw) in self.fields(wanted).enumerate() {
            let text = Field::read(raw, self.dialect.quote).simple();
            let value = parse(text);
            if value.is_none() && !text.is_empty() {
                misfits.push(misfit(row, text, wanted));
            }
            column.append_option(value);
        }
        column
    }

    fn truths(self, wanted: &Wanted, misfits: &mut Vec<Misfit>) -> BooleanBuilder {
        let mut column = BooleanBuilder::with_capacity(self.rows.spans.len());
        for (row, raw) in self.fields(wanted).enumerate() {
            let text = Field::read(raw, self.dialect.quote).simple();
            let value = values::boolean(text);
            if value.is_none() && !text.is_empty() {
                misfits.push(misfit(row, text, wanted));
            }
            column.append_option(value);
        }
        column
    }

    fn texts(self, wanted: &Wanted) -> Result<StringArray, ArrowError> {
        let rows = self.rows.spans.len();
        let (mut offsets, mut bytes) = (Vec::with_capacity(rows + 1), Vec::with_capacity(rows * 12));
        let mut validity = NullBufferBuilder::new(rows);
        offsets.push(0);
        let quote = self.dialect.quote.unwrap_or(b'"');
        for raw in self.fields(wanted) {
            let start = bytes.len();
            let there = Field::read(raw, self.dialect.quote).push_to(&mut bytes, quote);
            if self.dialect.encoding == Encoding::Latin1 {
                widen(&mut bytes, start);
            }
            validity.append(there);
            // A batch is far shorter than 2 GiB (`BATCH_BYTES` and the longest record).
            offsets.push(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        }
        strings(offsets, bytes, validity)
    }
}

/// Checked again although the records were: these are copies, and nobody can change them any more,
/// while the mapped file could have been overwritten since it was checked.
fn strings(
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    mut validity: NullBufferBuilder,
) -> Result<StringArray, ArrowError> {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::try_new(offsets, Buffer::from_vec(bytes), validity.finish())
}

/// Turns Latin-1 bytes from `start` on into UTF-8.
fn widen(bytes: &mut Vec<u8>, start: usize) {
    let raw = bytes.split_off(start.min(bytes.len()));
    let mut buffer = [0; 4];
    for byte in raw {
        bytes.extend_from_slice(char::from(byte).encode_utf8(&mut buffer).as_bytes());
    }
}

/// Longest piece of a value that a message shows.
const SHOWN: usize = 40;

fn misfit(row: usize, text: &[u8], wanted: &Wanted) -> Misfit {
    let shown = String::from_utf8_lossy(text.get(..SHOWN).unwrap_or(text)).into_owned();
    let message = format!("column `{}`: `{shown}` is not {}", wanted.name, kind_in_words(&wanted.data_type));
    Misfit { row, message }
}

fn kind_in_words(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int64 => "a whole number (as the first 8 MiB of the first file have it)",
        DataType::Float64 => "a number (as the first 8 MiB of the first file have it)",
        _ => "true or false (as the first 8 MiB of the first file have it)",
    }
}
