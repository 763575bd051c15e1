//! NumPy arrays: rows of one column called `data`, mapped and not copied.
//!
//! One or two dimensions, C order, little-endian numbers or truth values. A row of a two-dimensional
//! array is a fixed-size list. There is no missing value and no bad row.

pub(crate) mod file;
pub(crate) mod header;
#[cfg(test)]
mod tests;
