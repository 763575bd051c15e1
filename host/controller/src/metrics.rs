//! What a controller counts, for Prometheus. Labels are closed sets; no name of an object is one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::Context;

/// Seconds: from a look that finds nothing to do to one that waits for a slow API server.
const BUCKETS: [f64; 8] = [0.001, 0.005, 0.02, 0.05, 0.15, 0.5, 2.0, 10.0];

/// The counters of one controller. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    reconciles: Family<Reconcile, Counter>,
    seconds: Family<Kind, Histogram>,
    breaks: Family<Kind, Counter>,
    events: Family<EventType, Counter>,
    leading: Gauge,
    /// The controller that works, if one does: what it has seen is counted when it is asked for.
    working: Arc<Mutex<Weak<Context>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconcile {
    kind: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventType {
    r#type: &'static str,
}

/// One kind's objects in one phase.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct Phase {
    kind: &'static str,
    phase: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            reconciles: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            breaks: Family::default(),
            events: Family::default(),
            leading: Gauge::default(),
            working: Arc::default(),
        }
    }
}

impl Metrics {
    /// Adds them to what is shown: `controller_…`, and `objects`, behind the registry's own prefix.
    pub fn register(&self, registry: &mut Registry) {
        let own = registry.sub_registry_with_prefix("controller");
        own.register("reconciles", "Looks at objects, by what came of them", self.reconciles.clone());
        own.register("reconcile_seconds", "Time of one look at an object", self.seconds.clone());
        own.register("watch_breaks", "Watches that broke and began again", self.breaks.clone());
        own.register("events", "Events written", self.events.clone());
        own.register("leading", "1 while this controller has the lease", self.leading.clone());
        registry.register_collector(Box::new(Seen(Arc::clone(&self.working))));
    }

    /// A look at an object ended; `result` is `ok` or the category of its error.
    pub(crate) fn reconciled(&self, kind: &'static str, result: &'static str, took: Duration) {
        self.reconciles.get_or_create(&Reconcile { kind, result }).inc();
        self.seconds.get_or_create(&Kind { kind: kind.to_owned() }).observe(took.as_secs_f64());
    }

    pub(crate) fn watch_broke(&self, plural: &str) {
        self.breaks.get_or_create(&Kind { kind: plural.to_owned() }).inc();
    }

    pub(crate) fn event_written(&self, warning: bool) {
        let r#type = if warning { "Warning" } else { "Normal" };
        self.events.get_or_create(&EventType { r#type }).inc();
    }

    pub(crate) fn set_leading(&self, leading: bool) {
        self.leading.set(i64::from(leading));
    }

    pub(crate) fn watch(&self, context: &Arc<Context>) {
        *self.working.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(context);
    }
}

/// Counts what the working controller has seen, when it is asked for.
#[derive(Debug)]
struct Seen(Arc<Mutex<Weak<Context>>>);

impl Collector for Seen {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(context) = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade() else {
            return Ok(());
        };
        let waiting = ConstGauge::new(i64::try_from(context.queue.len()).unwrap_or(i64::MAX));
        let words = "Objects that are due to be looked at";
        let gauge = encoder.encode_descriptor("controller_queue", words, None, waiting.metric_type())?;
        waiting.encode(gauge)?;
        let words = "Objects, by kind and phase";
        let mut family = encoder.encode_descriptor("objects", words, None, waiting.metric_type())?;
        for (labels, count) in phases(&context) {
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn phases(context: &Context) -> BTreeMap<Phase, i64> {
    let mut counts = BTreeMap::new();
    for (kind, phase) in context.cache.read().phases() {
        *counts.entry(Phase { kind, phase }).or_insert(0) += 1;
    }
    counts
}
