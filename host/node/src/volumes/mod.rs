//! Datasets as volumes of pods: what the volume plugin (`csi`) and the agent say to each other.
//!
//! The agent knows what a Dataset is and whether it is whole here, and may mount nothing; the plugin
//! may mount, and knows nothing, reaches nothing and holds no credentials. They share one folder:
//!
//! ```text
//! <home>/volumes/agent.sock               where the plugin asks the agent, a line of JSON each way
//! <home>/volumes/views/<namespace>/<name> what the last load of the whole Dataset brought
//! <home>/volumes/published/<hash>         one per mount that the plugin made and has not undone
//! ```

mod desk;
mod published;
mod view;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use desk::{Desk, serve};
pub(crate) use published::{Published, Record};
pub(crate) use view::{MountView, Place, View};

/// The plugin asks whether a Dataset can be mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// UID of the Dataset, which is the volume's handle.
    pub(crate) uid: String,
    /// How long the plugin waits for an answer.
    pub(crate) patience_seconds: u64,
}

/// The agent's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// All of it is here, and stays until the plugin has unmounted it.
    Ready { binds: Vec<Bind>, files: u64, bytes: u64 },
    /// Not yet; in words that end up in the pod's Event.
    Waiting { words: String },
}

/// A folder that is to be seen in the volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bind {
    /// Where in the volume, without `/` at its ends; empty for all of it, which comes first.
    pub(crate) at: PathBuf,
    /// The folder, on the node.
    pub(crate) source: PathBuf,
    pub(crate) writable: bool,
}

/// Where the plugin asks.
pub(crate) fn socket(volumes: &Path) -> PathBuf {
    volumes.join("agent.sock")
}
