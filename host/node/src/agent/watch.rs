//! Watching the tasks of this node, whatever happens to the connection.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use millrace_crds::NodeTask;
use millrace_crds::node_task::TaskPhase;
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Agent, tasks};

/// Works until `shutdown`; returns when every task has stopped.
pub(super) async fn work(agent: Arc<Agent>, shutdown: CancellationToken) {
    let api: Api<NodeTask> = Api::all(agent.client.clone());
    let mine = watcher::Config::default().fields(&format!("spec.node={}", agent.config.node));
    let mut events = pin!(watcher(api, mine).default_backoff());
    let mut running = Running::new(agent, &shutdown);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = running.set.join_next_with_id() => running.ended(ended),
            event = events.next() => match event {
                Some(Ok(event)) => running.see(event),
                Some(Err(error)) => tracing::warn!(%error, "watching node tasks; trying again"),
                None => break,
            },
        }
    }
    while running.set.join_next().await.is_some() {}
}

/// The tasks under way.
struct Running {
    agent: Arc<Agent>,
    places: Arc<Semaphore>,
    shutdown: CancellationToken,
    set: JoinSet<()>,
    /// By UID: how to stop it, and which tokio task it is.
    tasks: HashMap<String, (CancellationToken, Id)>,
    /// UIDs seen since a relisting began; the others are gone.
    listed: Vec<String>,
}

impl Running {
    fn new(agent: Arc<Agent>, shutdown: &CancellationToken) -> Self {
        let places = Arc::new(Semaphore::new(agent.config.tasks.get()));
        let (set, tasks, listed) = (JoinSet::new(), HashMap::new(), Vec::new());
        Self { agent, places, shutdown: shutdown.clone(), set, tasks, listed }
    }

    fn see(&mut self, event: watcher::Event<NodeTask>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(task) => {
                self.listed.extend(task.uid());
                self.consider(task);
            }
            watcher::Event::InitDone => self.stop_unlisted(),
            watcher::Event::Apply(task) => self.consider(task),
            watcher::Event::Delete(task) => self.stop(&task.uid().unwrap_or_default()),
        }
    }

    /// A pending task, or one that an earlier boot of this node claimed, is begun; one that is not
    /// wanted any more is stopped.
    fn consider(&mut self, task: NodeTask) {
        let Some(uid) = task.uid() else { return };
        let known = self.tasks.contains_key(&uid);
        if task.metadata.deletion_timestamp.is_some() || (task.spec.cancelled && known) {
            return self.stop(&uid);
        }
        let phase = task.status.as_ref().map(|status| status.phase).unwrap_or_default();
        if !known && matches!(phase, TaskPhase::Pending | TaskPhase::Running) {
            self.begin(uid, task);
        }
    }

    fn begin(&mut self, uid: String, task: NodeTask) {
        let cancel = CancellationToken::new();
        let (agent, places) = (Arc::clone(&self.agent), Arc::clone(&self.places));
        let stops = tasks::Stops { cancel: cancel.clone(), shutdown: self.shutdown.clone() };
        let handle = self.set.spawn(async move {
            let _place = stops.or_stop(places.acquire_owned()).await;
            // One that was cancelled while it waited still has to be told to have ended.
            if !stops.shutdown.is_cancelled() {
                tasks::perform(&agent, task, &stops).await;
            }
        });
        self.tasks.insert(uid, (cancel, handle.id()));
    }

    fn stop(&mut self, uid: &str) {
        if let Some((cancel, _)) = self.tasks.get(uid) {
            cancel.cancel();
        }
    }

    fn stop_unlisted(&mut self) {
        let gone: Vec<_> = self.tasks.keys().filter(|uid| !self.listed.contains(uid)).cloned().collect();
        gone.iter().for_each(|uid| self.stop(uid));
    }

    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "a task of the agent panicked; it is taken up again when it is next seen");
                error.id()
            }
        };
        self.tasks.retain(|_, (_, other)| *other != id);
    }
}
