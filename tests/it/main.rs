//! The product from outside: one binary of scenario tests over the real `millrace`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod bad_input;
mod conformance;
mod demo;
mod kill;
mod own_module;
mod scikit_learn;
mod split;
mod volumes;
