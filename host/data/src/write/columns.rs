//! Outputs of columns: Parquet and npy.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::Packing;
use super::part::{Part, PartFile};
use crate::npy::header;
use crate::outputs::OutputError;

/// Rows and bytes of a row group, whichever is reached first; the bytes bound what an output holds in memory.
const GROUP_ROWS: usize = 131_072;
const GROUP_BYTES: usize = 32 << 20;

/// One Parquet file.
pub(crate) struct ParquetSink {
    writer: ArrowWriter<PartFile>,
    schema: SchemaRef,
    rows: u64,
}

impl ParquetSink {
    /// Begins a file of these columns.
    ///
    /// # Errors
    /// A column cannot be stored in Parquet.
    pub(crate) fn new(part: PartFile, packing: Packing, schema: SchemaRef) -> Result<Self, OutputError> {
        let compression = match packing {
            Packing::None => Compression::UNCOMPRESSED,
            Packing::Snappy => Compression::SNAPPY,
            Packing::Gzip => Compression::GZIP(GzipLevel::default()),
            Packing::Zstd => Compression::ZSTD(ZstdLevel::default()),
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_created_by("millrace".into())
            .build();
        let writer = ArrowWriter::try_new(part, Arc::clone(&schema), Some(properties)).map_err(failed)?;
        Ok(Self { writer, schema, rows: 0 })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// They have other columns, or as for [`PartFile::push`].
    pub(crate) fn columns(&mut self, rows: &RecordBatch) -> Result<(), OutputError> {
        self.writer.write(&like(rows, &self.schema)?).map_err(failed)?;
        self.rows += rows.num_rows() as u64;
        if self.writer.in_progress_size() > GROUP_BYTES {
            self.writer.flush().map_err(failed)?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As for [`PartFile::push`].
    pub(crate) fn finish(self) -> Result<Part, OutputError> {
        self.writer.into_inner().map_err(failed)?.finish(self.rows)
    }
}

/// `rows` under `schema`, which differs at most in what may be null and in metadata.
fn like(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, OutputError> {
    if rows.schema_ref() == schema {
        return Ok(rows.clone());
    }
    let unsuitable =
        |error| OutputError::Unsuitable(format!("rows do not have the columns of the rows before: {error}"));
    RecordBatch::try_new(Arc::clone(schema), rows.columns().to_vec()).map_err(unsuitable)
}

/// What the writer below failed with, as it was meant.
fn failed(error: ParquetError) -> OutputError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(io) => super::part::from_io(*io, "Parquet output"),
            Err(source) => OutputError::Unsuitable(source.to_string()),
        },
        other => OutputError::Unsuitable(format!("these rows cannot be stored in Parquet: {other}")),
    }
}

/// One `.npy` file: every column must have the same type, and they stand side by side.
pub(crate) struct NpySink {
    part: PartFile,
    item: DataType,
    descr: &'static str,
    size: usize,
    /// Elements per row; none for a single column of numbers.
    width: Option<usize>,
    rows: u64,
    scratch: Vec<u8>,
}

impl NpySink {
    /// Begins a file of rows like those of `schema`.
    ///
    /// # Errors
    /// [`OutputError::Unsuitable`] if the columns are not numbers of one type.
    pub(crate) fn new(mut part: PartFile, schema: &SchemaRef) -> Result<Self, OutputError> {
        let (mut item, mut width) = (None, 0);
        for field in schema.fields() {
            let (kind, count) = flat(field.data_type());
            if *item.get_or_insert_with(|| kind.clone()) != *kind {
                let what =
                    format!("column `{}` is {kind}, others are not; an npy file has one type", field.name());
                return Err(OutputError::Unsuitable(what));
            }
            width += count;
        }
        let item =
            item.ok_or_else(|| OutputError::Unsuitable("rows without columns cannot be an array".into()))?;
        let (descr, size) = header::descr(&item).ok_or_else(|| {
            OutputError::Unsuitable(format!("{item} cannot be stored in npy, only numbers and truth values"))
        })?;
        let single =
            schema.fields().len() == 1 && schema.fields().iter().all(|field| !field.data_type().is_nested());
        let width = (!single).then_some(width);
        part.push(&header::write(descr, 0, width))?;
        Ok(Self { part, item, descr, size, width, rows: 0, scratch: Vec::new() })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// They have other columns or a missing value, or as for [`PartFile::push`].
    pub(crate) fn columns(&mut self, rows: &RecordBatch) -> Result<(), OutputError> {
        let mut pieces = Vec::with_capacity(rows.num_columns());
        for (field, array) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            let (kind, count) = flat(field.data_type());
            if *kind != self.item {
                return Err(OutputError::Unsuitable(format!(
                    "column `{}` is {kind} in an array of {}",
                    field.name(),
                    self.item
                )));
            }
            if array.null_count() > 0 {
                return Err(OutputError::Unsuitable(format!(
                    "column `{}` has missing values, which npy cannot store",
                    field.name()
                )));
            }
            pieces.push((elements(array, count, rows.num_rows())?, count * self.size));
        }
        if pieces.iter().map(|(_, bytes)| bytes).sum::<usize>() != self.width.unwrap_or(1) * self.size {
            return Err(OutputError::Unsuitable("rows are of another length than the rows before".into()));
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        for row in 0..rows.num_rows() {
            for (bytes, length) in &pieces {
                scratch.extend_from_slice(bytes.get(row * length..(row + 1) * length).unwrap_or_default());
            }
        }
        self.part.push(&scratch)?;
        self.scratch = scratch;
        self.rows += rows.num_rows() as u64;
        Ok(())
    }

    /// Ends the file: only now its header is known.
    ///
    /// # Errors
    /// As for [`PartFile::push`].
    pub(crate) fn finish(self) -> Result<Part, OutputError> {
        self.part.finish_with_head(&header::write(self.descr, self.rows, self.width), self.rows)
    }
}

/// Type and number of the elements of one row of a column.
fn flat(data_type: &DataType) -> (&DataType, usize) {
    match data_type {
        DataType::FixedSizeList(item, length) => (item.data_type(), usize::try_from(*length).unwrap_or(0)),
        other => (other, 1),
    }
}

/// The bytes of a column's elements, little-endian, in order.
fn elements(array: &ArrayRef, width: usize, rows: usize) -> Result<Vec<u8>, OutputError> {
    let (values, start) = match array.as_fixed_size_list_opt() {
        Some(list) => (list.values(), list.offset() * width),
        None => (array, 0),
    };
    if values.null_count() > 0 {
        return Err(OutputError::Unsuitable("a list has missing values, which npy cannot store".into()));
    }
    let values = values.slice(start, rows * width);
    if let Some(truths) = values.as_boolean_opt() {
        return Ok(truths.values().iter().map(u8::from).collect());
    }
    let data = values.to_data();
    let size = data.data_type().primitive_width().unwrap_or(1);
    let bytes = data.buffers().first().map(|buffer| buffer.as_slice()).unwrap_or_default();
    let start = data.offset() * size;
    Ok(bytes.get(start..start + rows * width * size).unwrap_or_default().to_vec())
}
