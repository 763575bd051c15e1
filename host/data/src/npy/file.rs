//! A `.npy` file as batches over its mapping.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayData, ArrayRef, BooleanArray, FixedSizeListArray, RecordBatch, make_array};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use bytes::Bytes;

use super::header::Header;
use crate::batch::{Batch, Origin, OriginUnit, Source};
use crate::input::{Batches, FileReader, InputError, MappedFile, ReadPlan};

/// A file that can be read.
#[derive(Debug)]
pub(crate) struct NpyFile {
    pub(crate) file: MappedFile,
    pub(crate) header: Header,
}

impl NpyFile {
    /// Looks at the header of `file`.
    pub(crate) fn open(file: MappedFile) -> Result<Self, InputError> {
        let header = Header::read(&file.bytes()?).map_err(|what| InputError::malformed(&file.name, what))?;
        Ok(Self { file, header })
    }

    /// The one column: a number, or a fixed-size list of them.
    pub(crate) fn schema(&self) -> SchemaRef {
        let item = || Arc::new(Field::new("item", self.header.data_type.clone(), false));
        let width = self.header.width.filter(|width| *width != 1).and_then(|width| i32::try_from(width).ok());
        let data_type = width
            .map_or_else(|| self.header.data_type.clone(), |width| DataType::FixedSizeList(item(), width));
        Arc::new(Schema::new(vec![Field::new("data", data_type, false)]))
    }
}

impl FileReader for NpyFile {
    fn windows(&self, partition_bytes: u64) -> Vec<Range<u64>> {
        let rows = partition_bytes / (self.header.row_bytes() as u64).max(1);
        crate::input::even(self.header.rows, rows.max(1))
    }

    fn read(&self, window: Range<u64>, plan: Arc<ReadPlan>) -> Result<Batches, InputError> {
        let bytes = self.file.bytes()?;
        Ok(Box::new(NpyReader {
            file: Arc::clone(&self.file.name),
            header: self.header.clone(),
            field: Arc::clone(
                plan.schema
                    .fields()
                    .first()
                    .ok_or_else(|| InputError::malformed(&self.file.name, "no column"))?,
            ),
            bytes,
            rows: window,
            plan,
        }))
    }
}

struct NpyReader {
    file: Arc<str>,
    header: Header,
    field: FieldRef,
    bytes: Bytes,
    rows: Range<u64>,
    plan: Arc<ReadPlan>,
}

impl NpyReader {
    fn batch(&mut self) -> Result<Batch, InputError> {
        let first = self.rows.start;
        let count = usize::try_from(self.rows.end - first).unwrap_or(usize::MAX).min(self.plan.rows);
        self.rows.start += count as u64;
        let malformed = |error| InputError::malformed(&self.file, error);
        let array = self.array(first, count).map_err(malformed)?;
        let all = RecordBatch::try_new(Arc::clone(&self.plan.schema), vec![array]).map_err(malformed)?;
        let columns = all.project(&self.plan.columns).map_err(malformed)?;
        let source = if self.plan.forward { Source::Columns(all) } else { Source::Absent };
        let origin = Origin { file: Arc::clone(&self.file), unit: OriginUnit::Row, first };
        Ok(Batch { port: Arc::clone(&self.plan.port), columns, source, origin, bad: Vec::new() })
    }

    fn array(&self, first: u64, count: usize) -> Result<ArrayRef, arrow::error::ArrowError> {
        let width = self.header.width.unwrap_or(1);
        let values = self.values(first, count, count * width)?;
        match self.field.data_type() {
            DataType::FixedSizeList(item, length) => {
                Ok(Arc::new(FixedSizeListArray::try_new(Arc::clone(item), *length, values, None)?))
            }
            _ => Ok(values),
        }
    }

    /// The `elements` numbers of `rows` rows from `first` on, where they lie.
    fn values(&self, first: u64, rows: usize, elements: usize) -> Result<ArrayRef, arrow::error::ArrowError> {
        let row = self.header.row_bytes();
        let start = self.header.start + usize::try_from(first).unwrap_or(usize::MAX).saturating_mul(row);
        let bytes = self.bytes.slice(start..start + rows * row);
        if self.header.data_type == DataType::Boolean {
            return Ok(Arc::new(bytes.iter().map(|byte| Some(*byte != 0)).collect::<BooleanArray>()));
        }
        let aligned = bytes.as_ptr().addr().is_multiple_of(self.header.item);
        // Old files are aligned to 16 bytes, foreign ones perhaps to nothing; those are copied.
        let buffer = if aligned { Buffer::from(bytes) } else { Buffer::from_slice_ref(&bytes) };
        let data =
            ArrayData::builder(self.header.data_type.clone()).len(elements).add_buffer(buffer).build()?;
        Ok(make_array(data))
    }
}

impl Iterator for NpyReader {
    type Item = Result<Batch, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.rows.start < self.rows.end).then(|| self.batch())
    }
}
