//! How a call into a module is made: with a batch in hand, its answer checked for failure.

use std::sync::Arc;

use millrace_data::batch::Batch;
use wasmtime::component::Resource;

use crate::bindings::api::millrace::processor::types::Error;
use crate::error::RunError;
use crate::state::{HostBatch, Phase};

use super::{Instance, Work, failure};

/// What a generated call returns: the machine's failure outside, the module's inside.
pub(super) type Called<T> = wasmtime::Result<Result<T, Error>>;

impl Instance {
    /// Takes a call's answer apart; any failure leaves the instance spent.
    pub(super) fn settle<T>(&mut self, called: Called<T>) -> Result<T, RunError> {
        self.store.data_mut().in_hand = None;
        let error = match called {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => RunError::Module(self.store.data().module_error(error)),
            Err(error) => failure::explain(error, self.store.data_mut()),
        };
        self.work = Work::Spent;
        Err(error)
    }

    /// Fails the instance for breaking the contract.
    pub(super) fn broken<T>(&mut self, message: impl Into<String>) -> Result<T, RunError> {
        self.work = Work::Spent;
        Err(RunError::Protocol(message.into()))
    }

    /// Fails the instance for a limit that it went over.
    pub(super) fn over<T>(&mut self, what: &'static str, limit: u64) -> Result<T, RunError> {
        self.work = Work::Spent;
        Err(RunError::Limit { what, limit })
    }

    /// Lends a batch to the module for one call.
    pub(super) fn lend(&mut self, phase: Phase, batch: &Arc<Batch>) -> Result<Lent, RunError> {
        self.begin(phase);
        let state = self.store.data_mut();
        state.bad_rows.clear();
        state.in_hand = Some(batch.rows());
        let lent = state.give(HostBatch { batch: Arc::clone(batch), _charge: None });
        let own = lent.map_err(|error| failure::explain(error, self.store.data_mut()))?;
        Ok(Lent(own))
    }

    /// Takes a lent batch back.
    pub(super) fn take_back(&mut self, lent: Lent) {
        // After a crash the table is not looked at again.
        let _ = self.store.data_mut().table.delete(lent.0);
    }
}

/// A batch that the module may use until the call is over.
pub(super) struct Lent(Resource<HostBatch>);

impl Lent {
    pub(super) fn borrow(&self) -> Resource<HostBatch> {
        Resource::new_borrow(self.0.rep())
    }
}

/// A call that the runner should not have made.
pub(super) fn out_of_order(what: &str) -> RunError {
    RunError::Host(format!("{what}: the instance was not opened for it, or is spent"))
}
