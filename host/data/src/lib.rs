//! Bytes in, batches out, batches in, published files out.
//!
//! This crate knows stores, the node's cache, file formats and how an output is published. It
//! knows nothing of Kubernetes and nothing of WebAssembly.
pub mod batch;
pub mod cache;
pub mod canonical;
mod columnar;
pub mod csv;
pub mod format;
pub mod input;
mod jsonl;
pub mod list;
pub mod manifest;
pub mod mount;
mod npy;
pub mod outputs;
pub mod publish;
pub mod secret;
pub mod store;
pub mod write;
