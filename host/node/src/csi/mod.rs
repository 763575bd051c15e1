//! The volume plugin: pods mount a Dataset by the claim of its name, and see the cache's folder.
//!
//! It speaks CSI with the kubelet, asks the agent what a Dataset is made of, and binds folders. It
//! opens no network connection, holds no token and runs nobody's code: it is the only part that
//! needs privileges, and this is all it does with them. What it mounted outlives it.

mod identity;
mod mount;
mod node;
mod registration;
mod socket;

use std::path::PathBuf;

use millrace_crds::names::CSI_DRIVER;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::codegen::Service;

use crate::volumes::Published;
use identity::Identity;
use node::Node;
use proto::identity_server::{self, IdentityServer};
use proto::node_server::{self, NodeServer};
use registration::Registration;
use registration_proto::registration_server::RegistrationServer;

/// Messages and services of CSI.
#[expect(
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "made from proto/csi.proto"
)]
mod proto {
    tonic::include_proto!("csi.v1");
}

/// Messages and service by which the kubelet gets to know plugins.
#[expect(
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "made from proto/registration.proto"
)]
mod registration_proto {
    tonic::include_proto!("pluginregistration");
}

/// What a plugin is told when it starts.
#[derive(Debug, Clone)]
pub struct CsiConfig {
    /// The node.
    pub node: String,
    /// The folder that it shares with the agent.
    pub volumes: PathBuf,
    /// Folders that what it binds must be in: the agent's cache, and the roots of local:// mounts.
    pub roots: Vec<PathBuf>,
    /// The kubelet's folder.
    pub kubelet: PathBuf,
}

/// Why a plugin did not start.
#[derive(Debug, thiserror::Error)]
pub enum CsiError {
    /// A socket cannot be made.
    #[error("listen on {path}: check --kubelet, and that nothing else serves this driver here")]
    Listen {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl CsiConfig {
    fn endpoint(&self) -> PathBuf {
        self.kubelet.join("plugins").join(CSI_DRIVER).join("csi.sock")
    }

    /// The kubelet sends this path, `/` as `%2F`, as HTTP's `:authority`, and the http crate takes a
    /// `%` only in what stands before an `@`. Hence the `@`.
    fn registration(&self) -> PathBuf {
        self.kubelet.join("plugins_registry").join(format!("{CSI_DRIVER}@reg.sock"))
    }
}

/// Serves the kubelet until `shutdown` is cancelled. Mounts stay.
///
/// # Errors
/// A socket cannot be made.
pub async fn serve(config: CsiConfig, shutdown: CancellationToken) -> Result<(), CsiError> {
    let (endpoint, registration) = (config.endpoint(), config.registration());
    // The kubelet calls as soon as it sees the registration, so that socket comes last.
    let volumes = socket::listen(&endpoint)?;
    let introduction = socket::listen(&registration)?;
    let identity = IdentityServer::new(Identity);
    let node = NodeServer::new(Node::new(&config, Published::below(&config.volumes)));
    let registrar = RegistrationServer::new(Registration { endpoint: endpoint.clone() });
    tracing::info!(node = config.node, endpoint = %endpoint.display(), "serving volumes");
    let mut tasks = JoinSet::new();
    tasks.spawn(socket::serve(volumes, shutdown.clone(), move |request| {
        let (mut identity, mut node) = (identity.clone(), node.clone());
        async move {
            match request.uri().path().split('/').nth(1) {
                Some(identity_server::SERVICE_NAME) => identity.call(request).await,
                Some(node_server::SERVICE_NAME) => node.call(request).await,
                _ => Ok(tonic::Status::unimplemented("no such service").into_http()),
            }
        }
    }));
    tasks.spawn(socket::serve(introduction, shutdown, move |request| {
        let mut registrar = registrar.clone();
        async move { registrar.call(request).await }
    }));
    while tasks.join_next().await.is_some() {}
    // The kubelet forgets the driver when this is gone, and asks a new one when it is back.
    for path in [registration, endpoint] {
        let _gone = std::fs::remove_file(path);
    }
    Ok(())
}
