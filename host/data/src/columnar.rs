//! Parquet files as batches: row groups in, only the wanted columns decoded.
//!
//! Decoding is the `parquet` crate's. Large and dictionary-coded strings become plain UTF-8, which
//! is what a module can see.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use crate::batch::{Batch, Origin, OriginUnit, Source};
use crate::input::{Batches, FileReader, InputError, MappedFile, ReadPlan};

/// Largest row group, unpacked, that is read: what a hostile footer could ask for has no end.
const LARGEST_GROUP: u64 = 16 << 30;

/// A Parquet file that can be read.
#[derive(Debug)]
pub(crate) struct ParquetFile {
    file: MappedFile,
    metadata: ArrowReaderMetadata,
    /// First row of each row group, and one past the last row.
    starts: Vec<u64>,
}

impl ParquetFile {
    /// Reads the footer of `file`.
    ///
    /// # Errors
    /// It is not Parquet, cut off, or of a size that cannot be read.
    pub(crate) fn open(file: MappedFile) -> Result<Self, InputError> {
        let bytes = file.bytes()?;
        let malformed = |error: parquet::errors::ParquetError| {
            InputError::malformed(&file.name, format!("it is not whole Parquet: {error}"))
        };
        let mut metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new()).map_err(malformed)?;
        if let Some(plain) = plain_strings(metadata.schema()) {
            metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new().with_schema(plain))
                .map_err(malformed)?;
        }
        let groups = metadata.metadata().row_groups();
        if let Some(group) = groups.iter().find(|group| bytes_of(group.total_byte_size()) > LARGEST_GROUP) {
            let what = format!(
                "a row group has {} bytes; write it with smaller row groups",
                group.total_byte_size()
            );
            return Err(InputError::malformed(&file.name, what));
        }
        let mut starts = vec![0];
        starts.extend(groups.iter().scan(0_u64, |rows, group| {
            *rows = rows.saturating_add(bytes_of(group.num_rows()));
            Some(*rows)
        }));
        Ok(Self { file, metadata, starts })
    }

    /// Its columns.
    pub(crate) fn schema(&self) -> SchemaRef {
        let fields = self.metadata.schema().fields().iter().map(|field| {
            field.as_ref().clone().with_metadata(std::collections::HashMap::<String, String>::new())
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Its path in the list.
    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.file.name)
    }
}

fn bytes_of(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The schema with strings and bytes in their plain forms, if any has another.
fn plain_strings(schema: &SchemaRef) -> Option<SchemaRef> {
    let plain = |data_type: &DataType| match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values)
            if matches!(**values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) =>
        {
            DataType::Utf8
        }
        other => other.clone(),
    };
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_data_type(plain(field.data_type())))
        .collect();
    let changed = fields.iter().zip(schema.fields()).any(|(new, old)| new.data_type() != old.data_type());
    changed.then(|| Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

impl FileReader for ParquetFile {
    /// Runs of row groups of up to `partition_bytes` unpacked, as ranges of rows; a larger group is alone.
    fn windows(&self, partition_bytes: u64) -> Vec<Range<u64>> {
        let mut windows: Vec<Range<u64>> = Vec::new();
        let mut filled = 0_u64;
        let rows = self.starts.iter().zip(self.starts.iter().skip(1));
        for (group, (start, end)) in
            self.metadata.metadata().row_groups().iter().zip(rows).filter(|(_, (start, end))| start < end)
        {
            let bytes = bytes_of(group.total_byte_size());
            match windows.last_mut().filter(|_| filled.saturating_add(bytes) <= partition_bytes) {
                Some(last) => {
                    last.end = *end;
                    filled += bytes;
                }
                None => {
                    windows.push(*start..*end);
                    filled = bytes;
                }
            }
        }
        windows
    }

    fn read(&self, window: Range<u64>, plan: Arc<ReadPlan>) -> Result<Batches, InputError> {
        let bytes = self.file.bytes()?;
        let starts = self.starts.iter().enumerate();
        let groups = starts
            .filter(|(group, start)| window.contains(start) && group + 1 < self.starts.len())
            .map(|(group, _)| group)
            .collect();
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, self.metadata.clone());
        let moved: Vec<usize> =
            if plan.forward { (0..plan.schema.fields().len()).collect() } else { plan.columns.clone() };
        let mask = ProjectionMask::roots(builder.parquet_schema(), moved.iter().copied());
        let reader = builder.with_row_groups(groups).with_projection(mask).with_batch_size(plan.rows).build();
        let reader = reader.map_err(|error| InputError::malformed(&self.file.name, error))?;
        // A mask has no order: columns come in the file's.
        let mut read = moved;
        read.sort_unstable();
        read.dedup();
        let places = plan.columns.iter().filter_map(|column| read.binary_search(column).ok()).collect();
        Ok(Box::new(ParquetReader { file: self.name(), reader, places, row: window.start, plan }))
    }
}

struct ParquetReader {
    file: Arc<str>,
    reader: ParquetRecordBatchReader,
    /// Where the wanted columns are among those that are read.
    places: Vec<usize>,
    row: u64,
    plan: Arc<ReadPlan>,
}

impl ParquetReader {
    fn batch(&mut self, read: &arrow::array::RecordBatch) -> Result<Batch, InputError> {
        let malformed = |error| InputError::malformed(&self.file, error);
        let columns = read.project(&self.places).map_err(malformed)?;
        let source = if self.plan.forward { Source::Columns(read.clone()) } else { Source::Absent };
        let origin = Origin { file: Arc::clone(&self.file), unit: OriginUnit::Row, first: self.row };
        self.row += read.num_rows() as u64;
        Ok(Batch { port: Arc::clone(&self.plan.port), columns, source, origin, bad: Vec::new() })
    }
}

impl Iterator for ParquetReader {
    type Item = Result<Batch, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.reader.next()? {
            Ok(read) => Some(self.batch(&read)),
            Err(error) => {
                let what = format!("row {} or later cannot be decoded: {error}", self.row);
                Some(Err(InputError::malformed(&self.file, what)))
            }
        }
    }
}
