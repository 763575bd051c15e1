//! `millrace controller`: watches a cluster's objects and leads them on.

use clap::Args;
use millrace_controller::{Config, LeaseName, Metrics, Standing, run, run_elected};
use millrace_decide::Missing;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::exit::{Exit, Failure};
use crate::modules::Modules;
use crate::service::{self, Cluster, Service};

/// Arguments of `millrace controller`.
#[derive(Debug, Args)]
pub struct Controller {
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    service: Service,
    /// Namespace of the Lease that one of several controllers holds.
    #[arg(long, value_name = "NAMESPACE", default_value = "millrace-system")]
    lease_namespace: String,
    /// Its name.
    #[arg(long, value_name = "NAME", default_value = "millrace-controller")]
    lease_name: String,
    /// Work without a Lease. Several controllers stay right that way, and do everything several times.
    #[arg(long)]
    no_lease: bool,
    /// Objects that are worked on at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
}

impl Controller {
    /// How the log is written.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Works until it is asked to stop.
    pub fn execute(self) -> Result<Exit, Failure> {
        let modules = Modules::shipped().map_err(Failure::machine)?;
        let (metrics, standing) = (Metrics::default(), watch::Sender::default());
        let config = Config {
            modules: modules.iter().map(crate::modules::Module::shipped).collect(),
            concurrency: usize::from(self.workers),
            local: false,
            missing: Missing::Wait,
            metrics: metrics.clone(),
            standing: standing.clone(),
            ..Config::default()
        };
        let mut registry = service::registry();
        metrics.register(&mut registry);
        let ready = Box::new(move || {
            let now: Standing = standing.borrow().clone();
            (now.is_ready(), now.to_string())
        });
        self.service.run(registry, ready, |stop| self.work(config, stop))
    }

    async fn work(&self, config: Config, stop: CancellationToken) -> Result<(), Failure> {
        let client = self.cluster.connect().await?;
        let stop = stop.cancelled_owned();
        let worked = match self.lease() {
            Some(lease) => run_elected(client, config, lease, stop).await,
            None => run(client, config, stop).await,
        };
        worked.map_err(Failure::machine)
    }

    fn lease(&self) -> Option<LeaseName> {
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        (!self.no_lease).then(|| LeaseName {
            namespace: self.lease_namespace.clone(),
            name: self.lease_name.clone(),
            // In a pod the machine's name is the pod's; a restart in the same pod is somebody else.
            holder: format!("{machine}_{}", uuid::Uuid::new_v4()),
        })
    }
}
