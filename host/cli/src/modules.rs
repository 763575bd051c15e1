//! The modules that this binary carries, and what they say of themselves.

use millrace_engine::{CompileLimits, ModuleInfo, inspect};

include!(concat!(env!("OUT_DIR"), "/shipped_modules.rs"));

/// How to get a binary that carries the modules.
pub const NONE_SHIPPED: &str = "this binary was built without the shipped modules: run `make modules`, then build again (`make build` does both)";

/// One module: what it says of itself, and its bytes.
pub struct Module {
    /// Name, version, ports, schema of the parameters; and the digest.
    pub info: ModuleInfo,
    /// The component.
    pub wasm: &'static [u8],
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

impl Modules {
    /// The shipped ones, in order of their names.
    ///
    /// # Errors
    /// One of them is no module, which is a fault of the build.
    pub fn shipped() -> Result<Self, ShippedError> {
        let limits = CompileLimits::default();
        let module = |&(name, wasm): &(&'static str, &'static [u8])| {
            let info = inspect(wasm, &limits).map_err(|source| ShippedError { name, source })?;
            Ok(Module { info, wasm })
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
