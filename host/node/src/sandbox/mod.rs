//! The locks on a runner: what it may still do once guest code runs in it.
//!
//! [`confine`] is called by the runner itself, while it has one thread, after it has read what it
//! is to do and before it opens a module. The layers overlap on purpose: each alone keeps the
//! network and other files away. What a kernel lacks is reported, never silently left out.

mod attempts;
mod files;
mod limits;
mod namespaces;
mod probe;
mod syscalls;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use attempts::probe_main;
pub(crate) use limits::ResourceLimits;
pub use probe::{Attempt, LayerReport, ProbeError, probe};

/// A kernel mechanism that confines a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Files: reads inputs and the module, writes staging, nothing else.
    Landlock,
    /// System calls: an allow-list without sockets, exec, ptrace, mount, io_uring.
    Seccomp,
    /// A user namespace: no capability, and a user of its own.
    Userns,
    /// A network namespace without any interface.
    Netns,
    /// No new privileges, no capabilities, limits on memory, files and cores.
    Limits,
}

impl Layer {
    /// Every layer, outermost first.
    pub const ALL: [Self; 5] = [Self::Userns, Self::Netns, Self::Limits, Self::Landlock, Self::Seccomp];

    /// The word that stands in `CacheNode.status.sandbox`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::Userns => "userns",
            Self::Netns => "netns",
            Self::Limits => "limits",
        }
    }
}

/// What a confined process may still touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confinement {
    /// Files and folders that may be read.
    pub(crate) read: Vec<PathBuf>,
    /// Folders that may be read and written.
    pub(crate) write: Vec<PathBuf>,
    /// Resources.
    pub(crate) limits: ResourceLimits,
    /// Refuse to go on if a layer is missing.
    pub(crate) require_all: bool,
}

/// Why a process could not be confined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    /// A layer is missing and all were required.
    #[error(
        "the sandbox layer {} is missing ({why}) and --require-sandbox is set; \
         enable it in the kernel, or start the agent without that option", .layer.name()
    )]
    Missing {
        /// Which.
        layer: Layer,
        /// What the kernel said.
        why: String,
    },
    /// A layer that this kernel has could not be applied: never go on without it.
    #[error("apply the sandbox layer {}: {why}", .layer.name())]
    Apply {
        /// Which.
        layer: Layer,
        /// What failed.
        why: String,
    },
}

/// What became of one layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    /// Which.
    pub(crate) layer: Layer,
    /// Why it is missing; `None` if it holds.
    pub(crate) missing: Option<String>,
}

/// Locks the calling process down, for good. It must have one thread.
///
/// # Errors
/// A layer is missing and all are required, or one that exists cannot be applied.
pub(crate) fn confine(wanted: &Confinement) -> Result<Vec<Applied>, SandboxError> {
    // Namespaces first: Landlock and seccomp forbid what makes them.
    let (userns, netns) = namespaces::enter();
    let limits = limits::apply(&wanted.limits);
    let landlock = files::restrict(&wanted.read, &wanted.write)?;
    let seccomp = syscalls::restrict()?;
    let results = [
        (Layer::Userns, userns),
        (Layer::Netns, netns),
        (Layer::Limits, limits),
        (Layer::Landlock, landlock),
        (Layer::Seccomp, seccomp),
    ];
    results.into_iter().map(|(layer, missing)| applied(layer, missing, wanted.require_all)).collect()
}

fn applied(layer: Layer, missing: Option<String>, require: bool) -> Result<Applied, SandboxError> {
    match missing {
        Some(why) if require => Err(SandboxError::Missing { layer, why }),
        missing => Ok(Applied { layer, missing }),
    }
}
