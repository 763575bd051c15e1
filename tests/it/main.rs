//! The product from outside: one binary of scenario tests over the real `millrace`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod bad_input;
mod demo;
mod kill;
mod own_module;
mod scikit_learn;
mod split;
