//! What a store holds for its instance: handles, limits, what was said and counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use millrace_data::batch::Batch;
use millrace_data::outputs::{OutputId, Outputs};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{Error, StoreContextMut, UpdateDeadline};

use crate::error::{ModuleError, RunError};
use crate::log::{Log, cut};
use crate::memory::{Charge, Limiter};
use crate::names;
use crate::run::{Batches, RunContext, SideInput};

/// A batch that the module has a handle to. `charge` is there for those the module asked for itself.
pub struct HostBatch {
    pub(crate) batch: Arc<Batch>,
    pub(crate) _charge: Option<Charge>,
}

/// An output that the module has a handle to.
pub struct HostOutput {
    pub(crate) id: OutputId,
    pub(crate) name: String,
}

/// A side table that the module has a handle to.
pub struct HostTable {
    pub(crate) name: String,
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Batches,
}

/// Bytes that the module has a handle to.
pub struct HostBlob(pub(crate) SideInput);

/// What the module is doing, which decides what it may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Instantiation: constructors of the language's runtime.
    Start,
    Plan,
    Aggregate,
    Split,
    Transform,
}

/// The data of a store.
pub(crate) struct TaskState {
    pub(crate) table: ResourceTable,
    pub(crate) run: RunContext,
    pub(crate) limiter: Limiter,
    pub(crate) phase: Phase,
    pub(crate) log: Log,
    pub(crate) counters: BTreeMap<String, u64>,
    pub(crate) progress: Option<(f64, String)>,
    /// Outputs that were opened, and their schemas: none until the plan, the opening or the first rows say it.
    pub(crate) opened: BTreeMap<String, Option<SchemaRef>>,
    /// Rows of the batch in hand; none between batches.
    pub(crate) in_hand: Option<usize>,
    pub(crate) bad_rows: BTreeMap<u32, String>,
    cancel_seen: Option<Instant>,
}

/// A host function's answer; the outer error ends the run.
pub(crate) type Answer<T> = wasmtime::Result<T>;

/// Ends the run: the module broke the contract.
pub(crate) fn protocol(message: impl Into<String>) -> Error {
    RunError::Protocol(message.into()).into()
}

impl TaskState {
    pub(crate) fn new(run: RunContext) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(run.limits.handles);
        Self {
            table,
            limiter: Limiter::new(&run.memory, &run.limits),
            phase: Phase::Start,
            log: Log::new(run.limits.log_bytes),
            counters: BTreeMap::new(),
            progress: None,
            opened: BTreeMap::new(),
            in_hand: None,
            bad_rows: BTreeMap::new(),
            cancel_seen: None,
            run,
        }
    }

    /// Gives the module a handle, if it has not too many.
    pub(crate) fn give<T: Send + 'static>(&mut self, thing: T) -> Answer<Resource<T>> {
        let limit = self.run.limits.handles as u64;
        self.table.push(thing).map_err(|_| RunError::Limit { what: "open handles", limit }.into())
    }

    /// Charges `bytes` of host memory to the module.
    pub(crate) fn charge(&self, bytes: u64) -> Answer<Charge> {
        self.run
            .memory
            .charge(bytes)
            .ok_or_else(|| RunError::Memory { limit: self.run.memory.limit() }.into())
    }

    /// Fails when the run's time is up; called by the epoch and before every long host function.
    pub(crate) fn check_time(&mut self) -> Result<(), RunError> {
        let now = Instant::now();
        if now >= self.run.deadline {
            return Err(RunError::Deadline);
        }
        if self.run.cancelled.load(Ordering::Relaxed) {
            let seen = *self.cancel_seen.get_or_insert(now);
            if now.duration_since(seen) >= self.run.limits.cancel_grace {
                return Err(RunError::Cancelled);
            }
        }
        Ok(())
    }

    /// Called by wasmtime when the epoch has moved on while the module runs.
    pub(crate) fn on_epoch(mut store: StoreContextMut<'_, Self>) -> wasmtime::Result<UpdateDeadline> {
        store.data_mut().check_time()?;
        Ok(UpdateDeadline::Continue(1))
    }

    /// Cuts a module's message to the limit.
    pub(crate) fn cut(&self, text: String) -> String {
        cut(text, self.run.limits.message_bytes)
    }

    /// Notes that a row of the batch in hand is bad; the first reason stays.
    pub(crate) fn note_bad_row(&mut self, row: u32, message: String) -> Answer<()> {
        match self.in_hand {
            Some(rows) if (row as usize) < rows => (),
            Some(rows) => return Err(protocol(format!("bad-row: row {row}, but the batch has {rows}"))),
            None => return Err(protocol("bad-row: no batch is in hand")),
        }
        let message = self.cut(message);
        self.bad_rows.entry(row).or_insert(message);
        Ok(())
    }

    /// The outputs, where the phase allows writing.
    pub(crate) fn outputs(&mut self) -> Answer<&mut (dyn Outputs + 'static)> {
        self.check_time()?;
        match (self.phase, &mut self.run.outputs) {
            (Phase::Transform, Some(outputs)) => Ok(outputs.as_mut()),
            (Phase::Transform, None) => {
                Err(RunError::Host("a transformer was run without outputs".to_owned()).into())
            }
            _ => Err(protocol("only a transformer writes to outputs")),
        }
    }

    /// Opens an output, or finds again the one of that name.
    pub(crate) fn open_output(&mut self, name: &str, schema: Option<SchemaRef>) -> Answer<OutputId> {
        // That a splitter may not write at all comes before what is wrong with the name.
        self.outputs()?;
        names::check("output", name, &self.run.limits).map_err(protocol)?;
        let limit = self.run.limits.outputs;
        if !self.opened.contains_key(name) && self.opened.len() >= limit {
            return Err(RunError::OutputLimit { what: "outputs", limit: limit as u64 }.into());
        }
        let planned = self.planned_schema(name)?;
        let schema = match (planned, schema) {
            (Some(planned), Some(given)) if !planned.fields().is_empty() && planned != given => {
                return Err(protocol(format!(
                    "output {name:?}: opened with another schema than the plan gave"
                )));
            }
            (planned, given) => given.or_else(|| planned.filter(|schema| !schema.fields().is_empty())),
        };
        let id = self.outputs()?.open(name).map_err(RunError::from)?;
        let known = self.opened.entry(name.to_owned()).or_default();
        match (&known, schema) {
            (Some(before), Some(given)) if *before != given => {
                Err(protocol(format!("output {name:?}: opened again with another schema")))
            }
            (None, given) => {
                *known = given;
                Ok(id)
            }
            _ => Ok(id),
        }
    }

    /// The plan's schema of an output; where the plan names outputs, others are not allowed.
    fn planned_schema(&self, name: &str) -> Answer<Option<SchemaRef>> {
        let planned = self.run.planned.iter().find(|(planned, _)| planned == name);
        match planned {
            Some((_, schema)) => Ok(Some(Arc::clone(schema))),
            None if self.run.planned.is_empty() => Ok(None),
            None => Err(protocol(format!("output {name:?} is not in the plan"))),
        }
    }

    /// A module's reported error, its text cut.
    pub(crate) fn module_error(
        &self,
        error: crate::bindings::api::millrace::processor::types::Error,
    ) -> ModuleError {
        use crate::bindings::api::millrace::processor::types::Error;
        match error {
            Error::InvalidParams(list) => {
                let list = list.into_iter().take(100).map(|(at, message)| (self.cut(at), self.cut(message)));
                ModuleError::InvalidParams(list.collect())
            }
            Error::InvalidInput(message) => ModuleError::InvalidInput(self.cut(message)),
            Error::Denied(message) => ModuleError::Denied(self.cut(message)),
            Error::Transient(message) => ModuleError::Transient(self.cut(message)),
            Error::Cancelled => ModuleError::Cancelled,
            Error::Internal(message) => ModuleError::Internal(self.cut(message)),
        }
    }
}
