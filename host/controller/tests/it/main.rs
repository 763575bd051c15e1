//! The controller against the in-process API server, with agents that do nothing but answer.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod agent;
mod chain;
mod claims;
mod containers;
mod ending;
mod failures;
mod lease;
mod stages;
mod world;
