//! One instance of a module at work on one task.
//!
//! An instance does one thing: it plans, or it is opened once as aggregator, splitter or transformer
//! and used to the end. The order of calls is kept here; a call out of order is the host's own mistake. After an error
//! the instance is spent.

mod calls;
mod failure;
mod work;

use std::collections::BTreeMap;

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::config;
use crate::error::RunError;
use crate::log::Log;
use crate::module::{Exports, Module};
use crate::run::RunContext;
use crate::state::{Phase, TaskState};

/// An instance of a module, in a store of its own.
pub struct Instance {
    store: Store<TaskState>,
    instance: wasmtime::component::Instance,
    exports: Exports,
    work: Work,
}

/// What the instance has been made to do.
enum Work {
    /// Nothing yet, or a plan.
    Idle,
    Aggregate(crate::bindings::aggregator::OnlyAggregator, ResourceAny),
    Split(crate::bindings::splitter::OnlySplitter, ResourceAny, Vec<String>),
    Transform(crate::bindings::transformer::OnlyTransformer, ResourceAny),
    /// Finished or failed.
    Spent,
}

impl Instance {
    pub(crate) fn new(module: &Module, run: RunContext) -> Result<Self, RunError> {
        let engine = config::runner().map_err(RunError::Host)?;
        let (host_call_bytes, handles) = (run.limits.host_call_bytes, run.limits.handles);
        let mut store = Store::new(engine, TaskState::new(run));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(host_call_bytes);
        store.set_max_component_handles(handles);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(TaskState::on_epoch);
        let instance = match module.pre.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Err(failure::explain(error, store.data_mut())),
        };
        Ok(Self { store, instance, exports: module.exports.clone(), work: Work::Idle })
    }

    /// The bad rows of the batch that was last handed in: row (from 0) and reason, ascending.
    pub fn take_bad_rows(&mut self) -> Vec<(u32, String)> {
        std::mem::take(&mut self.store.data_mut().bad_rows).into_iter().collect()
    }

    /// What the module counted.
    #[must_use]
    pub fn counters(&self) -> &BTreeMap<String, u64> {
        &self.store.data().counters
    }

    /// What the module logged.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.store.data().log
    }

    /// What the module last said of its progress: 0 to 1, and words.
    #[must_use]
    pub fn progress(&self) -> Option<&(f64, String)> {
        self.store.data().progress.as_ref()
    }

    /// The run's outputs, back from the instance; a transformer cannot go on without them.
    pub fn take_outputs(&mut self) -> Option<Box<dyn millrace_data::outputs::Outputs>> {
        self.store.data_mut().run.outputs.take()
    }

    fn begin(&mut self, phase: Phase) {
        let state = self.store.data_mut();
        state.phase = phase;
        state.limiter.refused = None;
    }
}
