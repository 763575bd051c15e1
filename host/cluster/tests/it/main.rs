//! The in-process API server, driven as a controller or kubectl would drive it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod apply;
mod cel;
mod connecting;
mod deletion;
mod discovery;
mod lists;
mod objects;
mod patches;
mod schemas;
mod subresources;
mod support;
mod watches;
