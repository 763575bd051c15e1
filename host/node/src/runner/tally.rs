//! What goes to each output of a shard, as the host sees it: rows per class, keys, bad rows.
//!
//! It stands between the module and the writer, so that what a module promises of its outputs is
//! checked on the rows that are really written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use millrace_crds::Reason;
use millrace_crds::data_processing::OnBadRow;
use millrace_crds::reason::Fault;
use millrace_data::batch::{BadRow, Batch};
use millrace_data::manifest::{ColumnSummary, PublishedFile};
use millrace_data::outputs::{OutputError, OutputId, Outputs};
use millrace_data::write::{Part, ShardWriter};
use millrace_engine::Guarantee;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::batches::BadRows;
use super::classes::Classes;
use super::keys::{Keys, Overlap};
use super::quarantine::Quarantine;
use super::spec::RunSpec;
use crate::failure::Failure;

/// What one shard came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ShardResult {
    pub(crate) shard: u32,
    pub(crate) parts: Vec<Part>,
    /// Every output's columns, those without rows included.
    pub(crate) outputs: BTreeMap<String, Vec<ColumnSummary>>,
    /// Class → output → rows; `None` where nobody asks, or where there were too many classes.
    pub(crate) classes: Option<BTreeMap<String, BTreeMap<String, u64>>>,
    pub(crate) bad_rows: u64,
    pub(crate) quarantine: Option<PublishedFile>,
}

/// The columns that a parameter names: a text or a list of texts.
pub(crate) fn named_columns(params: &Value, parameter: &str) -> Vec<String> {
    match params.get(parameter) {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Every column that is watched.
pub(super) fn watched_columns(spec: &RunSpec) -> Vec<String> {
    let params = serde_json::from_str(&spec.params).unwrap_or_default();
    let columns = |guarantee: &Guarantee| match guarantee {
        Guarantee::DisjointBy(parameter) | Guarantee::MinRowsPerClass(parameter, _) => {
            named_columns(&params, parameter)
        }
        Guarantee::MinRowsPerOutput(_) | Guarantee::ExactSizes(_) => Vec::new(),
    };
    spec.guarantees.iter().flat_map(columns).collect()
}

/// The outputs of a shard and what went to them.
pub(super) struct Tally {
    shard: u32,
    writer: ShardWriter,
    outputs: BTreeMap<String, Vec<ColumnSummary>>,
    names: Vec<String>,
    classes: Option<Classes>,
    keys: Vec<Keys>,
    bad_rows: u64,
    quarantine: Option<Quarantine>,
    broken: Option<Failure>,
}

impl Tally {
    pub(super) fn new(
        spec: &RunSpec,
        shard: u32,
        writer: ShardWriter,
        schema: &SchemaRef,
        names: &[String],
        before: Option<Vec<Keys>>,
    ) -> Result<Self, Failure> {
        let params: Value =
            serde_json::from_str(&spec.params).map_err(|error| Failure::internal(error.to_string()))?;
        let known = |columns: Vec<String>| {
            (!columns.is_empty() && columns.iter().all(|name| schema.index_of(name).is_ok()))
                .then_some(columns)
        };
        let fresh = before.is_none();
        let (mut classes, mut keys) = (None, before.unwrap_or_default());
        for guarantee in &spec.guarantees {
            match guarantee {
                Guarantee::MinRowsPerClass(columns, number) => {
                    let wanted = params.get(number).and_then(Value::as_u64).unwrap_or(0) > 0;
                    classes =
                        known(named_columns(&params, columns)).map(|columns| Classes::new(columns, wanted));
                }
                Guarantee::DisjointBy(column) if fresh => {
                    keys.extend(known(named_columns(&params, column)).map(Keys::new))
                }
                Guarantee::DisjointBy(_) | Guarantee::MinRowsPerOutput(_) | Guarantee::ExactSizes(_) => {}
            }
        }
        let quarantine =
            (spec.on_bad_row == OnBadRow::Quarantine).then(|| Quarantine::new(&spec.parts, shard));
        let columns = if spec.splits { summary(schema) } else { Vec::new() };
        let outputs = names.iter().map(|name| (name.clone(), columns.clone())).collect();
        Ok(Self {
            shard,
            writer,
            outputs,
            names: Vec::new(),
            classes,
            keys,
            bad_rows: 0,
            quarantine,
            broken: None,
        })
    }

    fn is_watching(&self) -> bool {
        self.classes.is_some() || !self.keys.is_empty()
    }

    /// Looks at rows before they are written: `target` says where row i goes.
    fn watch(
        &mut self,
        columns: &RecordBatch,
        target: impl Fn(usize) -> Option<OutputId>,
    ) -> Result<(), OutputError> {
        let internal = |error: arrow::error::ArrowError| OutputError::Unsuitable(error.to_string());
        if let Some(classes) = &mut self.classes {
            classes.count(columns, &target).map_err(internal)?;
            if classes.is_beyond() {
                self.classes = None;
            }
        }
        for keys in &mut self.keys {
            let Some(overlap) = keys.meet(columns, &target).map_err(internal)? else { continue };
            let Overlap { row, first, second } = overlap;
            let (value, columns) = (keys.text(columns, row), keys.columns());
            let message = format!(
                "{columns} {value} in {first} and {second}: the module promises that no value is in two outputs"
            );
            self.broken = Some(Failure::new(Reason::GuaranteeBroken, Fault::Module, message.clone()));
            return Err(OutputError::Protocol(message));
        }
        Ok(())
    }

    fn saw_schema(&mut self, output: OutputId, schema: &Schema) {
        let Some(name) = self.names.get(output.0 as usize) else { return };
        let known = self.outputs.entry(name.clone()).or_default();
        if known.is_empty() {
            *known = summary(schema);
        }
    }

    /// The broken promise that a failure to write came from.
    pub(super) fn take_broken(&mut self) -> Option<Failure> {
        self.broken.take()
    }

    /// Ends the shard's parts. What was seen of the keys is for the next shard.
    pub(super) fn finish(self) -> Result<(ShardResult, Vec<Keys>), Failure> {
        let result = ShardResult {
            shard: self.shard,
            parts: self.writer.finish()?,
            outputs: self.outputs,
            classes: self.classes.map(|classes| classes.table(&self.names)),
            bad_rows: self.bad_rows,
            quarantine: self.quarantine.map(Quarantine::finish).transpose()?.flatten(),
        };
        Ok((result, self.keys))
    }
}

/// Columns for the manifest.
fn summary(schema: &Schema) -> Vec<ColumnSummary> {
    let column = |field: &Arc<arrow::datatypes::Field>| ColumnSummary {
        name: field.name().clone(),
        data_type: field.data_type().to_string(),
    };
    schema.fields().iter().map(column).collect()
}

impl Outputs for Tally {
    fn open(&mut self, name: &str) -> Result<OutputId, OutputError> {
        let id = self.writer.open(name)?;
        let place = id.0 as usize;
        if self.names.len() <= place {
            self.names.resize(place + 1, String::new());
        }
        if let Some(own) = self.names.get_mut(place) {
            name.clone_into(own);
        }
        self.keys.iter_mut().for_each(|keys| keys.opened(id, name));
        self.outputs.entry(name.to_owned()).or_default();
        Ok(id)
    }

    fn write(&mut self, output: OutputId, rows: RecordBatch) -> Result<(), OutputError> {
        self.saw_schema(output, rows.schema_ref());
        if self.is_watching() {
            self.watch(&rows, |_| Some(output))?;
        }
        self.writer.write(output, rows)
    }

    fn forward(&mut self, output: OutputId, source: &Batch) -> Result<(), OutputError> {
        if self.is_watching() {
            self.watch(&source.columns, |_| Some(output))?;
        }
        self.writer.forward(output, source)
    }

    fn take(&mut self, output: OutputId, source: &Batch, rows: &[u32]) -> Result<(), OutputError> {
        if self.is_watching() {
            let taken: std::collections::HashSet<u32> = rows.iter().copied().collect();
            self.watch(&source.columns, |row| {
                u32::try_from(row).ok().filter(|row| taken.contains(row)).map(|_| output)
            })?;
        }
        self.writer.take(output, source, rows)
    }

    fn with_columns(
        &mut self,
        output: OutputId,
        source: &Batch,
        columns: Vec<(String, ArrayRef)>,
    ) -> Result<(), OutputError> {
        if self.is_watching() {
            self.watch(&source.columns, |_| Some(output))?;
        }
        self.writer.with_columns(output, source, columns)
    }

    fn route(&mut self, targets: &[OutputId], source: &Batch, assignment: &[u16]) -> Result<(), OutputError> {
        if self.is_watching() {
            self.watch(&source.columns, |row| {
                assignment.get(row).and_then(|target| targets.get(usize::from(*target))).copied()
            })?;
        }
        self.writer.route(targets, source, assignment)
    }
}

/// A transformer's hold on the outputs; the stage keeps the other.
pub(super) struct SharedTally(pub(super) Arc<Mutex<Tally>>);

impl Outputs for SharedTally {
    fn open(&mut self, name: &str) -> Result<OutputId, OutputError> {
        super::stage_apply::locked(&self.0).open(name)
    }
    fn write(&mut self, output: OutputId, rows: RecordBatch) -> Result<(), OutputError> {
        super::stage_apply::locked(&self.0).write(output, rows)
    }
    fn forward(&mut self, output: OutputId, source: &Batch) -> Result<(), OutputError> {
        super::stage_apply::locked(&self.0).forward(output, source)
    }
    fn take(&mut self, output: OutputId, source: &Batch, rows: &[u32]) -> Result<(), OutputError> {
        super::stage_apply::locked(&self.0).take(output, source, rows)
    }
    fn with_columns(
        &mut self,
        output: OutputId,
        source: &Batch,
        columns: Vec<(String, ArrayRef)>,
    ) -> Result<(), OutputError> {
        super::stage_apply::locked(&self.0).with_columns(output, source, columns)
    }
    fn route(&mut self, targets: &[OutputId], source: &Batch, assignment: &[u16]) -> Result<(), OutputError> {
        super::stage_apply::locked(&self.0).route(targets, source, assignment)
    }
}

impl BadRows for &Mutex<Tally> {
    fn take(&mut self, row: BadRow) -> Result<(), Failure> {
        let mut tally = super::stage_apply::locked(self);
        tally.bad_rows += 1;
        match &mut tally.quarantine {
            Some(quarantine) => quarantine.push(&row),
            None => Ok(()),
        }
    }
}
