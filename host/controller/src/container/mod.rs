//! Jobs and workloads of operations in the API server: created under fixed names, stopped, watched.

mod kinds;

use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, Preconditions, PropagationPolicy};
use kube::{Api, ResourceExt};
use millrace_crds::node_task::NodeTask;
use millrace_crds::{Reason, names};
use millrace_decide::Name;
use millrace_decide::container::{Pods, view};
use millrace_decide::operation::Operation;
use millrace_decide::refusal::Refusal;
use millrace_decide::workload::{self, WorkloadState};
use serde_json::{Value, json};

use crate::Context;
use crate::cache::Objects;
use crate::error::{Error, code};
use crate::task::{changing, creating, read};

pub(crate) use kinds::{Kinds, jobs};

/// What an operation's Jobs and workloads say, as tasks, and what the latest one's pods wait for.
pub(crate) fn seen(objects: &Objects, operation: &Operation) -> (Vec<NodeTask>, Option<Pods>) {
    let success_when = operation.ask.workload().and_then(|workload| workload.success_when.as_deref());
    let pods = objects.pods_of(&operation.uid);
    let mut tasks = Vec::new();
    let mut latest = None;
    for made in objects.made_of(&operation.uid) {
        let Ok(object) = serde_json::to_value(made.as_ref()) else { continue };
        let uid = made.uid().unwrap_or_default();
        let mine = pods.iter().filter(|pod| pod.owner_references().iter().any(|owner| owner.uid == uid));
        let mine: Vec<_> = mine.map(std::convert::AsRef::as_ref).collect();
        let task = view::task(&object, &mine, success_when);
        let attempt = task.spec.attempt;
        let waits = is_running(&object, success_when).then(|| view::waits(&object, &mine)).flatten();
        if latest.as_ref().is_none_or(|(before, _)| *before < attempt) {
            latest = Some((attempt, waits));
        }
        tasks.push(task);
    }
    (tasks, latest.and_then(|(_, waits)| waits))
}

fn is_running(object: &Value, success_when: Option<&str>) -> bool {
    // Only of a Job it is known which pods are its own.
    let is_job = object.pointer("/kind").and_then(Value::as_str) == Some("Job");
    is_job && matches!(workload::state(object, success_when), WorkloadState::Running { .. })
}

/// Creates what a step runs. What the API server will never take ends the operation.
pub(crate) async fn start(context: &Context, namespace: &str, object: Value) -> Result<(), Error> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let Some(resource) = context.kinds.of(&object) else { return Ok(()) };
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, &resource);
    match api.create(&creating(), &object).await {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(409) => check_own(&api, namespace, &resource, &object).await,
        Err(error) if is_refusal(&error) => {
            context.kinds.refuse(operation_uid(&object), refusal(&resource, &error));
            Err(create_error(&object, error))
        }
        Err(error) => Err(create_error(&object, error)),
    }
}

/// A quota may have room again and rights may be granted, but a person has to do that.
fn is_refusal(error: &kube::Error) -> bool {
    matches!(code(error), Some(400 | 403 | 404 | 422))
}

fn refusal(resource: &ApiResource, error: &kube::Error) -> Refusal {
    let why = match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    };
    let ours = code(error) == Some(403) && resource.kind != "Job" && why.contains("cannot create resource");
    if ours {
        let (plural, group) = (&resource.plural, &resource.group);
        let message = format!(
            "Millrace may not create {plural}.{group}: an administrator adds `- {{apiGroups: [{group}], resources: [{plural}], verbs: [create, delete, get, list, watch]}}` to a ClusterRole with the label millrace.dev/workload-kinds: \"true\""
        );
        return Refusal::new(Reason::WorkloadKindNotAllowed, message);
    }
    Refusal::new(Reason::WorkloadRefused, format!("the API server refused the {}: {why}", resource.kind))
}

fn operation_uid(object: &DynamicObject) -> String {
    object.owner_references().first().map(|owner| owner.uid.clone()).unwrap_or_default()
}

fn create_error(object: &DynamicObject, source: kube::Error) -> Error {
    Error::Create { what: object.name_any(), source: Box::new(source) }
}

/// An object of that name is there: it is this very one, or its name is taken.
async fn check_own(
    api: &Api<DynamicObject>,
    namespace: &str,
    resource: &ApiResource,
    object: &DynamicObject,
) -> Result<(), Error> {
    let label = |one: &DynamicObject| one.labels().get(names::LABEL_OPERATION_UID).cloned();
    match read(api, &object.name_any()).await? {
        Some(there) if label(&there) != label(object) => {
            let kind = if resource.kind == "Job" { "Job" } else { "workload" };
            Err(Error::NameTaken { kind, name: Name::new(namespace, &object.name_any()) })
        }
        _ => Ok(()),
    }
}

/// Stops a Job by suspending it, so that its log and status stay; any other workload by deleting it.
pub(crate) async fn stop(context: &Context, namespace: &str, name: &str, uid: &str) -> Result<(), Error> {
    let made = context.cache.read().made(namespace, name, uid);
    let Some(resource) = made.and_then(|(version, kind)| context.kinds.find(&version, &kind)) else {
        return Ok(());
    };
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, &resource);
    let Some(live) = read(&api, name).await?.filter(|live| live.uid().as_deref() == Some(uid)) else {
        return Ok(());
    };
    if !matches!(workload::state(&serde_json::to_value(&live)?, None), WorkloadState::Running { .. }) {
        return Ok(());
    }
    let stopped = if resource.kind == "Job" { suspend(&api, &live).await } else { delete(&api, &live).await };
    match stopped {
        Err(error) if code(&error) == Some(404) => Ok(()),
        Err(source) => {
            Err(Error::Change { what: format!("{} {name}", resource.kind), source: Box::new(source) })
        }
        Ok(()) => Ok(()),
    }
}

async fn suspend(api: &Api<DynamicObject>, live: &DynamicObject) -> Result<(), kube::Error> {
    let change = json!({
        "metadata": {"resourceVersion": live.resource_version(), "annotations": {names::ANNOTATION_STOPPED: "true"}},
        "spec": {"suspend": true},
    });
    api.patch(&live.name_any(), &changing(), &Patch::Merge(change)).await.map(|_| ())
}

async fn delete(api: &Api<DynamicObject>, live: &DynamicObject) -> Result<(), kube::Error> {
    let only = Preconditions { uid: live.uid(), resource_version: None };
    let parameters = DeleteParams {
        preconditions: Some(only),
        propagation_policy: Some(PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    api.delete(&live.name_any(), &parameters).await.map(|_| ())
}
