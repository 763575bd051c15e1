//! Carrying a decision out, in its order: what must not be forgotten before what relies on it.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, Patch, Preconditions, PropagationPolicy};
use millrace_crds::dataset::{Dataset, DatasetGroup};
use millrace_crds::names;
use millrace_decide::Name;
use millrace_decide::operation::{Decision, Operation};
use serde_json::json;

use super::{api, child, status};
use crate::Context;
use crate::cache::name_of;
use crate::dataset::api as datasets;
use crate::error::{Error, code};
use crate::task::{self, changing, creating, read};

/// What came of a decision.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// When to look again.
    pub(super) wake: Option<Timestamp>,
    /// Operations that the API server will never take, by name, and why.
    pub(super) refused: BTreeMap<String, String>,
}

/// Carries the decision out.
pub(super) async fn apply(
    context: &Context,
    operation: &Operation,
    decision: Decision,
) -> Result<Applied, Error> {
    let Decision { add_finalizer, tasks, datasets, children, status, events, remove_finalizer, delete, wake } =
        decision;
    let mut refused = BTreeMap::new();
    let namespace = &operation.name.name.namespace;
    let mut version = operation.resource_version.clone();
    if add_finalizer && let Some(changed) = set_finalizer(context, operation, true).await? {
        version = changed;
    }
    for change in tasks {
        task::apply(context, namespace, change).await?;
    }
    for dataset in datasets {
        make_dataset(context, dataset).await?;
    }
    if let Some(status) = status {
        status::write(context, operation, &status, &version).await?;
        status::tell(context, operation, &status, events).await;
    }
    for change in children {
        refused.extend(child::apply(context, change).await?);
    }
    if remove_finalizer {
        set_finalizer(context, operation, false).await?;
    }
    if delete {
        delete_expired(context, operation).await?;
    }
    Ok(Applied { wake, refused })
}

/// The object as the API server has it now, if it is this one.
async fn live(context: &Context, operation: &Operation) -> Result<Option<DynamicObject>, Error> {
    let object = read(&api(context, &operation.name), &operation.name.name.name).await?;
    Ok(object.filter(|object| object.uid().as_deref() == Some(operation.uid.as_str())))
}

fn change_error(operation: &Operation, source: kube::Error) -> Error {
    Error::Change { what: operation.name.to_string(), source: Box::new(source) }
}

/// Adds or removes our finalizer; says the version that the object has then.
async fn set_finalizer(
    context: &Context,
    operation: &Operation,
    wanted: bool,
) -> Result<Option<String>, Error> {
    let Some(object) = live(context, operation).await? else { return Ok(None) };
    let mut finalizers = object.metadata.finalizers.clone().unwrap_or_default();
    if finalizers.iter().any(|one| one == names::FINALIZER) == wanted {
        return Ok(None);
    }
    finalizers.retain(|one| one != names::FINALIZER);
    if wanted {
        finalizers.push(names::FINALIZER.to_owned());
    }
    let change = json!({
        "metadata": { "resourceVersion": object.resource_version(), "finalizers": finalizers },
    });
    let changed = api(context, &operation.name)
        .patch(&operation.name.name.name, &changing(), &Patch::Merge(change))
        .await
        .map_err(|source| change_error(operation, source))?;
    // Only what nobody else has changed meanwhile may be written on top of.
    let untouched = object.resource_version().as_deref() == Some(operation.resource_version.as_str());
    Ok(changed.resource_version().filter(|_| untouched))
}

/// Deletes an operation whose time is over, unless it changed meanwhile.
async fn delete_expired(context: &Context, operation: &Operation) -> Result<(), Error> {
    let Some(object) = live(context, operation).await? else { return Ok(()) };
    let only = Preconditions {
        uid: Some(operation.uid.clone()),
        resource_version: object.resource_version().filter(|version| *version == operation.resource_version),
    };
    if only.resource_version.is_none() {
        // It changed: the next look sees the change.
        return Ok(());
    }
    let parameters = DeleteParams {
        preconditions: Some(only),
        propagation_policy: Some(PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    match api(context, &operation.name).delete(&operation.name.name.name, &parameters).await {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(404) => Ok(()),
        Err(source) => Err(Error::Delete { what: operation.name.to_string(), source: Box::new(source) }),
    }
}

/// Creates the Dataset of an output, or brings the one that an earlier run made up to date.
async fn make_dataset(context: &Context, dataset: Dataset) -> Result<(), Error> {
    let name = name_of(&dataset);
    let object = serde_json::from_value(serde_json::to_value(&dataset)?)?;
    let api = datasets::api(context, DatasetGroup::default(), &name.namespace);
    match api.create(&creating(), &object).await {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(409) => update_dataset(context, &name, dataset).await,
        Err(source) => Err(Error::Create { what: format!("Dataset {name}"), source: Box::new(source) }),
    }
}

async fn update_dataset(context: &Context, name: &Name, dataset: Dataset) -> Result<(), Error> {
    let group = DatasetGroup::default();
    let Some(there) = datasets::live(context, group, name).await? else { return Ok(()) };
    let label = |one: &Dataset| one.labels().get(names::LABEL_OPERATION).cloned();
    if there.spec.mounts == dataset.spec.mounts {
        return Ok(());
    }
    if label(&there) != label(&dataset) {
        return Err(Error::NameTaken { kind: "Dataset", name: name.clone() });
    }
    let change = json!({
        "metadata": { "resourceVersion": there.resource_version() },
        "spec": { "mounts": dataset.spec.mounts },
    });
    let api = datasets::api(context, group, &name.namespace);
    let changed = api.patch(&name.name, &changing(), &Patch::Merge(change)).await;
    changed
        .map(|_| ())
        .map_err(|source| Error::Change { what: format!("Dataset {name}"), source: Box::new(source) })
}
