//! From what wasmtime reports to whose fault it was.

use wasmtime::{Trap, WasmBacktrace};

use crate::error::RunError;
use crate::memory::Refused;
use crate::state::TaskState;

/// Explains why a call into a module did not return.
///
/// Host functions end a run with a `RunError`, which comes back as it is. Everything else happened in the module
/// or at its border (a handle that was dropped, a string that is no UTF-8): the module's fault.
pub(super) fn explain(error: wasmtime::Error, state: &mut TaskState) -> RunError {
    let error = match error.downcast::<RunError>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    if matches!(error.downcast_ref::<Trap>(), Some(Trap::Interrupt)) {
        return RunError::Deadline;
    }
    if let Some(refusal) = refusal(&error, state) {
        return refusal;
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string).unwrap_or_default();
    let machine = error.root_cause().to_string();
    let message = match state.log.last_error() {
        Some(words) => format!("{words} ({machine})"),
        None => machine,
    };
    RunError::Trap { message: state.cut(message), backtrace: state.cut(backtrace) }
}

/// A limit that was hit in this call and that a module seldom survives.
fn refusal(error: &wasmtime::Error, state: &TaskState) -> Option<RunError> {
    let limits = &state.run.limits;
    match state.limiter.refused {
        Some(Refused::Memory) => return Some(RunError::Memory { limit: state.run.memory.limit() }),
        Some(Refused::TableElements) => {
            return Some(RunError::Limit { what: "table elements", limit: limits.table_elements });
        }
        None => (),
    }
    let text = error.root_cause().to_string();
    let limit = |what, limit: usize| Some(RunError::Limit { what, limit: limit as u64 });
    match text.as_str() {
        text if text.contains("fuel allocated for hostcalls") => {
            limit("bytes handed to the host in one call", limits.host_call_bytes)
        }
        text if text.contains("resource limit exceeded: instance") => {
            limit("core instances", limits.core_instances)
        }
        text if text.contains("resource limit exceeded: table") => limit("tables", limits.tables),
        text if text.contains("resource limit exceeded: memory") => limit("memories", limits.memories),
        text if text.contains("handle limit exceeded") => limit("open handles", limits.handles),
        _ => None,
    }
}
