//! CSI's Node service: mounting and unmounting the volumes of pods on this node.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tonic::{Request, Response, Status};

use super::proto::node_server::Node as Service;
use super::proto::node_service_capability::rpc::Type as RpcType;
use super::proto::node_service_capability::{Rpc, Type};
use super::proto::volume_usage::Unit;
use super::proto::{
    NodeGetCapabilitiesRequest, NodeGetCapabilitiesResponse, NodeGetInfoRequest, NodeGetInfoResponse,
    NodeGetVolumeStatsRequest, NodeGetVolumeStatsResponse, NodePublishVolumeRequest,
    NodePublishVolumeResponse, NodeServiceCapability, NodeUnpublishVolumeRequest,
    NodeUnpublishVolumeResponse, VolumeUsage,
};
use super::{CsiConfig, mount};
use crate::volumes::{Answer, Ask, Bind, Published, Record, socket};

/// The first wait for a Dataset is short, so that the pod's Event says soon what it waits for.
const FIRST: u64 = 5;
/// Later ones are nearly as long as the kubelet waits, so that the pod starts when the load ends.
const LATER: u64 = 100;
/// How much longer than it was asked to the agent may take for its answer: it may look at a million files.
const SLACK: Duration = Duration::from_secs(10);
/// The longest answer.
const LINE: u64 = 1 << 20;

/// The plugin of one node.
pub(super) struct Node {
    name: String,
    agent: PathBuf,
    roots: Vec<PathBuf>,
    kubelet: PathBuf,
    published: Published,
    /// Volumes that the kubelet has asked for before, by target.
    asked: Mutex<HashSet<PathBuf>>,
}

impl Node {
    pub(super) fn new(config: &CsiConfig, published: Published) -> Self {
        Self {
            name: config.node.clone(),
            agent: socket(&config.volumes),
            roots: config.roots.clone(),
            kubelet: config.kubelet.clone(),
            published,
            asked: Mutex::default(),
        }
    }

    /// A path of the kubelet's, which alone may be mounted on.
    fn target(&self, path: &str) -> Result<PathBuf, Status> {
        let path = PathBuf::from(path);
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if plain && path.starts_with(&self.kubelet) && path != self.kubelet {
            return Ok(path);
        }
        let (path, kubelet) = (path.display(), self.kubelet.display());
        Err(Status::invalid_argument(format!("the target path {path:?} is not below {kubelet}")))
    }

    /// Waits for the Dataset, not longer than the kubelet does.
    async fn ask(&self, request: &NodePublishVolumeRequest, target: &Path) -> Result<Volume, Status> {
        let attribute = |key: &str| {
            let value = request.volume_context.get(key).cloned();
            value.ok_or_else(|| Status::invalid_argument(format!("the volume has no attribute {key:?}")))
        };
        let again = !self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(target.to_owned());
        let ask = Ask {
            namespace: attribute("namespace")?,
            name: attribute("name")?,
            uid: request.volume_id.clone(),
            patience_seconds: if again { LATER } else { FIRST },
        };
        let patience = Duration::from_secs(ask.patience_seconds) + SLACK;
        let answered = tokio::time::timeout(patience, question(&self.agent, &ask)).await;
        let answer = answered.unwrap_or_else(|error| Err(error.into())).map_err(|error| {
            let text = format!("the Millrace agent of node {} does not answer: {error}", self.name);
            Status::unavailable(text)
        })?;
        match answer {
            Answer::Waiting { words } => Err(Status::unavailable(words)),
            Answer::Ready { binds, files, bytes } => {
                let (uid, namespace, name) = (ask.uid, ask.namespace, ask.name);
                let record = Record { uid, namespace, name, target: target.to_owned(), files, bytes };
                Ok(Volume { binds, record })
            }
        }
    }

    async fn publish(&self, volume: Volume, read_only: bool) -> Result<(), Status> {
        let (roots, published) = (self.roots.clone(), self.published.clone());
        blocking(move || {
            let Volume { binds, record } = volume;
            // Noted first: what is mounted and not noted could be evicted.
            published.write(&record).map_err(|error| internal(&error))?;
            mount::publish(&roots, &binds, &record.target, read_only).map_err(|error| {
                let _gone = published.remove(&record.target);
                Status::failed_precondition(error.to_string())
            })
        })
        .await
    }
}

/// What is to be mounted, and what is noted of it.
struct Volume {
    binds: Vec<Bind>,
    record: Record,
}

#[tonic::async_trait]
impl Service for Node {
    async fn node_publish_volume(
        &self,
        request: Request<NodePublishVolumeRequest>,
    ) -> Result<Response<NodePublishVolumeResponse>, Status> {
        let request = request.into_inner();
        let target = self.target(&request.target_path)?;
        let (published, there) = (self.published.clone(), target.clone());
        let done = blocking(move || {
            let mounted = mount::is_mounted(&there).map_err(|error| internal(&error))?;
            Ok(mounted && published.read(&there).is_some())
        });
        if !done.await? {
            let volume = self.ask(&request, &target).await?;
            let (dataset, files) =
                (format!("{}/{}", volume.record.namespace, volume.record.name), volume.record.files);
            self.publish(volume, request.readonly).await?;
            tracing::info!(dataset, files, target = %target.display(), "mounted");
        }
        Ok(Response::new(NodePublishVolumeResponse {}))
    }

    async fn node_unpublish_volume(
        &self,
        request: Request<NodeUnpublishVolumeRequest>,
    ) -> Result<Response<NodeUnpublishVolumeResponse>, Status> {
        let target = self.target(&request.into_inner().target_path)?;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&target);
        let published = self.published.clone();
        blocking(move || {
            mount::unpublish(&target).map_err(|error| internal(&error))?;
            published.remove(&target).map_err(|error| internal(&error))?;
            tracing::info!(target = %target.display(), "unmounted");
            Ok(())
        })
        .await?;
        Ok(Response::new(NodeUnpublishVolumeResponse {}))
    }

    async fn node_get_volume_stats(
        &self,
        request: Request<NodeGetVolumeStatsRequest>,
    ) -> Result<Response<NodeGetVolumeStatsResponse>, Status> {
        let target = self.target(&request.into_inner().volume_path)?;
        let published = self.published.clone();
        let record = blocking(move || Ok(published.read(&target))).await?;
        let record = record.ok_or_else(|| Status::not_found("this volume is not mounted here"))?;
        // As it was when it was mounted: a volume is read, so nothing is available in it.
        let usage = [(record.bytes, Unit::Bytes), (record.files, Unit::Inodes)].map(|(count, unit)| {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            VolumeUsage { available: 0, total: count, used: count, unit: unit.into() }
        });
        Ok(Response::new(NodeGetVolumeStatsResponse { usage: usage.into() }))
    }

    async fn node_get_capabilities(
        &self,
        _: Request<NodeGetCapabilitiesRequest>,
    ) -> Result<Response<NodeGetCapabilitiesResponse>, Status> {
        let stats = Type::Rpc(Rpc { r#type: RpcType::GetVolumeStats.into() });
        let capabilities = vec![NodeServiceCapability { r#type: Some(stats) }];
        Ok(Response::new(NodeGetCapabilitiesResponse { capabilities }))
    }

    async fn node_get_info(
        &self,
        _: Request<NodeGetInfoRequest>,
    ) -> Result<Response<NodeGetInfoResponse>, Status> {
        Ok(Response::new(NodeGetInfoResponse { node_id: self.name.clone() }))
    }
}

/// One question to the agent, one line each way.
async fn question(socket: &Path, ask: &Ask) -> std::io::Result<Answer> {
    let (reader, mut writer) = UnixStream::connect(socket).await?.into_split();
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    let mut answer = String::new();
    BufReader::new(reader.take(LINE)).read_line(&mut answer).await?;
    Ok(serde_json::from_str(&answer)?)
}

fn internal(error: &dyn std::error::Error) -> Status {
    Status::internal(error.to_string())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Status::internal(format!("a thread of the plugin ended early: {error}"))))
}
