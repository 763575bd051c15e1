//! `doctor`'s look at the sandbox: a child locks itself down as a runner does and tries what is forbidden.

use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Applied, Layer};
use crate::process::ProgramCommand;

/// Something that a confined process tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The layer whose first job it is to refuse it.
    pub layer: Layer,
    /// What was tried, in words.
    pub what: String,
    /// Whether it was refused, as it must be.
    pub refused: bool,
    /// What the kernel answered.
    pub answer: String,
}

/// What one layer does on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Which layer.
    pub layer: Layer,
    /// Why this kernel does not have it; `None` if it is there.
    pub missing: Option<String>,
    /// What was tried against it.
    pub attempts: Vec<Attempt>,
}

impl LayerReport {
    /// Whether the layer is there and refused everything.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.missing.is_none() && self.attempts.iter().all(|attempt| attempt.refused)
    }
}

/// Why the sandbox could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A folder for the child could not be made.
    #[error("make a folder for the probe")]
    Folder(#[source] std::io::Error),
    /// The child did not start or did not end.
    #[error("run {program} as a sandboxed child; the same failure would end every run")]
    Child {
        /// Its path.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The child could not lock itself down, or died of it.
    #[error("the sandboxed child failed: {0}")]
    Failed(String),
}

/// Longest that the child may take; it takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts `runner` as a probe and reports, per layer, what it found.
///
/// # Errors
/// The child could not be started, did not end in time, or could not apply a layer that exists.
pub fn probe(runner: &ProgramCommand) -> Result<Vec<LayerReport>, ProbeError> {
    let folder = tempfile::tempdir().map_err(ProbeError::Folder)?;
    let failed = |source| ProbeError::Child { program: runner.program.display().to_string(), source };
    let mut command = runner.std_command();
    command.arg("probe").arg(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(failed)?;
    let output = crate::process::wait_with_output(child, PATIENCE).map_err(failed)?;
    let (applied, attempts, error): (Vec<Applied>, Vec<Attempt>, String) =
        serde_json::from_slice(&output.stdout).map_err(|_| {
            ProbeError::Failed(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
        })?;
    if !error.is_empty() {
        return Err(ProbeError::Failed(error));
    }
    Ok(applied.into_iter().map(|applied| report(applied, &attempts)).collect())
}

fn report(applied: Applied, attempts: &[Attempt]) -> LayerReport {
    let own = attempts.iter().filter(|attempt| attempt.layer == applied.layer).cloned().collect();
    LayerReport { layer: applied.layer, missing: applied.missing, attempts: own }
}
