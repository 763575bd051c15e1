//! Where outputs and models go: a folder below a writable dataset.

use std::path::PathBuf;

use millrace_crds::Reason;
use millrace_crds::data_processing::OutputMode as Mode;
use millrace_crds::node_task::TaskDataset;
use millrace_data::publish::OutputMode;

use super::inputs::open_store;
use crate::agent::Agent;
use crate::failure::Failure;
use crate::place;

/// A folder that something is published to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// As the processor writes it: `/digits/split`.
    pub(super) seen: String,
    /// On this machine.
    pub(super) folder: PathBuf,
}

impl Target {
    /// The folder that `path` means, for reading (a model) or writing.
    ///
    /// # Errors
    /// It is in no dataset, may not be written, or is not on this machine.
    pub(super) async fn resolve(
        agent: &Agent,
        datasets: &[TaskDataset],
        path: &str,
        write: bool,
    ) -> Result<Self, Failure> {
        let place = place::one(datasets, path)?;
        if write && (!place.dataset.writable || place.mount.read_only) {
            let (name, what) = (
                &place.dataset.name,
                if place.mount.read_only { "its mount is readOnly" } else { "its accessModes are read-only" },
            );
            let message = format!(
                "{path} is in dataset {name}, which cannot be written: {what}; add accessModes: [ReadWriteMany], or name another dataset"
            );
            return Err(Failure::user(Reason::InvalidSpec, message));
        }
        if place.inside.contains(['*', '?', '[', '{']) {
            return Err(Failure::user(
                Reason::InvalidSpec,
                format!("{path}: outputs and models go to one folder, not to a pattern"),
            ));
        }
        let store = open_store(agent, place.dataset, place.mount).await?;
        let Some(root) = store.local("") else {
            let message = format!(
                "{path} is at {}: outputs and models can be published to local:// mounts; publish there and copy them",
                store.describe("")
            );
            return Err(Failure::user(Reason::NotSupported, message));
        };
        Ok(Self { seen: format!("/{}", path.trim_matches('/')), folder: root.join(&place.inside) })
    }

    /// The folder as a URL.
    pub(super) fn url(&self, below: &str) -> String {
        format!("local://{}", self.folder.join(below).display())
    }
}

/// The object's mode; a run's own folder is named by its operation, which a schedule names by its tick.
pub(super) fn mode(mode: Mode, operation: &str) -> OutputMode {
    match mode {
        Mode::Fail => OutputMode::Fail,
        Mode::Replace => OutputMode::Replace,
        Mode::Version => OutputMode::Version(operation.to_owned()),
    }
}
