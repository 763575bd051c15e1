//! What an agent is told when it starts.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use millrace_data::store::StorePolicy;

use crate::metrics::Metrics;
use crate::process::ProgramCommand;

/// Everything that an agent is told; nothing else is read from the environment.
#[derive(Clone)]
pub struct AgentConfig {
    /// The node whose tasks it does.
    pub node: String,
    /// Where it keeps things.
    pub folders: Folders,
    /// Threads of one run.
    pub threads: NonZeroUsize,
    /// Tasks at once; more wait.
    pub tasks: NonZeroUsize,
    /// Outputs and cached files are flushed to the disk before they count.
    pub durable: bool,
    /// Refuse to run a module where a layer of the sandbox is missing.
    pub require_sandbox: bool,
    /// Modules inside this program, by digest (`sha256:…`).
    pub shipped: BTreeMap<String, Bytes>,
    /// What stores may be asked for; the namespace is filled in per task.
    pub stores: StorePolicy,
    /// Bytes that the cache may take; the disk decides unless said.
    pub cache_quota: Option<u64>,
    /// The folder that it shares with the volume plugin; none where there are no pods.
    pub volumes: Option<PathBuf>,
    /// The program that is a runner: [`crate::runner_main`] is its `main`.
    pub runner: ProgramCommand,
    /// The program that compiles: [`crate::compile_worker_main`] is its `main`.
    pub compile_worker: ProgramCommand,
    /// What time it is, for status fields only.
    pub clock: Clock,
    /// What it counts.
    pub metrics: Metrics,
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// An agent's folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Files of remote datasets.
    pub cache: PathBuf,
    /// Modules, compiled and not. Whoever can write here can run code as the agent.
    pub modules: PathBuf,
    /// Staging of outputs that go to a store, and the agent's own notes.
    pub state: PathBuf,
}

impl Folders {
    /// `cache`, `modules` and `state` below `home`.
    #[must_use]
    pub fn below(home: &Path) -> Self {
        Self { cache: home.join("cache"), modules: home.join("modules"), state: home.join("state") }
    }
}

impl AgentConfig {
    /// An agent for `node` below `home`, which runs this very program as runner and compiler.
    #[must_use]
    pub fn new(node: &str, home: &Path, stores: StorePolicy) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            node: node.to_owned(),
            folders: Folders::below(home),
            threads,
            // Runs use all threads each; a second one fills the gaps of the first (loading, publishing).
            tasks: threads.saturating_add(1),
            durable: false,
            require_sandbox: false,
            shipped: BTreeMap::new(),
            stores,
            cache_quota: None,
            volumes: None,
            runner: ProgramCommand::current("runner"),
            compile_worker: ProgramCommand::current("compile-worker"),
            clock: Arc::new(jiff::Timestamp::now),
            metrics: Metrics::default(),
        }
    }
}
