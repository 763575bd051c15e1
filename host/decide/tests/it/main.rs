//! Decisions as a whole: tables of states, and the laws that hold for any state.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod dataset;
mod flow;
mod laws;
mod module;
mod operation;
mod schedule;
mod series;
mod world;
