//! The test modules of `tests/guests`, compiled.

use millrace_engine::{CompileError, CompileLimits, Module, compile};
pub(crate) use millrace_tests::guests::{component, folder, from_text};

/// A fixture, compiled and loaded as in production: through a file, by an engine that cannot compile.
pub(crate) fn module(name: &str) -> Result<Module, CompileError> {
    let cwasm = compile(&component(name), &CompileLimits::default())?;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cwasm).unwrap();
    Ok(Module::load(file.path()).unwrap())
}
