//! What a module says of itself, read without running any of it.

use crate::compile::digest;
use crate::descriptor::Descriptor;
use crate::limits::CompileLimits;
use crate::precheck::{self, Refusal, World};

/// A module that looks as a module should.
#[derive(Debug, Clone, PartialEq)]
pub struct ModuleInfo {
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// What it does.
    pub world: World,
    /// `sha256:` and the digest of its bytes: the module's identity.
    pub digest: String,
}

/// Why a module cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// Its parts are not those of a processor.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It says nothing of itself.
    #[error("the module has no custom section `millrace:descriptor`; the SDK's macro writes it")]
    NoDescriptor,
    /// It says two different things.
    #[error("the module has {0} different descriptors, one is wanted")]
    SeveralDescriptors(usize),
    /// What it says is not a descriptor.
    #[error("the module's descriptor is not valid")]
    Descriptor(#[source] serde_json::Error),
    /// The name or version it gives itself is not allowed.
    #[error("the module's descriptor: {0}")]
    Value(String),
}

/// Longest descriptor that is read.
const DESCRIPTOR_BYTES: usize = 1 << 20;

/// Reads the descriptor and finds the world of a component.
///
/// # Errors
/// The module is beyond the limits, imports what no processor may use, or does not describe itself.
pub fn inspect(wasm: &[u8], limits: &CompileLimits) -> Result<ModuleInfo, InspectError> {
    let mut shape = precheck::check(wasm, limits)?;
    let world = precheck::world(&shape)?;
    shape.descriptors.dedup();
    let text = match shape.descriptors.as_slice() {
        [] => return Err(InspectError::NoDescriptor),
        [text] => text,
        several => return Err(InspectError::SeveralDescriptors(several.len())),
    };
    let descriptor = parse(text)?;
    Ok(ModuleInfo { descriptor, world, digest: digest(wasm) })
}

fn parse(text: &[u8]) -> Result<Descriptor, InspectError> {
    if text.len() > DESCRIPTOR_BYTES {
        return Err(InspectError::Value(format!(
            "{} bytes, at most {DESCRIPTOR_BYTES} are read",
            text.len()
        )));
    }
    let descriptor: Descriptor = serde_json::from_slice(text).map_err(InspectError::Descriptor)?;
    check_name(&descriptor.name)?;
    check_version(&descriptor.version)?;
    Ok(descriptor)
}

fn check_name(name: &str) -> Result<(), InspectError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let inside = name.bytes().all(allowed) && !name.starts_with('-') && !name.ends_with('-');
    if inside && (1..=63).contains(&name.len()) {
        return Ok(());
    }
    Err(InspectError::Value(format!(
        "name {name:?}: 1 to 63 lower-case letters, digits and inner hyphens are wanted"
    )))
}

fn check_version(version: &str) -> Result<(), InspectError> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<_> = core.split('.').map(str::parse::<u32>).collect();
    if numbers.len() == 3 && numbers.iter().all(Result::is_ok) && version.len() <= 64 {
        return Ok(());
    }
    Err(InspectError::Value(format!("version {version:?}: three numbers are wanted, such as 1.2.0")))
}
