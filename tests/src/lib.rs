//! What the scenario tests and the other packages' tests share: the binary, real servers, files.
//!
//! A test that needs something a machine may lack asks for it here and skips with a visible reason
//! where it is missing, except under `CI=true`, where that is a failure.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "support for tests")]

pub mod cluster;
pub mod files;
#[cfg(feature = "guests")]
pub mod guests;
pub mod http;
pub mod millrace;
pub mod python;
pub mod s3;

/// Says why a test is skipped; under `CI=true` nothing may be.
///
/// # Panics
/// Under `CI=true`.
pub fn skip(test: &str, why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} may not be skipped under CI=true: {why}");
    eprintln!("SKIPPED {test}: {why}");
}
