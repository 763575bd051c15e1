//! Carrying out changes to tasks. Before one is stopped, declared lost or removed, it is read again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use millrace_crds::node_task::{NodeTaskStatus, TaskFailure, TaskPhase};
use millrace_crds::reason::Fault;
use millrace_crds::{CacheNode, NodeTask, Reason, names};
use millrace_decide::Name;
use millrace_decide::operation::TaskChange;
use millrace_decide::placement::Node;
use serde_json::json;

use crate::Context;
use crate::container;
use crate::error::{Error, code};
use crate::patch;

/// Carries one change out; doing so twice is doing it once.
pub(crate) async fn apply(context: &Context, namespace: &str, change: TaskChange) -> Result<(), Error> {
    let api: Api<NodeTask> = Api::namespaced(context.client.clone(), namespace);
    match change {
        TaskChange::Create(task) => create(&api, namespace, &task).await,
        TaskChange::Start { attempt: _, object } => container::start(context, namespace, *object).await,
        TaskChange::StopCommand { name, uid } => container::stop(context, namespace, &name, &uid).await,
        TaskChange::Stop { name, uid } => stop(&api, &name, &uid).await,
        TaskChange::Remove { name, uid } => remove(&api, &name, uid).await,
        TaskChange::Lose { name, uid, message } => lose(context, &api, &name, &uid, message).await,
    }
}

/// The parameters of everything that the controller creates.
pub(crate) fn creating() -> PostParams {
    PostParams { field_manager: Some(names::MANAGER_CONTROLLER.to_owned()), ..PostParams::default() }
}

/// The parameters of everything that the controller changes.
pub(crate) fn changing() -> PatchParams {
    PatchParams { field_manager: Some(names::MANAGER_CONTROLLER.to_owned()), ..PatchParams::default() }
}

async fn create(api: &Api<NodeTask>, namespace: &str, task: &NodeTask) -> Result<(), Error> {
    match api.create(&creating(), task).await {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(409) => adopt_own(api, namespace, task).await,
        Err(source) => Err(Error::Create { what: what(&task.name_any()), source: Box::new(source) }),
    }
}

/// A task of that name is there: it is this very one, or its name is taken.
async fn adopt_own(api: &Api<NodeTask>, namespace: &str, task: &NodeTask) -> Result<(), Error> {
    match read(api, &task.name_any()).await? {
        Some(there) if there.spec.operation.uid == task.spec.operation.uid => Ok(()),
        Some(_) => Err(Error::NameTaken { kind: "NodeTask", name: Name::new(namespace, &task.name_any()) }),
        // Gone in between: the next look creates it.
        None => Ok(()),
    }
}

async fn stop(api: &Api<NodeTask>, name: &str, uid: &str) -> Result<(), Error> {
    let Some(task) = unfinished(api, name, uid).await? else { return Ok(()) };
    if task.spec.cancelled {
        return Ok(());
    }
    cancel(api, &task).await.map(|_| ())
}

async fn cancel(api: &Api<NodeTask>, task: &NodeTask) -> Result<NodeTask, Error> {
    let change = json!({
        "metadata": { "resourceVersion": task.resource_version() },
        "spec": { "cancelled": true },
    });
    let changed = api.patch(&task.name_any(), &changing(), &Patch::Merge(change)).await;
    changed.map_err(|source| Error::Change { what: what(&task.name_any()), source: Box::new(source) })
}

/// Declares a task lost, unless its agent has spoken meanwhile. It is cancelled as well, so that an
/// agent that comes back does not go on with it.
async fn lose(
    context: &Context,
    api: &Api<NodeTask>,
    name: &str,
    uid: &str,
    message: String,
) -> Result<(), Error> {
    let Some(mut task) = unfinished(api, name, uid).await? else { return Ok(()) };
    let now = context.config.clock.now();
    let nodes: Api<CacheNode> = Api::all(context.client.clone());
    let node = read(&nodes, &task.spec.node).await?;
    if node.is_some_and(|node| Node::of(&node).is_alive(now)) {
        return Ok(());
    }
    if !task.spec.cancelled {
        task = cancel(api, &task).await?;
    }
    let old = task.status.clone().unwrap_or_default();
    let new = NodeTaskStatus {
        phase: TaskPhase::Failed,
        completion_time: Some(Time(now)),
        failure: Some(TaskFailure { reason: Reason::NodeLost, fault: Fault::Host, message, retryable: true }),
        ..old
    };
    let change = patch::status(task.status.as_ref(), &new, &task.resource_version().unwrap_or_default())?;
    let changed = api.patch_status(name, &changing(), &Patch::Merge(change)).await;
    changed.map(|_| ()).map_err(|source| Error::Change { what: what(name), source: Box::new(source) })
}

async fn remove(api: &Api<NodeTask>, name: &str, uid: String) -> Result<(), Error> {
    let only = Preconditions { uid: Some(uid), resource_version: None };
    match api.delete(name, &DeleteParams { preconditions: Some(only), ..DeleteParams::default() }).await {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(404) => Ok(()),
        Err(source) => Err(Error::Delete { what: what(name), source: Box::new(source) }),
    }
}

/// The task as the API server has it now, if it is this one and still at work.
async fn unfinished(api: &Api<NodeTask>, name: &str, uid: &str) -> Result<Option<NodeTask>, Error> {
    let task = read(api, name).await?.filter(|task| task.uid().as_deref() == Some(uid));
    let over = |task: &NodeTask| {
        let phase = task.status.as_ref().map(|status| status.phase).unwrap_or_default();
        matches!(phase, TaskPhase::Complete | TaskPhase::Failed)
    };
    Ok(task.filter(|task| !over(task)))
}

/// An object as the API server has it now.
pub(crate) async fn read<K>(api: &Api<K>, name: &str) -> Result<Option<K>, Error>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    api.get_opt(name).await.map_err(|source| Error::Read { what: name.to_owned(), source: Box::new(source) })
}

fn what(name: &str) -> String {
    format!("NodeTask {name}")
}
