//! Following the kinds that operations run after and that are not ours: each from the moment when
//! an operation first names it. What cannot be followed is said in the operations that wait for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt, discovery};
use millrace_decide::Name;
use millrace_decide::target::WorkloadKind;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Context;
use crate::cache::Workload;
use crate::error::code;

/// Kinds that are followed at most; every one is a watch over the whole cluster.
const KINDS: usize = 100;
/// How often a kind that is not served is looked for again.
const PAUSE: Duration = Duration::from_secs(30);

/// Kinds to follow. At most [`KINDS`] are ever sent, each once.
pub(crate) type Wanted = mpsc::UnboundedSender<WorkloadKind>;

/// Makes sure that a kind is followed.
pub(crate) fn want(context: &Context, kind: &WorkloadKind) {
    if context.cache.read().workloads().is_followed(kind) {
        return;
    }
    let keys = context.cache.change_workloads(|objects| {
        if objects.workloads().is_followed(kind) {
            return Vec::new();
        }
        if objects.workloads().len() >= KINDS {
            let trouble = format!("{KINDS} kinds are followed already, which is the most");
            return objects.trouble_with(kind, Some(trouble));
        }
        let keys = objects.trouble_with(kind, None);
        // An error means that the controller is ending.
        drop(context.wanted.send(kind.clone()));
        keys
    });
    context.queue.add(keys);
}

/// Follows the kinds that are wanted, until it is stopped.
pub(crate) async fn follow_wanted(context: Arc<Context>, mut wanted: mpsc::UnboundedReceiver<WorkloadKind>) {
    let mut followers = JoinSet::new();
    while let Some(kind) = wanted.recv().await {
        followers.spawn(follow(Arc::clone(&context), kind));
    }
}

async fn follow(context: Arc<Context>, kind: WorkloadKind) {
    let resource = loop {
        match discover(&context, &kind).await {
            Ok(resource) => break resource,
            Err(trouble) => {
                let keys =
                    context.cache.change_workloads(|objects| objects.trouble_with(&kind, Some(trouble)));
                context.queue.add(keys);
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    let api: Api<DynamicObject> = Api::all_with(context.client.clone(), &resource);
    let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
    let mut listed = BTreeMap::new();
    while let Some(event) = events.next().await {
        let keys = context.cache.change_workloads(|objects| match event {
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                listed.extend(kept(&object).map(|one| (name_of(&object), one)));
                Vec::new()
            }
            Ok(Event::InitDone) => objects.list_workloads(&kind, std::mem::take(&mut listed)),
            Ok(Event::Apply(object)) => objects.put_workload(&kind, name_of(&object), kept(&object)),
            Ok(Event::Delete(object)) => objects.put_workload(&kind, name_of(&object), None),
            Err(error) => {
                objects.trouble_with(&kind, Some(format!("{kind} objects cannot be listed: {error}")))
            }
        });
        context.queue.add(keys);
    }
}

/// The resource of a kind, as the API server serves it.
async fn discover(context: &Context, kind: &WorkloadKind) -> Result<ApiResource, String> {
    let (group, version) = kind.api_version.split_once('/').unwrap_or(("", &kind.api_version));
    let wanted = kube::core::GroupVersionKind::gvk(group, version, &kind.kind);
    match discovery::pinned_kind(&context.client, &wanted).await {
        Ok((resource, _)) => Ok(resource),
        Err(error) if is_not_served(&error) => {
            Err(format!("the cluster does not serve {kind}; it is looked for every {} s", PAUSE.as_secs()))
        }
        Err(error) => Err(format!("{kind} could not be looked up: {error}")),
    }
}

fn is_not_served(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Discovery(_)) || code(error) == Some(404)
}

fn name_of(object: &DynamicObject) -> Name {
    Name { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

fn kept(object: &DynamicObject) -> Option<Workload> {
    let labels = object.metadata.labels.clone().unwrap_or_default();
    // What came from JSON goes back to it.
    let whole = serde_json::to_value(object).ok()?;
    Some(Workload::new(labels, &whole))
}
