//! From a component's bytes to native code, in a process that may be killed.
//!
//! [`compile`] is called by the compile worker, which has caps on CPU time and memory; nothing else
//! in the product compiles.

use std::hash::Hash;

use sha2::{Digest, Sha256};

use crate::config;
use crate::limits::CompileLimits;
use crate::precheck::{self, Refusal};

/// Why a module was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It was refused before the compiler saw it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The compiler does not accept it.
    #[error("the module is not valid: {0}")]
    Invalid(String),
    /// The compiler could not be started.
    #[error("start the compiler: {0}")]
    Host(String),
}

/// Compiles a component to the bytes of a `.cwasm` file for this machine.
///
/// # Errors
/// The module is beyond the limits, imports what no processor may use, or is not valid.
pub fn compile(wasm: &[u8], limits: &CompileLimits) -> Result<Vec<u8>, CompileError> {
    let shape = precheck::check(wasm, limits)?;
    precheck::world(&shape)?;
    let engine = config::compiler().map_err(|error| CompileError::Host(format!("{error:#}")))?;
    engine.precompile_component(wasm).map_err(|error| CompileError::Invalid(format!("{error:#}")))
}

/// Key of the compiled form of the module with this digest (`sha256:…`): another engine, other
/// settings or another processor make another key. Usable as a file name.
///
/// # Errors
/// The compiler could not be started.
pub fn cache_key(digest: &str) -> Result<String, CompileError> {
    let engine = config::compiler().map_err(|error| CompileError::Host(format!("{error:#}")))?;
    let mut hasher = StableHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    processor_features().hash(&mut hasher);
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
    let machine = hex(&hasher.0.finalize());
    Ok(format!("{digest}-{}", machine.get(..16).unwrap_or(&machine)))
}

/// The instruction sets of this processor that change what the compiler emits.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub fn processor_features() -> Vec<&'static str> {
    macro_rules! present {
        ($($name:tt),*) => { [$(($name, std::is_x86_feature_detected!($name))),*] };
    }
    let all = present!(
        "sse3",
        "ssse3",
        "sse4.1",
        "sse4.2",
        "popcnt",
        "avx",
        "avx2",
        "fma",
        "bmi1",
        "bmi2",
        "lzcnt",
        "avx512f",
        "avx512dq",
        "avx512bw",
        "avx512vl",
        "avx512bitalg",
        "avx512vbmi"
    );
    all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

/// The instruction sets of this processor that change what the compiler emits.
#[cfg(not(target_arch = "x86_64"))]
#[must_use]
pub fn processor_features() -> Vec<&'static str> {
    vec![std::env::consts::ARCH]
}

/// SHA-256 behind the standard library's interface: the same in every build, unlike `DefaultHasher`.
struct StableHasher(Sha256);

impl std::hash::Hasher for StableHasher {
    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// `sha256:` and the digest of the bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
