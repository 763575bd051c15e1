//! The agent's CacheNode: what this node has, can do and waits for, every 10 s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use millrace_crds::CacheNode;
use millrace_crds::cache_node::{CacheNodeSpec, CacheNodeStatus, HeldDataset};
use millrace_crds::names::MANAGER_NODE;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Agent;
use crate::sandbox::{self, LayerReport};

const INTERVAL: Duration = Duration::from_secs(10);
/// After a beat that failed, so that one lost request does not cost a quarter of the 40 s.
const RETRY: Duration = Duration::from_secs(2);

/// Beats until `shutdown`.
pub(super) async fn beat(agent: Arc<Agent>, shutdown: CancellationToken) {
    let layers = layers(&agent).await;
    loop {
        agent.desk.sweep();
        let status = status(&agent, &layers);
        let pause = match say(&agent, &status).await {
            Ok(()) => {
                agent.config.metrics.heard(&status);
                INTERVAL
            }
            Err(error) => {
                agent.config.metrics.unheard(error.to_string());
                tracing::warn!(%error, "the heartbeat was not written; trying again");
                RETRY
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            // A pod waits for each of these: the controller is to know at once.
            () = agent.desk.wants() => {}
        }
    }
}

/// Names of the layers that hold here.
async fn layers(agent: &Agent) -> Vec<String> {
    let runner = agent.config.runner.clone();
    let probed = tokio::task::spawn_blocking(move || sandbox::probe(&runner)).await;
    let reports = match probed {
        Ok(Ok(reports)) => reports,
        Ok(Err(error)) => {
            tracing::error!(%error, "the sandbox could not be tried");
            return Vec::new();
        }
        Err(error) => {
            tracing::error!(%error, "the sandbox could not be tried");
            return Vec::new();
        }
    };
    for report in reports.iter().filter(|report| !report.holds()) {
        let why =
            report.missing.as_deref().unwrap_or("something forbidden was allowed; see `millrace doctor`");
        tracing::warn!(layer = report.layer.name(), why, "a layer of the sandbox is missing");
    }
    reports
        .iter()
        .filter(|report| report.holds())
        .map(|report: &LayerReport| report.layer.name().to_owned())
        .collect()
}

async fn say(agent: &Agent, status: &CacheNodeStatus) -> Result<(), kube::Error> {
    let api: Api<CacheNode> = Api::all(agent.client.clone());
    let body = json!({ "status": status });
    let parameters = PatchParams { field_manager: Some(MANAGER_NODE.to_owned()), ..PatchParams::default() };
    match api.patch_status(&agent.config.node, &parameters, &Patch::Merge(&body)).await {
        Err(kube::Error::Api(answer)) if answer.code == 404 => {
            let node = CacheNode::new(&agent.config.node, CacheNodeSpec::default());
            match api.create(&PostParams::default(), &node).await {
                Err(kube::Error::Api(answer)) if answer.code == 409 => {}
                created => drop(created?),
            }
            api.patch_status(&agent.config.node, &parameters, &Patch::Merge(&body)).await.map(|_| ())
        }
        answer => answer.map(|_| ()),
    }
}

fn status(agent: &Agent, layers: &[String]) -> CacheNodeStatus {
    let (capacity_bytes, free_bytes) = disk(&agent.config.folders.cache);
    CacheNodeStatus {
        boot_id: agent.boot_id.clone(),
        seen: Some(Time((agent.config.clock)())),
        free_bytes,
        capacity_bytes,
        file_system: file_system_id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instruction_level: crate::machine::instruction_level().to_owned(),
        sandbox: layers.to_vec(),
        wanted: agent.desk.wanted(),
        datasets: agent.held.list(),
    }
}

fn disk(folder: &Path) -> (i64, i64) {
    let Ok(stat) = rustix::fs::statvfs(folder) else { return (0, 0) };
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(stat.f_frsize)).unwrap_or(i64::MAX);
    (bytes(stat.f_blocks), bytes(stat.f_bavail))
}

/// The same for agents that see the same files: one boot of one machine, one root folder.
pub(crate) fn file_system_id() -> String {
    use std::os::unix::fs::MetadataExt;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let root = std::fs::metadata("/").map(|root| (root.dev(), root.ino())).unwrap_or_default();
    blake3::hash(format!("{}{root:?}", boot.trim()).as_bytes()).to_hex().chars().take(16).collect()
}

/// What this node holds of each Dataset, as the last load found it; kept over restarts.
pub(crate) struct Held {
    path: PathBuf,
    datasets: Mutex<BTreeMap<String, HeldDataset>>,
}

impl Held {
    /// Reads the notes of an earlier start; none if there are none.
    pub(super) fn read(state: &Path) -> Self {
        let path = state.join("held.json");
        let notes = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Vec<HeldDataset>>(&bytes).ok());
        let datasets = notes.unwrap_or_default().into_iter().map(|held| (key(&held), held)).collect();
        Self { path, datasets: Mutex::new(datasets) }
    }

    /// Notes what a load found; several agents on one folder overwrite each other's notes, which a
    /// later load mends.
    pub(crate) fn note(&self, held: HeldDataset) {
        let list = {
            let mut datasets = self.datasets.lock().unwrap_or_else(PoisonError::into_inner);
            datasets.insert(key(&held), held);
            datasets.values().cloned().collect::<Vec<_>>()
        };
        let written = serde_json::to_vec(&list).map_err(std::io::Error::other).and_then(|bytes| {
            let new = self.path.with_extension("json.new");
            std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, &self.path))
        });
        if let Err(error) = written {
            tracing::warn!(%error, "what this node holds could not be noted; a restart will not know until the next load");
        }
    }

    fn list(&self) -> Vec<HeldDataset> {
        self.datasets.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

fn key(held: &HeldDataset) -> String {
    format!("{}/{}", held.namespace, held.name)
}
