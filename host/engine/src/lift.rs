//! Columns on their way out of a module: nothing it says is believed before it is checked.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{ArrayData, ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow::buffer::Buffer;
use arrow::compute::cast_with_options;
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::ipc::reader::StreamReader;

use crate::bindings::api::millrace::processor::types::{Column, Dtype};
use crate::schema::{native, view};

/// Makes an array of `rows` rows of the field's type from what a module wrote.
///
/// The error says what does not fit, and names the column.
pub(crate) fn column(field: &Field, column: Column, rows: usize) -> Result<ArrayRef, String> {
    let name = field.name();
    let array = build(field.data_type(), column, rows).map_err(|what| format!("column {name:?}: {what}"))?;
    if !field.is_nullable() && array.null_count() > 0 {
        return Err(format!("column {name:?}: {} nulls, but the field is not nullable", array.null_count()));
    }
    Ok(array)
}

/// One record batch from a module's columns, in the schema's order.
pub(crate) fn batch(schema: &SchemaRef, columns: Vec<Column>, rows: usize) -> Result<RecordBatch, String> {
    if columns.len() != schema.fields().len() {
        return Err(format!("{} columns, but the output has {}", columns.len(), schema.fields().len()));
    }
    let pairs = schema.fields().iter().zip(columns);
    let arrays = pairs.map(|(field, given)| column(field, given, rows)).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options).map_err(|error| error.to_string())
}

fn build(target: &DataType, column: Column, rows: usize) -> Result<ArrayRef, String> {
    let seen = view(target);
    let kind = match (native(seen), target) {
        (Some(_), DataType::FixedSizeList(..)) => target.clone(),
        (Some(kind), _) => kind,
        (None, _) => return Err(format!("{target} can be written with `write-ipc` only")),
    };
    let validity = validity(column.validity, rows)?;
    let elements = rows.checked_mul(seen.1 as usize).ok_or("too many elements")?;
    let array = match seen.0 {
        Dtype::Utf8 | Dtype::Binary => text(&kind, column.values, column.offsets, validity, rows)?,
        _ if column.offsets.is_some() => {
            return Err("offsets, but the field is neither utf8 nor binary".to_owned());
        }
        _ => fixed(&kind, column.values, validity, rows, elements)?,
    };
    if &kind == target {
        return Ok(array);
    }
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    cast_with_options(&array, target, &options).map_err(|error| format!("does not read as {target}: {error}"))
}

fn validity(bytes: Option<Vec<u8>>, rows: usize) -> Result<Option<Buffer>, String> {
    let Some(bytes) = bytes else { return Ok(None) };
    length("validity bytes", bytes.len(), rows.div_ceil(8), rows)?;
    Ok(Some(Buffer::from_vec(bytes)))
}

fn length(what: &str, found: usize, expected: usize, rows: usize) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{found} {what}, but {rows} rows have {expected}"))
}

fn text(
    kind: &DataType,
    values: Vec<u8>,
    offsets: Option<Vec<u8>>,
    validity: Option<Buffer>,
    rows: usize,
) -> Result<ArrayRef, String> {
    let offsets = offsets.ok_or("no offsets, but the field is utf8 or binary")?;
    let expected = rows.checked_add(1).and_then(|count| count.checked_mul(4)).ok_or("too many rows")?;
    length("offset bytes", offsets.len(), expected, rows)?;
    let (offsets, _) = offsets.as_chunks::<4>();
    let offsets: Vec<i32> = offsets.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
    check_offsets(&offsets, values.len())?;
    let buffers = vec![Buffer::from_vec(offsets), Buffer::from_vec(values)];
    finish(kind, rows, validity, buffers, Vec::new())
}

fn check_offsets(offsets: &[i32], values: usize) -> Result<(), String> {
    if let Some(first) = offsets.first().filter(|first| **first < 0) {
        return Err(format!("offsets begin with {first}"));
    }
    let falls = offsets.array_windows::<2>().position(|[left, right]| left > right);
    if let Some(row) = falls {
        return Err(format!("offsets fall at row {row}"));
    }
    let last = offsets.last().copied().unwrap_or(0);
    match usize::try_from(last) {
        Ok(last) if last <= values => Ok(()),
        _ => Err(format!("offsets end at {last}, but there are {values} bytes of values")),
    }
}

fn fixed(
    kind: &DataType,
    values: Vec<u8>,
    validity: Option<Buffer>,
    rows: usize,
    elements: usize,
) -> Result<ArrayRef, String> {
    let element = match kind {
        DataType::FixedSizeList(element, _) => element.data_type(),
        kind => kind,
    };
    let expected = match element.primitive_width() {
        Some(width) => elements.checked_mul(width).ok_or("too many elements")?,
        None => elements.div_ceil(8),
    };
    length("bytes of values", values.len(), expected, rows)?;
    let values = vec![Buffer::from_vec(values)];
    if element == kind {
        return finish(kind, rows, validity, values, Vec::new());
    }
    let child = ArrayData::builder(element.clone()).len(elements).buffers(values).align_buffers(true);
    let child = child.build().map_err(|error| error.to_string())?;
    finish(kind, rows, validity, Vec::new(), vec![child])
}

/// Builds the array with Arrow's own full validation, UTF-8 included.
fn finish(
    kind: &DataType,
    rows: usize,
    validity: Option<Buffer>,
    buffers: Vec<Buffer>,
    children: Vec<ArrayData>,
) -> Result<ArrayRef, String> {
    let data = ArrayData::builder(kind.clone()).len(rows).null_bit_buffer(validity);
    let data = data.buffers(buffers).child_data(children).align_buffers(true);
    data.build().map(make_array).map_err(|error| error.to_string())
}

/// The batches of an Arrow IPC stream that a module made.
///
/// The reader validates what it reads; should it panic on some malformed message all the same, that
/// is the module's fault too and ends here.
pub(crate) fn ipc(message: Vec<u8>) -> Result<Vec<RecordBatch>, String> {
    let read = move || -> Result<Vec<RecordBatch>, arrow::error::ArrowError> {
        StreamReader::try_new(Cursor::new(message), None)?.collect()
    };
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(batches) => batches.map_err(|error| format!("not an Arrow IPC stream: {error}")),
        Err(_) => Err("not an Arrow IPC stream: malformed message".to_owned()),
    }
}

/// The column called `name` of an output's schema.
pub(crate) fn named(schema: &SchemaRef, name: &str, given: Column, rows: usize) -> Result<ArrayRef, String> {
    let field =
        schema.field_with_name(name).map_err(|_| format!("column {name:?} is not in the output's schema"))?;
    column(field, given, rows)
}

/// Whether rows have the columns that an output wants: names, types and order.
pub(crate) fn same_columns(wanted: &SchemaRef, given: &SchemaRef) -> Result<(), String> {
    let columns = |schema: &SchemaRef| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    let (wanted, given) = (columns(wanted), columns(given));
    if wanted.len() != given.len() {
        return Err(format!("{} columns, but the output has {}", given.len(), wanted.len()));
    }
    match wanted.iter().zip(&given).find(|(wanted, given)| wanted != given) {
        Some(((name, kind), (found, other))) => {
            Err(format!("column {found:?} ({other}), but the output has {name:?} ({kind})"))
        }
        None => Ok(()),
    }
}
