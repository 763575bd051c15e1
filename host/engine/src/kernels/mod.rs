//! The contract's dense kernels, in native code, on columns as Arrow holds them.
//!
//! Every entry of every result is one fixed sequence of fused multiply-adds, so the instruction
//! level changes the speed and never the bits (`eigh` excepted, whose library chooses its own order).

mod eigh;
mod level;
mod matrix;
mod moments;
mod panel;
mod projection;

pub use eigh::eigh;
pub use matrix::{BadCell, KernelError, Matrix};
pub use moments::{Moments, Sums};
pub use projection::{Projected, Projection};
