//! One watch per kind: what it says goes into the cache, and what that concerns into the queue.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node as Machine, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use millrace_crds::dataset::{Dataset, DatasetGroup};
use millrace_crds::{CacheNode, DataLoad, DataProcessing, NodeTask, ProcessorModule, RuntimeProfile};
use millrace_decide::Name;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

use crate::Context;
use crate::cache::Cached;
use crate::container;

/// How many kinds have not been listed yet.
pub(crate) type Unlisted = watch::Receiver<usize>;

/// Starts every watch.
pub(crate) fn spawn_all(context: &Arc<Context>, watches: &mut JoinSet<()>) -> Unlisted {
    let (unlisted, receiver) = watch::channel(0);
    let unlisted = Arc::new(unlisted);
    for group in DatasetGroup::ALL {
        spawn::<Dataset>(context, watches, &unlisted, group);
    }
    spawn::<DataLoad>(context, watches, &unlisted, ());
    spawn::<DataProcessing>(context, watches, &unlisted, ());
    spawn::<NodeTask>(context, watches, &unlisted, ());
    spawn::<CacheNode>(context, watches, &unlisted, ());
    spawn::<ProcessorModule>(context, watches, &unlisted, ());
    spawn::<RuntimeProfile>(context, watches, &unlisted, ());
    if !context.config.local {
        spawn::<Machine>(context, watches, &unlisted, ());
        spawn::<PersistentVolume>(context, watches, &unlisted, ());
        spawn::<PersistentVolumeClaim>(context, watches, &unlisted, ());
        spawn::<DynamicObject>(context, watches, &unlisted, container::jobs());
        spawn::<Pod>(context, watches, &unlisted, ());
    }
    receiver
}

/// Watches the workloads of a kind that an operation uses.
pub(crate) fn spawn_kind(context: &Arc<Context>, watches: &mut JoinSet<()>, kind: ApiResource) {
    let (unlisted, _) = watch::channel(0);
    spawn::<DynamicObject>(context, watches, &Arc::new(unlisted), kind);
}

fn spawn<K: Cached>(
    context: &Arc<Context>,
    watches: &mut JoinSet<()>,
    unlisted: &Arc<watch::Sender<usize>>,
    kind: K::DynamicType,
) {
    unlisted.send_modify(|count| *count = count.saturating_add(1));
    watches.spawn(follow::<K>(Arc::clone(context), Arc::clone(unlisted), kind));
}

/// Follows one kind until it is stopped; a watch that breaks starts again, less and less often.
async fn follow<K: Cached>(context: Arc<Context>, unlisted: Arc<watch::Sender<usize>>, kind: K::DynamicType) {
    let api: Api<K> = Api::all_with(context.client.clone(), &kind);
    let chosen =
        K::selector().map_or_else(watcher::Config::default, |label| watcher::Config::default().labels(label));
    let mut events = std::pin::pin!(watcher(api, chosen).default_backoff());
    let mut listed = BTreeSet::new();
    let mut first = true;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                let done = matches!(event, Event::InitDone);
                take_in::<K>(&context, &kind, event, &mut listed);
                if done && first {
                    first = false;
                    unlisted.send_modify(|count| *count = count.saturating_sub(1));
                }
            }
            Err(error) => {
                context.config.metrics.watch_broke(&K::plural(&kind));
                warn!(kind = %K::plural(&kind), %error, "a watch broke and starts again");
            }
        }
    }
}

fn take_in<K: Cached>(
    context: &Context,
    kind: &K::DynamicType,
    event: Event<K>,
    listed: &mut BTreeSet<Name>,
) {
    let name = |object: &K| Name {
        namespace: object.meta().namespace.clone().unwrap_or_default(),
        name: object.meta().name.clone().unwrap_or_default(),
    };
    let keys = match event {
        Event::Init => {
            listed.clear();
            return;
        }
        Event::InitApply(object) => {
            listed.insert(name(&object));
            context.cache.put(kind, object)
        }
        Event::Apply(object) => context.cache.put(kind, object),
        Event::Delete(object) => context.cache.remove::<K>(kind, &name(&object)),
        Event::InitDone => context.cache.keep::<K>(kind, &std::mem::take(listed)),
    };
    context.queue.add(keys);
}
