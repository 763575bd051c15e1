//! The agent: it watches the NodeTasks of its node, claims them and does them.
//!
//! It opens no port. Everything it is told comes from the API server, and everything it says is the
//! status of its own tasks and of its CacheNode.

mod claim;
mod heartbeat;
mod report;
mod tasks;
mod watch;

use std::sync::Arc;

use kube::Client;
use tokio_util::sync::CancellationToken;

use millrace_data::cache::{Cache, CacheLimits};

use crate::action::Modules;
use crate::config::AgentConfig;
use crate::volumes::{self, Desk};

pub(crate) use heartbeat::Held;
pub(crate) use report::Reporter;
pub(crate) use tasks::{Stopped, Stops};

/// The agent of one node.
pub struct Agent {
    pub(crate) client: Client,
    pub(crate) config: AgentConfig,
    pub(crate) cache: Cache,
    /// Changes with every start; what another boot claimed is taken up again.
    pub(crate) boot_id: String,
    pub(crate) held: Held,
    pub(crate) modules: Modules,
    /// What pods mount.
    pub(crate) desk: Desk,
}

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// One of its folders cannot be used.
    #[error(
        "use the folder {folder}; the agent keeps its cache, modules and notes there: choose another with --home, or mend its rights"
    )]
    Folder {
        /// Which.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The cache cannot be used.
    #[error("open the cache")]
    Cache(#[from] millrace_data::cache::CacheError),
}

impl Agent {
    /// Makes the agent's folders; nothing is claimed yet.
    ///
    /// # Errors
    /// A folder cannot be made or is not private.
    pub fn new(client: Client, config: AgentConfig) -> Result<Self, AgentError> {
        for folder in [&config.folders.cache, &config.folders.modules, &config.folders.state] {
            let failed = |source| AgentError::Folder { folder: folder.display().to_string(), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        keep_private(&config.folders.modules)?;
        let cache = Cache::open(&config.folders.cache, CacheLimits { quota: config.cache_quota })?;
        let held = Held::read(&config.folders.state);
        let desk = Desk::new(config.volumes.clone());
        Ok(Self {
            client,
            config,
            cache,
            boot_id: uuid::Uuid::new_v4().to_string(),
            held,
            modules: Modules::default(),
            desk,
        })
    }

    /// Works until `shutdown` is cancelled; then running tasks are stopped and left to be taken up
    /// again by the next start.
    pub async fn run(self, shutdown: CancellationToken) {
        let agent = Arc::new(self);
        let heartbeat = tokio::spawn(heartbeat::beat(Arc::clone(&agent), shutdown.clone()));
        let desk = tokio::spawn(volumes::serve(Arc::clone(&agent), shutdown.clone()));
        watch::work(agent, shutdown).await;
        // They end with the same token; a panic in one was printed when it happened.
        let _ended = tokio::join!(heartbeat, desk);
    }
}

/// Starts an agent and works until `shutdown` is cancelled.
///
/// # Errors
/// The agent's folders cannot be used.
pub async fn run(client: Client, config: AgentConfig, shutdown: CancellationToken) -> Result<(), AgentError> {
    Agent::new(client, config)?.run(shutdown).await;
    Ok(())
}

/// Compiled modules are native code that will be believed: nobody else may write there.
fn keep_private(folder: &std::path::Path) -> Result<(), AgentError> {
    use std::os::unix::fs::PermissionsExt;
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder, private)
        .map_err(|source| AgentError::Folder { folder: folder.display().to_string(), source })
}
