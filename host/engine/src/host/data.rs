//! Interface `data`: batches, outputs, tables and blobs.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millrace_data::batch::Batch;
use wasmtime::component::Resource;

use crate::bindings::api::millrace::processor::data;
use crate::bindings::api::millrace::processor::types::{Column, Error, Schema};
use crate::error::RunError;
use crate::lift;
use crate::lower::ColumnBytes;
use crate::schema::to_module;
use crate::state::{Answer, HostBatch, HostBlob, HostOutput, HostTable, TaskState, protocol};

/// What a module may do about a refusal: nothing but report it.
type Reply<T> = Answer<Result<T, Error>>;

impl data::Host for TaskState {}

impl data::HostBatch for TaskState {
    fn port(&mut self, batch: Resource<HostBatch>) -> Answer<String> {
        Ok(self.table.get(&batch)?.batch.port.to_string())
    }

    fn rows(&mut self, batch: Resource<HostBatch>) -> Answer<u32> {
        let rows = self.table.get(&batch)?.batch.rows();
        u32::try_from(rows).map_err(|_| RunError::Host(format!("a batch of {rows} rows")).into())
    }

    fn schema(&mut self, batch: Resource<HostBatch>) -> Answer<Schema> {
        Ok(to_module(self.table.get(&batch)?.batch.columns.schema_ref()))
    }

    fn column(&mut self, batch: Resource<HostBatch>, index: u32) -> Reply<Column> {
        Ok(super::pull(self, &batch, index, None)?.map(copied))
    }

    fn slice(&mut self, batch: Resource<HostBatch>, index: u32, start: u32, count: u32) -> Reply<Column> {
        Ok(super::pull(self, &batch, index, Some((start, count)))?.map(copied))
    }

    fn to_ipc(&mut self, batch: Resource<HostBatch>) -> Reply<Vec<u8>> {
        self.check_time()?;
        let columns = &self.table.get(&batch)?.batch.columns;
        Ok(crate::lower::ipc(columns).map_err(|error| Error::Internal(error.to_string())))
    }

    fn drop(&mut self, batch: Resource<HostBatch>) -> Answer<()> {
        self.table.delete(batch).map(drop).map_err(Into::into)
    }
}

/// The trait's own form of a column; the linker's replacement spares this copy.
fn copied(column: ColumnBytes) -> Column {
    Column {
        values: column.values.into(),
        offsets: column.offsets.map(Into::into),
        validity: column.validity.map(Into::into),
    }
}

impl TaskState {
    fn output(&self, output: &Resource<HostOutput>) -> Answer<(millrace_data::outputs::OutputId, String)> {
        let output = self.table.get(output)?;
        Ok((output.id, output.name.clone()))
    }

    fn source(&self, batch: &Resource<HostBatch>) -> Answer<Arc<Batch>> {
        Ok(Arc::clone(&self.table.get(batch)?.batch))
    }

    /// The schema that was said for an output, by the plan or when it was opened.
    fn written_schema(&self, name: &str) -> Answer<SchemaRef> {
        let schema = self.opened.get(name).and_then(Option::as_ref);
        let missing = || {
            protocol(format!(
                "output {name:?}: written to, but neither the plan nor open-output gave its schema"
            ))
        };
        schema.map(Arc::clone).ok_or_else(missing)
    }

    fn put(&mut self, output: millrace_data::outputs::OutputId, rows: RecordBatch) -> Answer<()> {
        Ok(self.outputs()?.write(output, rows).map_err(RunError::from)?)
    }
}

impl data::HostOutput for TaskState {
    fn write(&mut self, output: Resource<HostOutput>, columns: Vec<Column>, rows: u32) -> Reply<()> {
        let (id, name) = self.output(&output)?;
        let schema = self.written_schema(&name)?;
        let rows = lift::batch(&schema, columns, rows as usize);
        let rows = rows.map_err(|what| protocol(format!("write to {name:?}: {what}")))?;
        self.put(id, rows).map(Ok)
    }

    fn write_ipc(&mut self, output: Resource<HostOutput>, message: Vec<u8>) -> Reply<()> {
        let (id, name) = self.output(&output)?;
        self.check_time()?;
        let batches =
            lift::ipc(message).map_err(|what| protocol(format!("write-ipc to {name:?}: {what}")))?;
        for rows in batches {
            let given = rows.schema();
            let known = self.opened.entry(name.clone()).or_default();
            let wanted = known.get_or_insert_with(|| Arc::clone(&given));
            lift::same_columns(wanted, &given)
                .map_err(|what| protocol(format!("write-ipc to {name:?}: {what}")))?;
            self.put(id, rows)?;
        }
        Ok(Ok(()))
    }

    fn forward(&mut self, output: Resource<HostOutput>, source: Resource<HostBatch>) -> Reply<()> {
        let ((id, _), source) = (self.output(&output)?, self.source(&source)?);
        self.outputs()?.forward(id, &source).map_err(RunError::from)?;
        Ok(Ok(()))
    }

    fn take(
        &mut self,
        output: Resource<HostOutput>,
        source: Resource<HostBatch>,
        rows: Vec<u8>,
    ) -> Reply<()> {
        let ((id, _), source) = (self.output(&output)?, self.source(&source)?);
        let (rows, rest) = rows.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(protocol("take: the list of rows is no multiple of 4 bytes"));
        }
        let rows: Vec<u32> = rows.iter().map(|row| u32::from_le_bytes(*row)).collect();
        if let Some(row) = rows.iter().find(|row| **row as usize >= source.rows()) {
            return Err(protocol(format!("take: row {row}, but the batch has {}", source.rows())));
        }
        self.outputs()?.take(id, &source, &rows).map_err(RunError::from)?;
        Ok(Ok(()))
    }

    fn with_columns(
        &mut self,
        output: Resource<HostOutput>,
        source: Resource<HostBatch>,
        columns: Vec<(String, Column)>,
    ) -> Reply<()> {
        let ((id, name), source) = (self.output(&output)?, self.source(&source)?);
        let schema = self.written_schema(&name)?;
        let mut arrays = Vec::with_capacity(columns.len());
        for (column, given) in columns {
            let array = lift::named(&schema, &column, given, source.rows());
            let array = array.map_err(|what| protocol(format!("with-columns to {name:?}: {what}")))?;
            if arrays.iter().any(|(before, _)| *before == column) {
                return Err(protocol(format!("with-columns to {name:?}: column {column:?} twice")));
            }
            arrays.push((column, array));
        }
        self.outputs()?.with_columns(id, &source, arrays).map_err(RunError::from)?;
        Ok(Ok(()))
    }

    fn drop(&mut self, output: Resource<HostOutput>) -> Answer<()> {
        self.table.delete(output).map(drop).map_err(Into::into)
    }
}

impl data::HostTable for TaskState {
    fn schema(&mut self, table: Resource<HostTable>) -> Answer<Schema> {
        Ok(to_module(&self.table.get(&table)?.schema))
    }

    fn next(&mut self, table: Resource<HostTable>) -> Reply<Option<Resource<HostBatch>>> {
        self.check_time()?;
        let table = self.table.get_mut(&table)?;
        let batch = match table.batches.next() {
            None => return Ok(Ok(None)),
            Some(Err(message)) => {
                return Err(RunError::SideTable { name: table.name.clone(), message }.into());
            }
            Some(Ok(batch)) => batch,
        };
        let charge = self.charge(batch.columns.get_array_memory_size() as u64)?;
        let batch = self.give(HostBatch { batch, _charge: Some(charge) })?;
        Ok(Ok(Some(batch)))
    }

    fn drop(&mut self, table: Resource<HostTable>) -> Answer<()> {
        self.table.delete(table).map(drop).map_err(Into::into)
    }
}

impl data::HostBlob for TaskState {
    fn size(&mut self, blob: Resource<HostBlob>) -> Answer<u64> {
        Ok(self.table.get(&blob)?.0.size())
    }

    fn read(&mut self, blob: Resource<HostBlob>, offset: u64, max: u32) -> Reply<Vec<u8>> {
        let bytes = self.table.get(&blob)?.0.read(offset, max);
        let bytes = bytes.map_err(|error| RunError::Host(format!("read a side input: {error}")))?;
        Ok(Ok(bytes.into()))
    }

    fn drop(&mut self, blob: Resource<HostBlob>) -> Answer<()> {
        self.table.delete(blob).map(drop).map_err(Into::into)
    }
}
