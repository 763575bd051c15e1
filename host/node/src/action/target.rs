//! Where outputs and models go: a folder below a writable dataset.

use std::path::PathBuf;

use millrace_crds::Reason;
use millrace_crds::data_processing::OutputMode as Mode;
use millrace_crds::node_task::{TaskDataset, TaskMount};
use millrace_data::publish::OutputMode;
use millrace_data::store::Store;

use super::inputs::open_store;
use crate::agent::Agent;
use crate::failure::Failure;
use crate::place::{self, Place};

/// A folder that something is published to.
#[derive(Clone)]
pub(super) struct Target {
    /// As the processor writes it: `/digits/split`.
    pub(super) seen: String,
    /// On this machine: the folder itself, or where a run is staged that goes to a store.
    pub(super) folder: PathBuf,
    /// The store that it goes to, opened at the folder.
    pub(super) remote: Option<Store>,
    /// The folder as a URL.
    url: String,
}

impl Target {
    /// The folder that `path` means, for reading (a model) or writing.
    ///
    /// # Errors
    /// It is in no dataset, may not be written, or its store cannot be opened.
    pub(super) async fn resolve(
        agent: &Agent,
        datasets: &[TaskDataset],
        path: &str,
        write: bool,
    ) -> Result<Self, Failure> {
        let place = place::one(datasets, path)?;
        if write {
            check_writable(&place, path)?;
        }
        if place.inside.contains(['*', '?', '[', '{']) {
            let message = format!("{path}: outputs and models go to one folder, not to a pattern");
            return Err(Failure::user(Reason::InvalidSpec, message));
        }
        let seen = format!("/{}", path.trim_matches('/'));
        let point = format!("{}/{}", place.mount.mount_point.trim_end_matches('/'), place.inside);
        let mount = TaskMount { mount_point: point, ..place.mount.clone() };
        let store = open_store(agent, place.dataset, &mount).await?;
        let url = store.describe("");
        if let Some(folder) = store.local("") {
            let url = format!("local://{}", folder.display());
            return Ok(Self { seen, folder, remote: None, url });
        }
        let name: String = blake3::hash(url.as_bytes()).to_hex().chars().take(24).collect();
        let folder = agent.config.folders.state.join("staging").join(name);
        Ok(Self { seen, folder, remote: Some(store), url })
    }

    /// What lies below the folder, as a URL.
    pub(super) fn url(&self, below: &str) -> String {
        format!("{}/{below}", self.url.trim_end_matches('/')).trim_end_matches('/').to_owned()
    }
}

fn check_writable(place: &Place<'_>, path: &str) -> Result<(), Failure> {
    let what = match (place.dataset.writable, place.mount.read_only) {
        (true, false) => return Ok(()),
        (_, true) => "its mount is readOnly",
        (false, false) => "its accessModes are read-only",
    };
    let message = format!(
        "{path} is in dataset {}, which cannot be written: {what}; \
         add accessModes: [ReadWriteMany], or name another dataset",
        place.dataset.name
    );
    Err(Failure::user(Reason::InvalidSpec, message))
}

/// The object's mode; a run's own folder is named by its operation, which a schedule names by its tick.
pub(super) fn mode(mode: Mode, operation: &str) -> OutputMode {
    match mode {
        Mode::Fail => OutputMode::Fail,
        Mode::Replace => OutputMode::Replace,
        Mode::Version => OutputMode::Version(operation.to_owned()),
    }
}
