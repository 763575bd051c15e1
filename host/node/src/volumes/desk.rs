//! The agent's side: it answers the plugin, keeps what is mounted from being evicted, and tells (by
//! the heartbeat) which Datasets pods of this node wait for, so that the controller has them loaded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_crds::cache_node::WantedDataset;
use millrace_crds::common::Progress;
use millrace_crds::node_task::TaskDataset;
use millrace_data::cache::Pinned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Answer, Ask, Published, View, socket};
use crate::action::{blocking, dataset_id};
use crate::agent::Agent;
use crate::failure::Failure;

/// Questions at once; a node has some hundred pods, and few start together.
const QUESTIONS: usize = 256;
/// The longest question.
const LINE: u64 = 8 << 10;
/// How long a plugin may take to ask once it is connected.
const ASKING: Duration = Duration::from_secs(5);
/// The longest wait for a Dataset in one question; the kubelet gives up a mount after 2 minutes.
const LONGEST: Duration = Duration::from_secs(110);
/// How long a Dataset stays wanted after the last question: the kubelet asks again within 2 minutes.
const WANTED: Duration = Duration::from_secs(300);

/// What the agent keeps about volumes.
pub(crate) struct Desk {
    /// The folder that it shares with the plugin; none on a laptop, which has no pods.
    folder: Option<PathBuf>,
    state: Mutex<State>,
    /// Raised whenever a load ended, well or badly.
    ended: watch::Sender<u64>,
    /// Something is wanted that was not.
    wants: Notify,
}

#[derive(Default)]
struct State {
    wanted: BTreeMap<String, (WantedDataset, Instant)>,
    loading: HashMap<String, watch::Receiver<Progress>>,
    failed: HashMap<String, (String, Instant)>,
    /// With the time of the last answer: the mount comes a moment after it.
    pins: HashMap<String, (Vec<Pinned>, Instant)>,
}

impl Desk {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        let (ended, wants) = (watch::Sender::new(0), Notify::new());
        Self { folder, state: Mutex::default(), ended, wants }
    }

    /// The folder that is shared with the plugin, where there is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock leaves it whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What pods of this node wait for.
    pub(crate) fn wanted(&self) -> Vec<WantedDataset> {
        let mut state = self.state();
        state.wanted.retain(|_, (_, asked)| asked.elapsed() < WANTED);
        state.wanted.values().map(|(dataset, _)| dataset.clone()).collect()
    }

    /// Returns once something is wanted that was not.
    pub(crate) async fn wants(&self) {
        self.wants.notified().await;
    }

    /// A load of a whole Dataset begins.
    pub(crate) fn loading(&self, dataset: &TaskDataset, progress: watch::Receiver<Progress>) {
        self.state().loading.insert(dataset.uid.clone(), progress);
    }

    /// It ended: with what it brought, or with why not.
    pub(crate) async fn loaded(&self, dataset: &TaskDataset, loaded: Result<View, &Failure>) {
        let failed = match (loaded, self.folder.clone()) {
            (Ok(view), Some(folder)) if !dataset.uid.is_empty() => {
                blocking(move || view.write(&folder).map_err(|error| unwritten(&error))).await.err()
            }
            (Ok(_), _) => None,
            (Err(failure), _) => Some(failure.clone()),
        };
        let mut state = self.state();
        state.loading.remove(&dataset.uid);
        match failed {
            None => drop(state.failed.remove(&dataset.uid)),
            Some(failure) => {
                let words = format!("{}: {}", failure.reason, failure.message);
                state.failed.insert(dataset.uid.clone(), (words, Instant::now()));
            }
        }
        drop(state);
        self.ended.send_modify(|count| *count += 1);
    }

    /// Forgets what nobody asks for any more, and lets go what is not mounted any more.
    pub(crate) fn sweep(&self) {
        let Some(folder) = &self.folder else { return };
        let mounted: BTreeSet<_> = Published::below(folder).all().into_iter().map(|one| one.uid).collect();
        let mut state = self.state();
        state.wanted.retain(|_, (_, asked)| asked.elapsed() < WANTED);
        let State { wanted, failed, pins, .. } = &mut *state;
        failed.retain(|uid, _| wanted.contains_key(uid));
        pins.retain(|uid, (_, at)| mounted.contains(uid) || at.elapsed() < WANTED);
    }

    fn want(&self, ask: &Ask) {
        let (namespace, name, uid) = (ask.namespace.clone(), ask.name.clone(), ask.uid.clone());
        let wanted = WantedDataset { namespace, name, uid: uid.clone() };
        if self.state().wanted.insert(uid, (wanted, Instant::now())).is_none() {
            self.wants.notify_one();
        }
    }

    /// Where a load stands, in the words of the pod's Event.
    fn words(&self, ask: &Ask, node: &str) -> String {
        let what = format!("Dataset {}/{} is being loaded onto node {node}", ask.namespace, ask.name);
        let state = self.state();
        if let Some(progress) = state.loading.get(&ask.uid) {
            let Progress { bytes_done, bytes_total, .. } = *progress.borrow();
            let share = bytes_done.saturating_mul(100).checked_div(bytes_total);
            return share.map_or_else(|| what.clone(), |share| format!("{what}: {share} %"));
        }
        match state.failed.get(&ask.uid) {
            Some((why, _)) => format!("{what}; the last try failed and is repeated: {why}"),
            None => format!("{what}: the controller was asked for it"),
        }
    }

    fn failed_since(&self, uid: &str, began: Instant) -> bool {
        self.state().failed.get(uid).is_some_and(|(_, at)| *at >= began)
    }
}

fn unwritten(error: &std::io::Error) -> Failure {
    Failure::internal(format!("what was loaded could not be noted for pods that mount it: {error}"))
}

/// Answers the plugin until `shutdown`; what was mounted before is kept from the start.
pub(crate) async fn serve(agent: Arc<Agent>, shutdown: CancellationToken) {
    let Some(folder) = agent.desk.folder().map(Path::to_owned) else { return };
    keep_mounted(&agent, &folder).await;
    let listener = match listen(&folder) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(folder = %folder.display(), %error, "pods cannot mount Datasets: the socket for the volume plugin cannot be made");
            return;
        }
    };
    let places = Arc::new(Semaphore::new(QUESTIONS));
    while let Some(Ok(place)) = shutdown.run_until_cancelled(Arc::clone(&places).acquire_owned()).await {
        let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await else { return };
        let Ok((stream, _)) = accepted else { continue };
        let (agent, shutdown) = (Arc::clone(&agent), shutdown.clone());
        tokio::spawn(async move {
            if let Some(Err(error)) = shutdown.run_until_cancelled(talk(&agent, stream)).await {
                tracing::debug!(%error, "a question of the volume plugin was not answered");
            }
            drop(place);
        });
    }
}

fn listen(folder: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(folder)?;
    let path = socket(folder);
    // What an earlier start left; a second agent on one folder would be a mistake of the manifests.
    let _gone = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn talk(agent: &Agent, stream: UnixStream) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    timeout(ASKING, BufReader::new(reader.take(LINE)).read_line(&mut line)).await??;
    let ask: Ask = serde_json::from_str(&line)?;
    let mut answer = serde_json::to_vec(&attend(agent, &ask).await)?;
    answer.push(b'\n');
    writer.write_all(&answer).await
}

/// Waits until the Dataset is whole here, at most as long as the plugin wants to.
async fn attend(agent: &Agent, ask: &Ask) -> Answer {
    let began = Instant::now();
    let end = began + Duration::from_secs(ask.patience_seconds).min(LONGEST);
    let mut ended = agent.desk.ended.subscribe();
    loop {
        match ready(agent, ask).await {
            Ok(Some(answer)) => {
                agent.desk.state().wanted.remove(&ask.uid);
                return answer;
            }
            Ok(None) => {}
            Err(failure) => return Answer::Waiting { words: failure.to_string() },
        }
        agent.desk.want(ask);
        if agent.desk.failed_since(&ask.uid, began) {
            return Answer::Waiting { words: agent.desk.words(ask, &agent.config.node) };
        }
        tokio::select! {
            // The sender lives as long as the agent.
            _ = ended.changed() => {}
            () = sleep_until(end) => {
                return Answer::Waiting { words: agent.desk.words(ask, &agent.config.node) };
            }
        }
    }
}

/// The volume, if all of the Dataset is here; from then on it stays.
async fn ready(agent: &Agent, ask: &Ask) -> Result<Option<Answer>, Failure> {
    let Some(folder) = agent.desk.folder().map(Path::to_owned) else { return Ok(None) };
    let Ask { namespace, name, uid, .. } = ask.clone();
    let Some(view) = blocking(move || Ok(View::read(&folder, &namespace, &name, &uid))).await? else {
        return Ok(None);
    };
    // First pinned, then looked at: what is there now stays there.
    let pins = pin(agent, &view)?;
    let (whole, view) = blocking(move || Ok((view.is_whole(), view))).await?;
    if !whole {
        return Ok(None);
    }
    let binds = view.binds().map_err(|error| {
        Failure::internal(format!("a folder in the cache for one of the mounts cannot be made: {error}"))
    })?;
    agent.desk.state().pins.insert(ask.uid.clone(), (pins, Instant::now()));
    let (files, bytes) = view.size();
    Ok(Some(Answer::Ready { binds, files, bytes }))
}

fn pin(agent: &Agent, view: &View) -> Result<Vec<Pinned>, Failure> {
    let id = dataset_id(&view.dataset)?;
    view.lists().map(|(path, list)| Ok(agent.cache.dataset(&id, path)?.pin(list)?)).collect()
}

/// Keeps what pods had mounted when the agent ended.
async fn keep_mounted(agent: &Agent, folder: &Path) {
    for record in Published::below(folder).all() {
        let (folder, uid) = (folder.to_owned(), record.uid.clone());
        let read = move || Ok(View::read(&folder, &record.namespace, &record.name, &record.uid));
        let pinned = match blocking(read).await {
            Ok(Some(view)) => pin(agent, &view),
            Ok(None) => continue,
            Err(failure) => Err(failure),
        };
        match pinned {
            Ok(pins) => drop(agent.desk.state().pins.insert(uid, (pins, Instant::now()))),
            Err(failure) => {
                tracing::warn!(dataset = uid, %failure, "what a pod has mounted could not be kept from eviction");
            }
        }
    }
}
