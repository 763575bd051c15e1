//! The engine's integration tests.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod guests;
mod hostile;
mod inspection;
mod kernels;
mod runs;
