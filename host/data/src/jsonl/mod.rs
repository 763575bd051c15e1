//! JSON Lines: one object per line; lines pass through untouched, wanted members are read.
//!
//! Columns are the top-level members seen in the first 8 MiB of the first file with rows. A member
//! that is an object or a list is text: its JSON as it stands. A member that is not there, or null,
//! is a missing value. Of a line only what is needed is looked at: what stands behind the last
//! wanted member is not checked, beyond the brace that ends the line. Empty lines are not rows.

pub(crate) mod file;
pub(crate) mod infer;
pub(crate) mod members;
pub(crate) mod reader;
#[cfg(test)]
mod tests;
pub(crate) mod values;
