//! Columns on their way into a module: Arrow arrays as the contract's buffers.
//!
//! Value buffers are handed over by reference (one copy, into the module's memory); bitmaps and
//! rebased offsets, an eighth of the size or less, are made anew.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use wasmtime::component::{ComponentType, Lower};

use crate::bindings::api::millrace::processor::types::Dtype;
use crate::schema::{native, view};

/// The contract's `column`, lowered without an intermediate `Vec`.
#[derive(ComponentType, Lower, Debug, Clone, PartialEq)]
#[component(record)]
pub(crate) struct ColumnBytes {
    pub(crate) values: Bytes,
    pub(crate) offsets: Option<Bytes>,
    pub(crate) validity: Option<Bytes>,
}

/// Rows `start..start + count` of a column as a module sees them.
///
/// The error is a message for the module: the column is opaque, or its text is too long for the contract.
pub(crate) fn column(array: &ArrayRef, start: usize, count: usize) -> Result<ColumnBytes, String> {
    let array = array.slice(start, count);
    let seen = view(array.data_type());
    let Some(wanted) = native(seen) else {
        return Err(format!("it is {}: it can be read with `to-ipc` only", array.data_type()));
    };
    let array = as_native(&array, &wanted).map_err(|error| error.to_string())?;
    match seen {
        (Dtype::Utf8 | Dtype::Binary, _) => Ok(text(&array)),
        (Dtype::Boolean, 1) => Ok(ColumnBytes {
            values: bitmap(array.as_boolean().values()),
            offsets: None,
            validity: validity(array.nulls()),
        }),
        (_, 1) => Ok(ColumnBytes {
            values: fixed(&array, 0, array.len()),
            offsets: None,
            validity: validity(array.nulls()),
        }),
        (element, width) => Ok(list(&array, element, width as usize)),
    }
}

fn as_native(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        kind if kind == wanted || matches!(kind, DataType::FixedSizeList(..)) => Ok(Arc::clone(array)),
        DataType::Timestamp(unit, Some(_)) => utc_text(array, *unit),
        DataType::Dictionary(_, values) if values.as_ref() != wanted => {
            as_native(&cast(array, values)?, wanted)
        }
        _ => cast(array, wanted),
    }
}

/// A timestamp with a zone is an instant: its text is in UTC and says so.
fn utc_text(array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef, ArrowError> {
    let plain = cast(&cast(array, &DataType::Timestamp(unit, None))?, &DataType::Utf8)?;
    let texts = plain.as_string::<i32>().iter().map(|text| text.map(|text| format!("{text}Z")));
    Ok(Arc::new(texts.collect::<arrow::array::StringArray>()))
}

fn shared(buffer: Buffer) -> Bytes {
    Bytes::from_owner(buffer)
}

/// `count` elements from `first` of an array of fixed-width elements.
fn fixed(array: &ArrayRef, first: usize, count: usize) -> Bytes {
    let data = array.to_data();
    let width = data.data_type().primitive_width().unwrap_or(0);
    let buffer = data.buffers().first().cloned().unwrap_or_default();
    shared(buffer.slice_with_length((data.offset() + first) * width, count * width))
}

fn text(array: &ArrayRef) -> ColumnBytes {
    let (offsets, values) = match array.data_type() {
        DataType::Utf8 => (array.as_string::<i32>().offsets(), array.as_string::<i32>().values()),
        _ => (array.as_binary::<i32>().offsets(), array.as_binary::<i32>().values()),
    };
    let (first, last) = (offsets.first(), offsets.last());
    let (start, end) = (usize::try_from(first).unwrap_or(0), usize::try_from(last).unwrap_or(0));
    let rebased = if first == 0 {
        shared(offsets.inner().inner().clone())
    } else {
        offsets.iter().flat_map(|offset| (offset - first).to_le_bytes()).collect::<Vec<u8>>().into()
    };
    let values = shared(values.slice_with_length(start, end.saturating_sub(start)));
    ColumnBytes { values, offsets: Some(rebased), validity: validity(array.nulls()) }
}

/// A fixed-size list: a row with a null element is a null.
fn list(array: &ArrayRef, element: Dtype, width: usize) -> ColumnBytes {
    let list = array.as_fixed_size_list();
    let count = list.len() * width;
    let elements = list.values().slice(list.value_offset_at(0), count);
    let values = match element {
        Dtype::Boolean => bitmap(elements.as_boolean().values()),
        _ => fixed(&elements, 0, count),
    };
    let inner = elements.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| {
        let whole = |row: usize| (row * width..(row + 1) * width).all(|at| nulls.is_valid(at));
        NullBuffer::new(BooleanBuffer::collect_bool(list.len(), whole))
    });
    ColumnBytes {
        values,
        offsets: None,
        validity: validity(NullBuffer::union(list.nulls(), inner.as_ref()).as_ref()),
    }
}

fn validity(nulls: Option<&NullBuffer>) -> Option<Bytes> {
    nulls.filter(|nulls| nulls.null_count() > 0).map(|nulls| bitmap(nulls.inner()))
}

/// The bits from the first row on, zero after the last: a module must not see what lies beside its rows.
pub(crate) fn bitmap(bits: &BooleanBuffer) -> Bytes {
    let aligned = bits.sliced();
    let mut bytes = aligned.get(..bits.len().div_ceil(8)).unwrap_or_default().to_vec();
    if let Some(last) = bytes.last_mut()
        && !bits.len().is_multiple_of(8)
    {
        *last &= (1 << (bits.len() % 8)) - 1;
    }
    bytes.into()
}

/// The whole batch as one Arrow IPC stream.
pub(crate) fn ipc(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}
