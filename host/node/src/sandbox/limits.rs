//! Resource limits, capabilities and `no_new_privs`.

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::namespaces::drop_capabilities;

/// Caps on what the whole process may use; `None` leaves the system's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResourceLimits {
    /// Bytes of private writable memory. Not address space: the engine reserves far more than it uses.
    pub(crate) data_bytes: Option<u64>,
    /// Seconds of processor time, all threads together.
    pub(crate) cpu_seconds: Option<u64>,
    /// Length of the longest file that may be written.
    pub(crate) file_bytes: Option<u64>,
}

/// Files that a process may have open: parts of outputs (parked beyond some hundred) and mapped inputs.
const OPEN_FILES: u64 = 4_096;

/// Applies all; the answer says why some could not be.
pub(super) fn apply(limits: &ResourceLimits) -> Option<String> {
    let steps = [
        set("core size", Resource::Core, Some(0)),
        set("open files", Resource::Nofile, Some(OPEN_FILES)),
        set("data size", Resource::Data, limits.data_bytes),
        set("processor time", Resource::Cpu, limits.cpu_seconds),
        set("file size", Resource::Fsize, limits.file_bytes),
        ignore_file_size_signal(),
        drop_capabilities(),
        // Entering a user namespace forgot what was set before it.
        die_with_parent(),
        rustix::thread::set_no_new_privs(true).map_err(|error| format!("no_new_privs: {error}")),
    ];
    let failed: Vec<_> = steps.into_iter().filter_map(Result::err).collect();
    (!failed.is_empty()).then(|| failed.join("; "))
}

fn set(what: &str, resource: Resource, limit: Option<u64>) -> Result<(), String> {
    let Some(limit) = limit else { return Ok(()) };
    let lowered = rustix::process::getrlimit(resource).maximum.map_or(limit, |hard| hard.min(limit));
    let new = Rlimit { current: Some(lowered), maximum: Some(lowered) };
    setrlimit(resource, new).map_err(|error| format!("{what}: {error}"))
}

/// Dies with the thread that started this process, whatever happens to the pipes between them.
pub(super) fn die_with_parent() -> Result<(), String> {
    let signal = Some(rustix::process::Signal::KILL);
    rustix::process::set_parent_process_death_signal(signal).map_err(|error| format!("death signal: {error}"))
}

/// Beyond the file size a write fails with an error that names the file, instead of a signal.
fn ignore_file_size_signal() -> Result<(), String> {
    #[expect(unsafe_code, reason = "no safe wrapper sets a signal to be ignored")]
    // SAFETY: SIG_IGN installs no handler, so no code runs in signal context.
    let before = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    if before == libc::SIG_ERR { Err("ignore SIGXFSZ".to_owned()) } else { Ok(()) }
}
