//! Write Millrace processors in Rust.
//!
//! A processor is a struct of parameters and the traits of its kind: [`Splitter`], [`Transformer`],
//! [`Aggregator`]. `#[processor]` makes it a WebAssembly component; the same code runs natively under
//! `cargo test` through [`testing`]. `README.md` beside this crate shows one from start to end.

mod codec;
mod column;
mod context;
mod descriptor;
mod error;
mod hash;
mod keys;
mod processor;
mod schema;
mod table;

#[cfg(target_arch = "wasm32")]
pub mod component;
#[cfg(target_arch = "wasm32")]
use component::host;
#[cfg(not(target_arch = "wasm32"))]
mod memory;
#[cfg(not(target_arch = "wasm32"))]
use memory as host;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use codec::{Reader, Writer};
pub use column::{Buffers, Column};
pub use context::{Batch, Context, Level, Linear, Moments, Output, Projection, SumsOfProducts};
pub use descriptor::{Described, Descriptor, Guarantee, Port, Trait};
pub use error::{Error, Result};
pub use hash::KeyHasher;
pub use keys::{KeyColumn, push_part};
pub use millrace_sdk_macros::processor;
pub use processor::{
    Aggregator, BAD, DROP, Input, ModelFile, Plan, Processor, Splitter, Transformer, data_input,
};
pub use schema::{Dtype, Field, Schema};
pub use table::{KeyTable, TooManyKeys};
