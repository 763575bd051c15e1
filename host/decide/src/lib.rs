//! Pure decisions: from what is asked for and what is seen to the next step, as data.
//!
//! Nothing here reads a clock, draws a random number, or touches disk or network; the time is an
//! argument. Applying a decision twice is applying it once.

pub mod access;
pub mod affinity;
pub mod catalog;
pub mod claim;
pub mod container;
pub mod dataset;
mod fetch;
pub mod gate;
pub mod modules;
pub mod mounts;
pub mod name;
pub mod operation;
pub mod order;
pub mod parameters;
pub mod paths;
pub mod placement;
pub mod profile;
pub mod quantity;
pub mod refusal;
pub mod text;
pub mod workload;

pub use catalog::{Catalog, ShippedModule};
pub use name::{Name, OperationKind, OperationName};
pub use refusal::{Hold, Missing, Refusal};
