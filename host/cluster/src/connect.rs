//! Reaching a real API server: a kubeconfig on a desk, the service account in a pod.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// How long a connection may take. kube's default of 30 s is a long silence at a prompt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which cluster to reach.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The kubeconfig; without it `$KUBECONFIG`, `~/.kube/config` or the pod's own account.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; without it the current one.
    pub context: Option<String>,
    /// The namespace of requests that name none; without it the context's.
    pub namespace: Option<String>,
}

/// A cluster could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be read or has no such context.
    #[error("the kubeconfig {path} cannot be used; check the file and the name of the context")]
    Kubeconfig {
        /// The file, or `(default)`.
        path: String,
        /// What is wrong with it.
        source: kube::config::KubeconfigError,
    },
    /// Neither a kubeconfig nor a pod's service account was found.
    #[error("no cluster is configured; set KUBECONFIG, or run without a cluster")]
    NoCluster(#[source] kube::config::InferConfigError),
    /// The configuration names credentials or certificates that cannot be used.
    #[error("the cluster's configuration cannot be used")]
    Client(#[source] kube::Error),
}

/// A client of a real cluster. kube's own retry is off: ours are bounded and seeded.
/// Nothing is sent yet.
///
/// # Errors
/// What is wrong with the configuration.
pub async fn connect(target: &Target) -> Result<Client, ConnectError> {
    let mut config = configuration(target).await?;
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    if let Some(namespace) = &target.namespace {
        config.default_namespace.clone_from(namespace);
    }
    Client::try_from(config).map_err(ConnectError::Client)
}

async fn configuration(target: &Target) -> Result<Config, ConnectError> {
    let options = KubeConfigOptions { context: target.context.clone(), ..KubeConfigOptions::default() };
    let path =
        target.kubeconfig.as_ref().map_or_else(|| "(default)".to_owned(), |path| path.display().to_string());
    let refusal = |source| ConnectError::Kubeconfig { path: path.clone(), source };
    match (&target.kubeconfig, &target.context) {
        (Some(file), _) => {
            let kubeconfig = Kubeconfig::read_from(file).map_err(refusal)?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(refusal)
        }
        // A context can only be meant of a kubeconfig, never of a pod's account.
        (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(refusal),
        (None, None) => Config::infer().await.map_err(ConnectError::NoCluster),
    }
}
