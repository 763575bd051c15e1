//! What every part of an installation in a cluster has: a port for health and metrics, a way to the
//! API server, and a polite end.

mod port;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::exit::{Exit, Failure};
use crate::local::interrupt::Interrupts;
use crate::terminal::LogFormat;

use port::Pages;

/// How long a part may take to stop: a little less than the 30 s after which a kubelet kills it.
const GRACE: Duration = Duration::from_secs(25);

/// How to reach the API server.
#[derive(Debug, Clone, Args)]
pub struct Cluster {
    /// The kubeconfig; without it the pod's own account, or what kubectl would use.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Cluster {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// The configuration is missing or wrong.
    pub async fn connect(&self) -> Result<kube::Client, Failure> {
        let (kubeconfig, context) = (self.kubeconfig.clone(), self.context.clone());
        let target = millrace_cluster::Target { kubeconfig, context, namespace: None };
        millrace_cluster::connect(&target).await.map_err(Failure::api)
    }
}

/// What a service says of itself.
#[derive(Debug, Clone, Args)]
pub struct Service {
    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:9440")]
    listen: SocketAddr,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Whether a service can do its work, and in words how it stands.
pub type Readiness = Box<dyn Fn() -> (bool, String) + Send + Sync>;

impl Service {
    /// Does `work` until it ends, or until a signal asks to stop and it has stopped.
    ///
    /// # Errors
    /// The port is taken, or the work's own.
    pub fn run<W: Future<Output = Result<(), Failure>>>(
        &self,
        registry: Registry,
        ready: Readiness,
        work: impl FnOnce(CancellationToken) -> W,
    ) -> Result<Exit, Failure> {
        block_on(async {
            let listener = TcpListener::bind(self.listen).await.map_err(|error| {
                let what = format!("listen on {}: choose another address with --listen", self.listen);
                Failure::machine(anyhow::Error::from(error).context(what))
            })?;
            let pages = Arc::new(Pages::new(registry, ready));
            let port = tokio::spawn(port::serve(listener, pages));
            let ended = until_stopped(work).await;
            port.abort();
            ended
        })
    }
}

/// Does `work` until it ends, or until a signal asks to stop and it has stopped.
///
/// # Errors
/// The work's own.
pub fn run_alone<W: Future<Output = Result<(), Failure>>>(
    work: impl FnOnce(CancellationToken) -> W,
) -> Result<Exit, Failure> {
    block_on(until_stopped(work))
}

fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(Failure::machine)?.block_on(work)
}

async fn until_stopped<W: Future<Output = Result<(), Failure>>>(
    work: impl FnOnce(CancellationToken) -> W,
) -> Result<Exit, Failure> {
    let mut interrupts = Interrupts::listen().map_err(Failure::machine)?;
    let stop = CancellationToken::new();
    let mut work = std::pin::pin!(work(stop.clone()));
    tokio::select! {
        ended = &mut work => return ended.map(|()| Exit::Ok),
        () = interrupts.next() => tracing::info!("asked to stop; what is at hand is finished first"),
    }
    stop.cancel();
    tokio::select! {
        ended = &mut work => ended.map(|()| Exit::Ok),
        () = interrupts.next() => Ok(Exit::Interrupted),
        () = tokio::time::sleep(GRACE) => {
            tracing::warn!("what was at hand did not end in time and is left as it is");
            Ok(Exit::Interrupted)
        }
    }
}

/// A registry that says which version this is.
pub fn registry() -> Registry {
    let mut registry = Registry::with_prefix("millrace");
    let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "Which version this is", version);
    registry
}
