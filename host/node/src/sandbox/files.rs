//! Landlock: which files may be read and written; no TCP port, no signal to a stranger.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Layer, SandboxError};

/// The newest kernel interface whose rights are asked for; older kernels give what they have.
const NEWEST: ABI = ABI::V6;

/// Restricts the process. `Ok(Some(why))`: this kernel has no Landlock.
///
/// # Errors
/// A file that must be readable is not there, or the kernel refuses a rule.
pub(super) fn restrict(read: &[PathBuf], write: &[PathBuf]) -> Result<Option<String>, SandboxError> {
    let rules = rules(read, write).map_err(|why| SandboxError::Apply { layer: Layer::Landlock, why })?;
    let status = rules.restrict_self().map_err(|error| failed(&error))?;
    Ok(match status.ruleset {
        RulesetStatus::NotEnforced => Some("the kernel has no Landlock, or it is off at boot".to_owned()),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => None,
    })
}

fn rules(read: &[PathBuf], write: &[PathBuf]) -> Result<RulesetCreated, String> {
    let text = |error: RulesetError| error.to_string();
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(text)?;
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    // No devices, sockets, pipes or links among what may be made.
    let writing = reading
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    for (paths, access) in [(read, reading), (write, writing)] {
        for path in paths {
            rules = rules.add_rule(beneath(path, access)?).map_err(text)?;
        }
    }
    Ok(rules)
}

fn beneath(path: &PathBuf, access: BitFlags<AccessFs>) -> Result<PathBeneath<PathFd>, String> {
    let opened = PathFd::new(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    Ok(PathBeneath::new(opened, access))
}

fn failed(error: &RulesetError) -> SandboxError {
    SandboxError::Apply { layer: Layer::Landlock, why: error.to_string() }
}
