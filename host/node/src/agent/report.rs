//! What a running task says of itself: progress at most twice a second, and the tail of its log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use millrace_crds::NodeTask;
use millrace_crds::common::Progress;
use millrace_crds::names::MANAGER_NODE;
use millrace_crds::node_task::NodeTaskStatus;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Agent;

/// Two writes a second at most.
const INTERVAL: Duration = Duration::from_millis(500);
/// Bytes of log that a status keeps; the schema allows 32,768 characters.
const LOG_BYTES: usize = 16 << 10;

/// Takes a task's progress and log, and writes the progress now and then.
pub(crate) struct Reporter {
    progress: watch::Sender<Progress>,
    log: Arc<Mutex<String>>,
    writer: JoinHandle<()>,
}

impl Reporter {
    pub(super) fn start(agent: &Agent, task: &NodeTask) -> Self {
        let (progress, receiver) = watch::channel(Progress::default());
        let api = Api::namespaced(agent.client.clone(), &task.namespace().unwrap_or_default());
        let writer = tokio::spawn(write_now_and_then(api, task.clone(), receiver));
        Self { progress, log: Arc::default(), writer }
    }

    /// Sets how far the task is.
    pub(crate) fn progress(&self, progress: Progress) {
        self.progress.send_replace(progress);
    }

    /// How far the task is, now and later.
    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Keeps the end of the log.
    pub(crate) fn log(&self, text: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(text);
        if log.len() > LOG_BYTES {
            let from = log.ceil_char_boundary(log.len() - LOG_BYTES);
            log.drain(..from);
        }
    }

    /// Stops writing and returns the last progress and the log's tail; after this no late progress
    /// overwrites the end.
    pub(super) async fn end(self) -> (Progress, String) {
        self.writer.abort();
        // Aborted, or ended by itself: both are the end.
        let _ended = self.writer.await;
        let log = std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner));
        (self.progress.borrow().clone(), log)
    }
}

async fn write_now_and_then(api: Api<NodeTask>, task: NodeTask, mut progress: watch::Receiver<Progress>) {
    let mut status = task.status.clone().unwrap_or_default();
    // A task that ends at once needs no progress.
    tokio::time::sleep(INTERVAL).await;
    while progress.changed().await.is_ok() {
        status.progress = Some(progress.borrow_and_update().clone());
        if let Err(error) = patch(&api, &task, &status).await {
            tracing::debug!(%error, "progress was not written");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Writes the status of this very task; one of the same name made later has another UID and refuses.
pub(super) async fn patch(
    api: &Api<NodeTask>,
    task: &NodeTask,
    status: &NodeTaskStatus,
) -> Result<(), kube::Error> {
    let body = json!({ "metadata": { "uid": task.uid() }, "status": status });
    let parameters = PatchParams { field_manager: Some(MANAGER_NODE.to_owned()), ..PatchParams::default() };
    match api.patch_status(&task.name_any(), &parameters, &Patch::Merge(&body)).await {
        // It was deleted: nobody waits for its status.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        answer => answer.map(|_| ()),
    }
}
