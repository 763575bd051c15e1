//! What the tests give to modules: a batch of three rows, outputs that collect, small limits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millrace_data::batch::{Batch, Origin, OriginUnit, Source};
use millrace_data::outputs::{OutputError, OutputId, Outputs};
use millrace_engine::{Limits, RunContext, SideInput};

/// Three rows: n = 1, 2, 3 and s = x, null, z.
pub(crate) fn batch() -> Arc<Batch> {
    let n: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let s: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None, Some("z")]));
    of(RecordBatch::try_from_iter([("n", n), ("s", s)]).unwrap())
}

/// A batch of these columns.
pub(crate) fn of(columns: RecordBatch) -> Arc<Batch> {
    Arc::new(Batch {
        port: "data".into(),
        source: Source::Columns(columns.clone()),
        columns,
        origin: Origin { file: "a.npy".into(), unit: OriginUnit::Row, first: 0 },
        bad: Vec::new(),
    })
}

/// The plan's schema of the output `out`.
pub(crate) fn planned() -> SchemaRef {
    let fields = vec![Field::new("n", DataType::Int32, false), Field::new("s", DataType::Utf8, true)];
    Arc::new(Schema::new(fields))
}

/// Limits small enough to be reached at once.
pub(crate) fn limits() -> Limits {
    Limits {
        memory_bytes: 64 << 20,
        deadline: Duration::from_secs(20),
        table_elements: 10_000,
        host_call_bytes: 2 << 20,
        handles: 100,
        log_bytes: 1 << 20,
        state_bytes: 1 << 20,
        counters: 100,
        ..Limits::default()
    }
}

/// A run with a side input and the collector.
pub(crate) fn context(limits: Limits, outputs: &Collector) -> RunContext {
    let mut run = RunContext::new("{}", limits);
    run.side_inputs.insert("model/x".to_owned(), SideInput::Bytes("abc".into()));
    run.planned = vec![("out".to_owned(), planned())];
    run.outputs = Some(Box::new(outputs.clone()));
    run
}

/// Outputs that keep what they get; a hundred forwarded batches are the limit.
#[derive(Clone, Default)]
pub(crate) struct Collector(pub(crate) Arc<Mutex<Collected>>);

#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) names: Vec<String>,
    pub(crate) written: Vec<RecordBatch>,
    pub(crate) forwarded: u64,
}

const FORWARDS: u64 = 100;

impl Outputs for Collector {
    fn open(&mut self, name: &str) -> Result<OutputId, OutputError> {
        let mut collected = self.0.lock().unwrap();
        let at = collected.names.iter().position(|known| known == name);
        let at = at.unwrap_or_else(|| {
            collected.names.push(name.to_owned());
            collected.names.len() - 1
        });
        Ok(OutputId(u32::try_from(at).unwrap()))
    }
    fn write(&mut self, _: OutputId, rows: RecordBatch) -> Result<(), OutputError> {
        self.0.lock().unwrap().written.push(rows);
        Ok(())
    }
    fn forward(&mut self, _: OutputId, _: &Batch) -> Result<(), OutputError> {
        let mut collected = self.0.lock().unwrap();
        collected.forwarded += 1;
        if collected.forwarded > FORWARDS {
            return Err(OutputError::Limit { what: "output bytes", limit: FORWARDS });
        }
        Ok(())
    }
    fn take(&mut self, _: OutputId, _: &Batch, _: &[u32]) -> Result<(), OutputError> {
        Ok(())
    }
    fn with_columns(
        &mut self,
        _: OutputId,
        _: &Batch,
        _: Vec<(String, ArrayRef)>,
    ) -> Result<(), OutputError> {
        Ok(())
    }
    fn route(&mut self, _: &[OutputId], _: &Batch, _: &[u16]) -> Result<(), OutputError> {
        Ok(())
    }
}
