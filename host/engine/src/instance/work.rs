//! The calls of each interface: plan, aggregator, splitter, transformer.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use millrace_data::batch::Batch;
use millrace_data::outputs::{BAD, DROP};

use crate::bindings::aggregator::OnlyAggregator;
use crate::bindings::descriptor::OnlyDescriptor;
use crate::bindings::descriptor::exports::millrace::processor::descriptor::RunPlan as WitPlan;
use crate::bindings::splitter::OnlySplitter;
use crate::bindings::transformer::OnlyTransformer;
use crate::error::RunError;
use crate::names;
use crate::run::RunPlan;
use crate::schema::{from_module, to_module};
use crate::state::Phase;

use super::calls::out_of_order;
use super::{Instance, Work, failure};

/// Fails the instance if a piece of linking goes wrong.
macro_rules! bound {
    ($self:ident, $interface:ident, $indices:expr) => {{
        let indices = $indices.ok_or_else(|| out_of_order(stringify!($interface)))?;
        match indices.load(&mut $self.store, &$self.instance) {
            Ok(bound) => bound,
            Err(error) => return Err(failure::explain(error, $self.store.data_mut())),
        }
    }};
}

impl Instance {
    /// Asks for the run's plan.
    ///
    /// # Errors
    /// The module refuses the parameters or inputs, fails, or answers with something impossible.
    pub fn plan(&mut self, params: &str, inputs: &[(String, SchemaRef)]) -> Result<RunPlan, RunError> {
        if !matches!(self.work, Work::Idle) {
            return Err(out_of_order("plan"));
        }
        self.begin(Phase::Plan);
        params.clone_into(&mut self.store.data_mut().run.params);
        let given: Vec<_> = inputs.iter().map(|(port, schema)| (port.clone(), to_module(schema))).collect();
        let bound: OnlyDescriptor = bound!(self, descriptor, Some(&self.exports.descriptor));
        let called = bound.millrace_processor_descriptor().call_plan(&mut self.store, params, &given);
        let plan = self.settle(called)?;
        self.read_plan(plan, inputs)
    }

    fn read_plan(&mut self, plan: WitPlan, inputs: &[(String, SchemaRef)]) -> Result<RunPlan, RunError> {
        let known: Vec<_> = inputs.iter().map(|(_, schema)| Arc::clone(schema)).collect();
        let mut outputs: Vec<(String, SchemaRef)> = Vec::with_capacity(plan.outputs.len());
        for (name, schema) in &plan.outputs {
            if let Err(fault) = self.check_output_name(name, outputs.iter().map(|(name, _)| name)) {
                return self.broken(format!("plan: {fault}"));
            }
            match from_module(schema, &known) {
                Ok(schema) => outputs.push((name.clone(), schema)),
                Err(fault) => return self.broken(format!("plan: output {name:?}: {fault}")),
            }
        }
        Ok(RunPlan { outputs, columns: plan.columns, fit: plan.fit, prior: plan.prior })
    }

    fn check_output_name<'a>(
        &self,
        name: &str,
        mut before: impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        names::check("output", name, &self.store.data().run.limits)?;
        if before.any(|before| before == name) {
            return Err(format!("two outputs are called {name:?}"));
        }
        Ok(())
    }

    /// Opens an empty state.
    ///
    /// # Errors
    /// The module has no aggregator or fails.
    pub fn open_aggregator(&mut self) -> Result<(), RunError> {
        let bound = self.bind_aggregator()?;
        let called = bound.millrace_processor_aggregator().state().call_open(&mut self.store);
        let state = self.settle(called)?;
        self.work = Work::Aggregate(bound, state);
        Ok(())
    }

    /// Opens the state that a partial holds.
    ///
    /// # Errors
    /// The module has no aggregator, does not know the bytes, or fails.
    pub fn restore_aggregator(&mut self, partial: &[u8]) -> Result<(), RunError> {
        let bound = self.bind_aggregator()?;
        let called = bound.millrace_processor_aggregator().state().call_restore(&mut self.store, partial);
        let state = self.settle(called)?;
        self.work = Work::Aggregate(bound, state);
        Ok(())
    }

    fn bind_aggregator(&mut self) -> Result<OnlyAggregator, RunError> {
        if !matches!(self.work, Work::Idle) {
            return Err(out_of_order("open an aggregator"));
        }
        self.begin(Phase::Aggregate);
        Ok(bound!(self, aggregator, self.exports.aggregator.as_ref()))
    }

    /// Adds a batch to the state.
    ///
    /// # Errors
    /// The module fails.
    pub fn update(&mut self, batch: &Arc<Batch>) -> Result<(), RunError> {
        let lent = self.lend(Phase::Aggregate, batch)?;
        let Work::Aggregate(bound, state) = &self.work else { return Err(out_of_order("update")) };
        let called =
            bound.millrace_processor_aggregator().state().call_update(&mut self.store, *state, lent.borrow());
        self.take_back(lent);
        self.settle(called)
    }

    /// Adds another state.
    ///
    /// # Errors
    /// The module does not know the bytes, or fails.
    pub fn merge(&mut self, partial: &[u8]) -> Result<(), RunError> {
        self.begin(Phase::Aggregate);
        let Work::Aggregate(bound, state) = &self.work else { return Err(out_of_order("merge")) };
        let called =
            bound.millrace_processor_aggregator().state().call_merge(&mut self.store, *state, partial);
        self.settle(called)
    }

    /// The state as bytes.
    ///
    /// # Errors
    /// The module fails, or the state is too large.
    pub fn partial(&mut self) -> Result<Vec<u8>, RunError> {
        self.begin(Phase::Aggregate);
        let Work::Aggregate(bound, state) = &self.work else { return Err(out_of_order("partial")) };
        let called = bound.millrace_processor_aggregator().state().call_partial(&mut self.store, *state);
        let partial = self.settle(called)?;
        let limit = self.store.data().run.limits.state_bytes;
        if partial.len() as u64 > limit { self.over("state bytes", limit) } else { Ok(partial) }
    }

    /// The model or result of the state: files by name. The instance is spent.
    ///
    /// # Errors
    /// The module fails, the files are too large, or a name is not allowed.
    pub fn finalize(&mut self) -> Result<Vec<(String, Bytes)>, RunError> {
        self.begin(Phase::Aggregate);
        let Work::Aggregate(bound, state) = &self.work else { return Err(out_of_order("finalize")) };
        let called = bound.millrace_processor_aggregator().state().call_finalize(&mut self.store, *state);
        let files = self.settle(called)?;
        self.work = Work::Spent;
        self.check_files(&files)?;
        Ok(files.into_iter().map(|(name, bytes)| (name, bytes.into())).collect())
    }

    fn check_files(&mut self, files: &[(String, Vec<u8>)]) -> Result<(), RunError> {
        let limits = self.store.data().run.limits.clone();
        let bytes: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        if bytes > limits.state_bytes {
            return self.over("bytes of the final state", limits.state_bytes);
        }
        let mut seen = std::collections::BTreeSet::new();
        for (name, _) in files {
            if let Err(fault) = names::check("file", name, &limits) {
                return self.broken(format!("finalize: {fault}"));
            }
            if !seen.insert(name) {
                return self.broken(format!("finalize: two files are called {name:?}"));
            }
        }
        Ok(())
    }

    /// Opens the splitter; returns the names of its outputs, which assignments index.
    ///
    /// # Errors
    /// The module has no splitter or fails, or a name is not allowed.
    pub fn open_splitter(&mut self) -> Result<Vec<String>, RunError> {
        if !matches!(self.work, Work::Idle) {
            return Err(out_of_order("open a splitter"));
        }
        self.begin(Phase::Split);
        let bound: OnlySplitter = bound!(self, splitter, self.exports.splitter.as_ref());
        let called = bound.millrace_processor_splitter().task().call_open(&mut self.store);
        let task = self.settle(called)?;
        let called = bound.millrace_processor_splitter().task().call_outputs(&mut self.store, task);
        let outputs = self.settle(called)?;
        self.check_outputs(&outputs)?;
        self.work = Work::Split(bound, task, outputs.clone());
        Ok(outputs)
    }

    fn check_outputs(&mut self, outputs: &[String]) -> Result<(), RunError> {
        let limit = self.store.data().run.limits.outputs;
        if outputs.len() > limit {
            self.work = Work::Spent;
            return Err(RunError::OutputLimit { what: "outputs", limit: limit as u64 });
        }
        let mut seen = std::collections::BTreeSet::new();
        for name in outputs {
            if let Err(fault) = names::check("output", name, &self.store.data().run.limits) {
                return self.broken(format!("outputs: {fault}"));
            }
            if !seen.insert(name) {
                return self.broken(format!("outputs: two are called {name:?}"));
            }
        }
        Ok(())
    }

    /// One target per row: an index into the outputs, [`DROP`], or [`BAD`]. Every row that the
    /// module called bad is [`BAD`], and every [`BAD`] row stands in [`Instance::take_bad_rows`].
    ///
    /// # Errors
    /// The module fails, or its answer has another length or an index beyond its outputs.
    pub fn assign(&mut self, batch: &Arc<Batch>) -> Result<Vec<u16>, RunError> {
        let lent = self.lend(Phase::Split, batch)?;
        let Work::Split(bound, task, outputs) = &self.work else { return Err(out_of_order("assign")) };
        let outputs = outputs.len();
        let called =
            bound.millrace_processor_splitter().task().call_assign(&mut self.store, *task, lent.borrow());
        self.take_back(lent);
        let answer = self.settle(called)?;
        match targets(&answer, batch.rows(), outputs) {
            Ok(targets) => Ok(self.mark_bad(targets)),
            Err(fault) => self.broken(format!("assign: {fault}")),
        }
    }

    fn mark_bad(&mut self, mut targets: Vec<u16>) -> Vec<u16> {
        let bad_rows = &mut self.store.data_mut().bad_rows;
        for (row, _) in (0_u32..).zip(&targets).filter(|(_, target)| **target == BAD) {
            bad_rows.entry(row).or_insert_with(|| "the module gave no reason".to_owned());
        }
        for row in bad_rows.keys() {
            if let Some(target) = targets.get_mut(*row as usize) {
                *target = BAD;
            }
        }
        targets
    }

    /// Opens the transformer.
    ///
    /// # Errors
    /// The module has no transformer or fails.
    pub fn open_transformer(&mut self) -> Result<(), RunError> {
        if !matches!(self.work, Work::Idle) {
            return Err(out_of_order("open a transformer"));
        }
        self.begin(Phase::Transform);
        let bound: OnlyTransformer = bound!(self, transformer, self.exports.transformer.as_ref());
        let called = bound.millrace_processor_transformer().task().call_open(&mut self.store);
        let task = self.settle(called)?;
        self.work = Work::Transform(bound, task);
        Ok(())
    }

    /// Hands a batch to the transformer, which writes to the outputs.
    ///
    /// # Errors
    /// The module fails, or an output does.
    pub fn process(&mut self, batch: &Arc<Batch>) -> Result<(), RunError> {
        let lent = self.lend(Phase::Transform, batch)?;
        let Work::Transform(bound, task) = &self.work else { return Err(out_of_order("process")) };
        let called =
            bound.millrace_processor_transformer().task().call_process(&mut self.store, *task, lent.borrow());
        self.take_back(lent);
        self.settle(called)
    }

    /// Says that no batch follows. The instance is spent.
    ///
    /// # Errors
    /// The module fails, or an output does.
    pub fn finish(&mut self) -> Result<(), RunError> {
        self.begin(Phase::Transform);
        let Work::Transform(bound, task) = &self.work else { return Err(out_of_order("finish")) };
        let called = bound.millrace_processor_transformer().task().call_finish(&mut self.store, *task);
        self.settle(called)?;
        self.work = Work::Spent;
        Ok(())
    }
}

/// A splitter's bytes as targets.
fn targets(answer: &[u8], rows: usize, outputs: usize) -> Result<Vec<u16>, String> {
    let (pairs, rest) = answer.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != rows {
        return Err(format!("{} bytes for {rows} rows, two a row are wanted", answer.len()));
    }
    let targets: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    let allowed = |target: u16| usize::from(target) < outputs || target == DROP || target == BAD;
    match targets.iter().position(|target| !allowed(*target)) {
        Some(row) => {
            let target = targets.get(row).copied().unwrap_or_default();
            Err(format!("row {row} goes to output {target}, but there are {outputs}"))
        }
        None => Ok(targets),
    }
}
