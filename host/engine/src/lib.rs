//! The only crate that knows wasmtime: it inspects, compiles and runs processor modules.
//!
//! - [`inspect`] reads what a module says of itself; [`compile()`] makes native code of it, in a worker process.
//! - [`Module`] is compiled code, [`Instance`] one task of it, [`RunContext`] what that task sees.
//! - [`RunError`] says what went wrong and whose fault it was.
//! - [`kernels`] are the contract's dense kernels, usable without any module.
//!
//! It knows nothing of Kubernetes, of where rows come from or where outputs go: batches and the
//! [`Outputs`](millrace_data::outputs::Outputs) that take them belong to `millrace-data`.
mod bindings;
mod compile;
mod config;
mod descriptor;
mod error;
mod host;
mod inspect;
mod instance;
pub mod kernels;
mod lift;
mod limits;
mod log;
mod lower;
mod memory;
mod module;
mod names;
mod precheck;
#[cfg(test)]
mod roundtrip;
mod run;
mod schema;
mod state;

pub use compile::{CompileError, cache_key, compile, digest, processor_features};
pub use descriptor::{Descriptor, ElementType, Guarantee, Port, PortField, PortSchema, Trait};
pub use error::{Fault, ModuleError, RunError};
pub use inspect::{InspectError, ModuleInfo, inspect};
pub use instance::Instance;
pub use limits::{CompileLimits, Limits};
pub use log::{Level, Line, Log};
pub use memory::MemoryBudget;
pub use module::{LoadError, Module};
pub use precheck::{Refusal, World};
pub use run::{Batches, Observer, RunContext, RunPlan, Shard, SideInput, SideTable};
