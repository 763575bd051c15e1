//! `millrace agent`: does the work of one node of a cluster.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use millrace_data::store::StorePolicy;
use millrace_node::AgentConfig;
use tokio_util::sync::CancellationToken;

use crate::exit::{Exit, Failure};
use crate::modules::Modules;
use crate::service::{self, Cluster, Service};

/// Arguments of `millrace agent`.
#[derive(Debug, Args)]
pub struct Agent {
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    service: Service,
    /// Name of the Node that it works for.
    #[arg(long, value_name = "NAME")]
    node: String,
    /// Folder of cache, modules and notes.
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/millrace")]
    home: PathBuf,
    /// A folder of this node that local:// mounts may be in; none may be unless said.
    #[arg(long = "local-root", value_name = "FOLDER")]
    local_roots: Vec<PathBuf>,
    /// Threads of one run; one per processor unless said. Results never depend on it.
    #[arg(long, value_name = "NUMBER")]
    threads: Option<NonZeroUsize>,
    /// Bytes that the cache may take; the disk decides unless said.
    #[arg(long, value_name = "BYTES")]
    cache_bytes: Option<u64>,
    /// Refuse to run modules where the kernel lacks a layer of the sandbox.
    #[arg(long)]
    require_sandbox: bool,
    /// Stores at loopback addresses may be reached; for tests.
    #[arg(long, hide_short_help = true)]
    allow_loopback_stores: bool,
}

impl Agent {
    /// How the log is written.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Works until it is asked to stop; running tasks are taken up again by the next start.
    pub fn execute(self) -> Result<Exit, Failure> {
        let modules = Modules::shipped().map_err(Failure::machine)?;
        let config = self.config(&modules);
        let mut registry = service::registry();
        config.metrics.register(&mut registry);
        let metrics = config.metrics.clone();
        let ready = Box::new(move || metrics.standing());
        self.service.run(registry, ready, |stop| self.work(config, stop))
    }

    fn config(&self, modules: &Modules) -> AgentConfig {
        let stores = StorePolicy {
            allow_loopback: self.allow_loopback_stores,
            local_roots: Some(self.local_roots.clone()),
            ..StorePolicy::default()
        };
        let mut config = AgentConfig::new(&self.node, &self.home, stores);
        config.threads = self.threads.unwrap_or(config.threads);
        config.durable = true;
        config.require_sandbox = self.require_sandbox;
        config.cache_quota = self.cache_bytes;
        config.shipped = modules.by_digest();
        config.volumes = Some(self.home.join("volumes"));
        config
    }

    async fn work(&self, config: AgentConfig, stop: CancellationToken) -> Result<(), Failure> {
        let client = self.cluster.connect().await?;
        millrace_node::run(client, config, stop).await.map_err(Failure::machine)
    }
}
