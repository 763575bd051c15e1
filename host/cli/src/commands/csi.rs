//! `millrace csi`: mounts Datasets into the pods of one node.

use std::path::PathBuf;

use clap::Args;
use millrace_node::{CsiConfig, serve_csi};

use crate::exit::{Exit, Failure};
use crate::service;
use crate::terminal::LogFormat;

/// Arguments of `millrace csi`.
#[derive(Debug, Args)]
pub struct Csi {
    /// Name of the Node.
    #[arg(long, value_name = "NAME")]
    node: String,
    /// The agent's folder.
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/millrace")]
    home: PathBuf,
    /// The kubelet's folder.
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/kubelet")]
    kubelet: PathBuf,
    /// A folder of this node that local:// mounts may be in; the same as the agent's.
    #[arg(long = "local-root", value_name = "FOLDER")]
    local_roots: Vec<PathBuf>,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

impl Csi {
    /// Serves the kubelet until it is asked to stop; mounts stay.
    pub fn execute(self) -> Result<Exit, Failure> {
        let roots = std::iter::once(self.home.join("cache")).chain(self.local_roots).collect();
        let config =
            CsiConfig { node: self.node, volumes: self.home.join("volumes"), roots, kubelet: self.kubelet };
        service::run_alone(|stop| async { serve_csi(config, stop).await.map_err(Failure::machine) })
    }
}
