//! The compile worker: a module's bytes in, native code out, in a process that may die of it.
//!
//! Compiling is the one thing that is done to a module before any of its code is trusted with
//! nothing: it happens locked down like a run, with caps on processor time and memory, and without
//! a single file.

use std::io::{Read, Write};
use std::process::ExitCode;

use millrace_engine::{CompileError, CompileLimits};

use crate::sandbox::{self, Confinement, ResourceLimits};

/// Exit code that says that the module is at fault.
pub(crate) const REFUSED: u8 = 3;
/// Argument that makes every layer of the sandbox a must.
pub(crate) const REQUIRE_SANDBOX: &str = "--require-sandbox";

const CPU_SECONDS: u64 = 60;
const MEMORY_BYTES: u64 = 1 << 30;

/// `main` of a compile worker: reads a module from standard input, writes native code to standard output.
#[must_use]
pub fn compile_worker_main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            // The exit code says the essential even if nobody reads this.
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::from(code)
        }
    }
}

fn work() -> Result<(), (u8, String)> {
    let failed = |error: &dyn std::error::Error| (1, crate::failure::chain(error));
    let limits = ResourceLimits {
        cpu_seconds: Some(CPU_SECONDS),
        data_bytes: Some(MEMORY_BYTES),
        file_bytes: Some(0),
    };
    let require_all = std::env::args_os().any(|argument| argument == REQUIRE_SANDBOX);
    sandbox::confine(&Confinement { limits, require_all, ..Confinement::default() })
        .map_err(|error| failed(&error))?;
    let caps = CompileLimits::default();
    let mut wasm = Vec::new();
    let most = (caps.component_bytes as u64).saturating_add(1);
    std::io::stdin().lock().take(most).read_to_end(&mut wasm).map_err(|error| failed(&error))?;
    let native = millrace_engine::compile(&wasm, &caps).map_err(|error| match error {
        CompileError::Refused(_) | CompileError::Invalid(_) => (REFUSED, crate::failure::chain(&error)),
        CompileError::Host(_) => failed(&error),
    })?;
    std::io::stdout().lock().write_all(&native).map_err(|error| failed(&error))
}
