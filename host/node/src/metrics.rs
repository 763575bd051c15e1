//! What an agent counts, for Prometheus. Labels are closed sets; no name of an object is one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use millrace_crds::cache_node::CacheNodeStatus;
use millrace_crds::node_task::Action;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds: from a Wasm step over a small file to a load of a night.
const BUCKETS: [f64; 9] = [0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 900.0, 7200.0];
/// After so long without a heartbeat that arrived, the agent counts as not ready; as lost after 40 s.
const SILENCE: Duration = Duration::from_secs(30);

/// The counters of one agent. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    tasks: Family<Outcome, Counter>,
    seconds: Family<Stage, Histogram>,
    running: Gauge,
    missed: Counter,
    cached_bytes: Gauge,
    cached_files: Gauge,
    free_bytes: Gauge,
    capacity_bytes: Gauge,
    layers: Gauge,
    /// When the last heartbeat arrived, and what was wrong with the last one if it did not.
    heartbeat: Arc<Mutex<(Option<Instant>, String)>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    action: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    action: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            tasks: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            running: Gauge::default(),
            missed: Counter::default(),
            cached_bytes: Gauge::default(),
            cached_files: Gauge::default(),
            free_bytes: Gauge::default(),
            capacity_bytes: Gauge::default(),
            layers: Gauge::default(),
            heartbeat: Arc::default(),
        }
    }
}

impl Metrics {
    /// Adds them to what is shown: `agent_…`, behind the registry's own prefix.
    pub fn register(&self, registry: &mut Registry) {
        let own = registry.sub_registry_with_prefix("agent");
        own.register("tasks", "Tasks that ended, by what came of them", self.tasks.clone());
        own.register("task_seconds", "Time of one task", self.seconds.clone());
        own.register("tasks_running", "Tasks under way", self.running.clone());
        own.register("heartbeats_missed", "Heartbeats that were not written", self.missed.clone());
        own.register(
            "cached_bytes",
            "Bytes of whole files, as the last loads found them",
            self.cached_bytes.clone(),
        );
        own.register("cached_files", "Whole files, as the last loads found them", self.cached_files.clone());
        own.register("disk_free_bytes", "Free bytes of the cache's disk", self.free_bytes.clone());
        own.register("disk_capacity_bytes", "Bytes of the cache's disk", self.capacity_bytes.clone());
        own.register("sandbox_layers", "Layers of the sandbox that hold here", self.layers.clone());
    }

    /// Whether the agent is heard of, and how it stands in words.
    #[must_use]
    pub fn standing(&self) -> (bool, String) {
        let heartbeat = self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner);
        match heartbeat.0 {
            Some(at) if at.elapsed() < SILENCE => (true, "working".to_owned()),
            Some(_) => (false, format!("no heartbeat was written for 30 s: {}", heartbeat.1)),
            None if heartbeat.1.is_empty() => (false, "starting".to_owned()),
            None => (false, format!("the first heartbeat is not written: {}", heartbeat.1)),
        }
    }

    pub(crate) fn heard(&self, status: &CacheNodeStatus) {
        *self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner) =
            (Some(Instant::now()), String::new());
        self.cached_bytes.set(status.datasets.iter().map(|held| held.cached_bytes).sum());
        self.cached_files.set(status.datasets.iter().map(|held| held.cached_files).sum());
        self.free_bytes.set(status.free_bytes);
        self.capacity_bytes.set(status.capacity_bytes);
        self.layers.set(i64::try_from(status.sandbox.len()).unwrap_or(i64::MAX));
    }

    pub(crate) fn unheard(&self, why: String) {
        self.missed.inc();
        self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner).1 = why;
    }

    /// A task begins; it counts as running until the answer is dropped.
    pub(crate) fn begin(&self) -> Running {
        self.running.inc();
        Running { running: self.running.clone(), since: Instant::now() }
    }

    /// A task ended; `result` is `ok`, or whose fault it was.
    pub(crate) fn ended(&self, running: &Running, action: Action, result: &'static str) {
        let action = action.to_string();
        self.seconds
            .get_or_create(&Stage { action: action.clone() })
            .observe(running.since.elapsed().as_secs_f64());
        self.tasks.get_or_create(&Outcome { action, result }).inc();
    }
}

/// A task under way.
#[derive(Debug)]
pub(crate) struct Running {
    running: Gauge,
    since: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.running.dec();
    }
}
