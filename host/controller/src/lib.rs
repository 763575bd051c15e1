//! The controller: watches the objects, decides what is next, and applies it.
//!
//! It talks to the API server and to nothing else. What to do is decided in `millrace-decide`; this
//! crate reads what a decision needs and carries decisions out, one file per step.

mod cache;
pub mod clock;
mod container;
mod dataset;
mod error;
mod event;
mod key;
mod lease;
mod metrics;
mod operation;
mod patch;
mod queue;
mod standing;
mod task;
mod watch;
mod worker;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use millrace_decide::{Missing, ShippedModule};
use tokio::sync::{mpsc, watch as channel};
use tokio::task::JoinSet;

use crate::cache::Cache;
use crate::clock::{Clock, SystemClock};
use crate::container::Kinds;
use crate::queue::Queue;

pub use crate::error::Error;
pub use crate::lease::{LeaseName, run_elected};
pub use crate::metrics::Metrics;
pub use crate::standing::Standing;

/// How a controller works.
#[derive(Debug, Clone)]
pub struct Config {
    /// The modules that are part of this program; their names are reserved.
    pub modules: Arc<[ShippedModule]>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How many objects are worked on at once; at least 1.
    pub concurrency: usize,
    /// How often every object is looked at even if nothing changed.
    pub resync: Duration,
    /// No cluster: no Jobs, no claims, no cache but ours.
    pub local: bool,
    /// What becomes of an operation whose objects are not there.
    pub missing: Missing,
    /// What it counts.
    pub metrics: Metrics,
    /// Told how it stands.
    pub standing: channel::Sender<Standing>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            modules: Arc::new([]),
            clock: Arc::new(SystemClock),
            // Work is waiting for the API server; eight hide its latency without crowding it.
            concurrency: 8,
            resync: Duration::from_secs(600),
            local: true,
            missing: Missing::Wait,
            metrics: Metrics::default(),
            standing: channel::Sender::default(),
        }
    }
}

/// What every part of the controller shares.
struct Context {
    client: kube::Client,
    config: Config,
    cache: Cache,
    queue: Queue,
    kinds: Kinds,
}

/// Works until `shutdown` completes; what is at hand is finished first.
///
/// Any number may run at once: what they create has fixed names, and what they change is changed
/// only in the version that was read.
///
/// # Errors
/// If a part of it ended by itself.
pub async fn run(
    client: kube::Client,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let queue = Queue::new(Arc::clone(&config.clock));
    let (wanted, mut kinds) = mpsc::unbounded_channel();
    let context =
        Arc::new(Context { client, config, cache: Cache::default(), queue, kinds: Kinds::new(wanted) });
    context.config.metrics.watch(&context);
    context.config.standing.send_replace(Standing::Listing);
    let mut watches = JoinSet::new();
    let synced = watch::spawn_all(&context, &mut watches);
    let mut workers = JoinSet::new();
    workers.spawn(worker::timers(Arc::clone(&context)));
    worker::spawn_when(synced, &context, &mut workers);
    let mut shutdown = std::pin::pin!(shutdown);
    let outcome = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            Some(ended) = watches.join_next() => break Err(error::ended("watch", &ended)),
            Some(ended) = workers.join_next() => break Err(error::ended("worker", &ended)),
            Some(kind) = kinds.recv() => watch::spawn_kind(&context, &mut watches, kind),
        }
    };
    context.config.standing.send_replace(Standing::Stopping);
    context.queue.close();
    watches.shutdown().await;
    while workers.join_next().await.is_some() {}
    outcome
}
