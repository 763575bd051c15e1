//! A compiled module, ready to be instantiated any number of times.

use std::path::Path;

use wasmtime::component::{Component, InstancePre};

use crate::bindings::{aggregator, descriptor, splitter, transformer};
use crate::config;
use crate::error::RunError;
use crate::host;
use crate::instance::Instance;
use crate::run::RunContext;
use crate::state::TaskState;

/// A module whose imports are linked and checked. Cheap to clone, usable from every thread.
#[derive(Clone)]
pub struct Module {
    pub(crate) pre: InstancePre<TaskState>,
    pub(crate) exports: Exports,
}

/// Where the module's exported functions are; each interface that its world has.
#[derive(Clone)]
pub(crate) struct Exports {
    pub(crate) descriptor: descriptor::OnlyDescriptorIndices,
    pub(crate) aggregator: Option<aggregator::OnlyAggregatorIndices>,
    pub(crate) splitter: Option<splitter::OnlySplitterIndices>,
    pub(crate) transformer: Option<transformer::OnlyTransformerIndices>,
}

/// Why a compiled module cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine did not start.
    #[error("{0}")]
    Engine(String),
    /// The file is not there, or was compiled for another machine or engine.
    #[error("load a compiled module: {0}")]
    Load(String),
    /// Its imports or exports do not have the contract's types.
    #[error("the module does not fit the contract: {0}")]
    Contract(String),
}

impl Module {
    /// Maps a file that [`crate::compile()`] made.
    ///
    /// The file holds native code, and this function believes it: only files that this program
    /// compiled and kept where nobody else can write may be given here. A file of another engine, other settings or
    /// another processor is refused.
    ///
    /// # Errors
    /// The file cannot be mapped or is not for this engine, or the module's types are not those of the contract.
    pub fn load(cwasm: &Path) -> Result<Self, LoadError> {
        let engine = config::runner().map_err(LoadError::Engine)?;
        #[expect(unsafe_code, reason = "compiled modules are native code; see the function's doc comment")]
        // SAFETY: the caller vouches that this program compiled the file and that nobody changed it since.
        let component = unsafe { Component::deserialize_file(engine, cwasm) };
        let component = component.map_err(|error| LoadError::Load(format!("{error:#}")))?;
        Self::link(&component)
    }

    fn link(component: &Component) -> Result<Self, LoadError> {
        let misfit = |error: wasmtime::Error| LoadError::Contract(format!("{error:#}"));
        let linker = host::linker(component.engine()).map_err(misfit)?;
        let pre = linker.instantiate_pre(component).map_err(misfit)?;
        let exports = Exports::find(component, &pre).map_err(misfit)?;
        Ok(Self { pre, exports })
    }

    /// Starts an instance for one task: a store of its own, with its limits.
    ///
    /// # Errors
    /// The module does not fit its limits, or crashes while it starts.
    pub fn instantiate(&self, run: RunContext) -> Result<Instance, RunError> {
        Instance::new(self, run)
    }
}

impl Exports {
    fn find(component: &Component, pre: &InstancePre<TaskState>) -> wasmtime::Result<Self> {
        let has = |interface: &str| {
            component.get_export_index(None, format!("millrace:processor/{interface}@0.1.0")).is_some()
        };
        Ok(Self {
            descriptor: descriptor::OnlyDescriptorIndices::new(pre)?,
            aggregator: has("aggregator").then(|| aggregator::OnlyAggregatorIndices::new(pre)).transpose()?,
            splitter: has("splitter").then(|| splitter::OnlySplitterIndices::new(pre)).transpose()?,
            transformer: has("transformer")
                .then(|| transformer::OnlyTransformerIndices::new(pre))
                .transpose()?,
        })
    }
}
