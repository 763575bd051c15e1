//! The modules of a run: those that this binary carries, and the user's own files. What they say of
//! themselves is read from the file; nothing of a module runs here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use millrace_decide::ShippedModule;
use millrace_engine::{CompileLimits, ModuleInfo, inspect};

use crate::exit::{Exit, Failure};

include!(concat!(env!("OUT_DIR"), "/shipped_modules.rs"));

/// How to get a binary that carries the modules.
pub const NONE_SHIPPED: &str = "this binary was built without the shipped modules: run `make modules`, then build again (`make build` does both)";

/// One module: what it says of itself, and its bytes.
pub struct Module {
    /// Name, version, ports, schema of the parameters; and the digest.
    pub info: ModuleInfo,
    /// The component.
    pub wasm: Bytes,
}

impl Module {
    /// As the controller knows it.
    pub fn shipped(&self) -> ShippedModule {
        let descriptor = &self.info.descriptor;
        ShippedModule {
            name: descriptor.name.clone(),
            version: descriptor.version.clone(),
            digest: self.info.digest.clone(),
            // A descriptor was JSON before it was read.
            descriptor: serde_json::to_value(descriptor).unwrap_or_default(),
        }
    }
}

/// A set of modules.
pub struct Modules(Vec<Module>);

/// Why a shipped module cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the shipped module {name} cannot be used")]
pub struct ShippedError {
    name: &'static str,
    source: millrace_engine::InspectError,
}

/// Why a file given with `--module` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no module of this contract.
    #[error("{} is not a module that can be used", path.display())]
    Inspect {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: millrace_engine::InspectError,
    },
    /// Names of shipped modules are reserved.
    #[error("{} calls itself {name}, which is a shipped module's name: rename it in its descriptor", path.display())]
    Reserved {
        /// The file.
        path: PathBuf,
        /// Its name.
        name: String,
    },
}

impl Modules {
    /// The shipped ones and those in `files`.
    ///
    /// # Errors
    /// A file is not there, or holds no module.
    pub fn with_files(files: &[PathBuf]) -> Result<Self, Failure> {
        let mut modules = Self::shipped().map_err(Failure::machine)?;
        for path in files {
            let module = from_file(path).map_err(|error| Failure::Error(Exit::Usage, error.into()))?;
            if modules.names().any(|name| name == module.info.descriptor.name) {
                let error = FileError::Reserved { path: path.clone(), name: module.info.descriptor.name };
                return Err(Failure::Error(Exit::Usage, error.into()));
            }
            modules.0.push(module);
        }
        Ok(modules)
    }

    /// The shipped ones, in order of their names.
    ///
    /// # Errors
    /// One of them is no module, which is a fault of the build.
    pub fn shipped() -> Result<Self, ShippedError> {
        let limits = CompileLimits::default();
        let module = |&(name, wasm): &(&'static str, &'static [u8])| {
            let info = inspect(wasm, &limits).map_err(|source| ShippedError { name, source })?;
            Ok(Module { info, wasm: Bytes::from_static(wasm) })
        };
        SHIPPED.iter().map(module).collect::<Result<_, _>>().map(Self)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Module> {
        self.0.iter()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|module| module.info.descriptor.name.as_str())
    }

    /// Their bytes, by digest.
    pub fn by_digest(&self) -> BTreeMap<String, Bytes> {
        self.0.iter().map(|module| (module.info.digest.clone(), module.wasm.clone())).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The module that `reference` names: `split`, `split@1`, `split@1.2.0`, `sha256:…`.
    pub fn find(&self, reference: &str) -> Option<&Module> {
        let (name, version) = reference.split_once('@').unwrap_or((reference, ""));
        self.0.iter().find(|module| {
            module.info.digest == reference
                || (module.info.descriptor.name == name
                    && version_fits(&module.info.descriptor.version, version))
        })
    }
}

fn from_file(path: &Path) -> Result<Module, FileError> {
    let wasm = std::fs::read(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    let info = inspect(&wasm, &CompileLimits::default())
        .map_err(|source| FileError::Inspect { path: path.to_owned(), source })?;
    Ok(Module { info, wasm: wasm.into() })
}

/// Whether `1.2.3` is a `1`, a `1.2`, a `1.2.3`, or anything for the empty wish.
fn version_fits(version: &str, wanted: &str) -> bool {
    wanted.is_empty()
        || version == wanted
        || version.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::version_fits;

    #[test]
    fn a_version_may_be_wished_in_parts() {
        for (wanted, fits) in [
            ("", true),
            ("1", true),
            ("1.2", true),
            ("1.2.3", true),
            ("1.3", false),
            ("1.2.30", false),
            ("11", false),
        ] {
            assert_eq!(version_fits("1.2.3", wanted), fits, "{wanted}");
        }
    }
}
