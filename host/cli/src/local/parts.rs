//! The parts of a cluster, in this process: API server, controller, one agent per node.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kube::Client;
use millrace_cluster::ApiServer;
use millrace_crds::names::LOCAL_NODE;
use millrace_data::secret::Secret;
use millrace_data::store::{SPELLINGS, StorePolicy};
use millrace_decide::Missing;
use millrace_node::{Agent, AgentConfig};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::home;
use super::interrupt::Interrupts;
use super::options::Options;
use crate::exit::Failure;
use crate::modules::{Module, Modules};

/// How long the parts may take to stop. Runners die with their agent whether it is patient or not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Running parts.
pub struct Parts {
    client: Client,
    shutdown: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Parts {
    /// Starts them all.
    ///
    /// # Errors
    /// A folder of the home cannot be used.
    pub async fn start(modules: &Modules, options: &Options) -> Result<Self, Failure> {
        let server = ApiServer::new();
        server.install(millrace_crds::all()).await.map_err(Failure::machine)?;
        let mut parts =
            Self { client: server.client(), shutdown: CancellationToken::new(), tasks: JoinSet::new() };
        let home = home::folder(options.home.clone())?;
        for index in 0..options.agents {
            parts.start_agent(agent_config(&node_name(index), &home, modules, options))?;
        }
        parts.start_controller(modules);
        Ok(parts)
    }

    /// A client of the API server.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Waits until a part ends although nobody asked it to, and says why.
    pub async fn broken(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => anyhow::Error::from(error).context("a part of this program failed"),
            Some(Ok(Ok(()))) | None => anyhow::anyhow!("a part of this program ended by itself"),
        }
    }

    /// Asks all parts to stop and waits for them, though not for ever and not after another Ctrl-C.
    pub async fn stop(mut self, interrupts: &mut Interrupts) {
        self.shutdown.cancel();
        if interrupts.insisted() {
            return;
        }
        tokio::select! {
            () = async { while self.tasks.join_next().await.is_some() {} } => {}
            () = tokio::time::sleep(PATIENCE) => tracing::warn!("some parts did not stop in time"),
            () = interrupts.next() => {}
        }
    }

    fn start_agent(&mut self, config: AgentConfig) -> Result<(), Failure> {
        let agent = Agent::new(self.client.clone(), config).map_err(Failure::machine)?;
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            agent.run(shutdown).await;
            Ok(())
        });
        Ok(())
    }

    fn start_controller(&mut self, modules: &Modules) {
        let config = millrace_controller::Config {
            modules: modules.iter().map(Module::shipped).collect(),
            local: true,
            // Nobody else can create what the manifests lack.
            missing: Missing::Fail,
            ..millrace_controller::Config::default()
        };
        let (client, shutdown) = (self.client.clone(), self.shutdown.clone());
        self.tasks.spawn(async move {
            Ok(millrace_controller::run(client, config, shutdown.cancelled_owned()).await?)
        });
    }
}

/// `local`, `local-1`, `local-2`, …
fn node_name(index: u16) -> String {
    if index == 0 { LOCAL_NODE.to_owned() } else { format!("{LOCAL_NODE}-{index}") }
}

fn agent_config(node: &str, home: &Path, modules: &Modules, options: &Options) -> AgentConfig {
    // Several agents of one machine share the cache, as several runs do, and keep notes of their own.
    let mut config =
        AgentConfig::new(node, home, StorePolicy { ambient: ambient(), ..StorePolicy::laptop() });
    if node != LOCAL_NODE {
        config.folders.state = home.join("nodes").join(node);
    }
    config.threads = options.threads.unwrap_or(config.threads);
    config.durable = options.durable;
    config.require_sandbox = options.require_sandbox;
    config.shipped = modules.by_digest();
    config
}

/// The options that the user's shell holds for S3, such as `AWS_PROFILE`'s keys exported.
fn ambient() -> BTreeMap<String, Secret> {
    let names = SPELLINGS.iter().map(|(name, _)| *name).filter(|name| name.starts_with("AWS_"));
    names.filter_map(|name| Some((name.to_owned(), Secret::new(std::env::var(name).ok()?)))).collect()
}
