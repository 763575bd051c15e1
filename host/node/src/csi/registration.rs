//! How the kubelet gets to know the plugin: it finds this service's socket in its registry folder.

use std::path::PathBuf;

use millrace_crds::names::CSI_DRIVER;
use tonic::{Request, Response, Status};

use super::registration_proto::registration_server::Registration as Service;
use super::registration_proto::{InfoRequest, PluginInfo, RegistrationStatus, RegistrationStatusResponse};

/// Where the plugin itself is to be reached.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    pub(super) endpoint: PathBuf,
}

#[tonic::async_trait]
impl Service for Registration {
    async fn get_info(&self, _: Request<InfoRequest>) -> Result<Response<PluginInfo>, Status> {
        Ok(Response::new(PluginInfo {
            r#type: "CSIPlugin".to_owned(),
            name: CSI_DRIVER.to_owned(),
            endpoint: self.endpoint.to_string_lossy().into_owned(),
            supported_versions: vec!["1.0.0".to_owned()],
        }))
    }

    async fn notify_registration_status(
        &self,
        request: Request<RegistrationStatus>,
    ) -> Result<Response<RegistrationStatusResponse>, Status> {
        let RegistrationStatus { plugin_registered, error } = request.into_inner();
        if plugin_registered {
            tracing::info!("the kubelet knows this plugin");
        } else {
            tracing::error!(error, "the kubelet refused this plugin");
        }
        Ok(Response::new(RegistrationStatusResponse {}))
    }
}
