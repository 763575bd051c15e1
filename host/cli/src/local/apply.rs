//! Manifests into an API server: namespaces first, operations last, each by server-side apply.

use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use millrace_crds::names::MANAGER_CLI;
use serde_json::{Value, json};

use crate::manifest::Document;

/// An object that the API server did not take.
#[derive(Debug, thiserror::Error)]
#[error("the API server does not take {title}")]
pub struct ApplyError {
    title: String,
    source: Box<kube::Error>,
}

/// Applies everything.
///
/// # Errors
/// The first object that is refused; what was applied before it stays.
pub async fn apply(client: &Client, documents: &[Document]) -> Result<(), ApplyError> {
    for namespace in namespaces(documents) {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        put(client, "v1", "Namespace", "namespaces", "", &namespace, &object).await?;
    }
    // Operations last, so that the datasets that they name are there when they are looked at first.
    let (operations, others): (Vec<_>, Vec<_>) =
        documents.iter().partition(|document| document.is_operation());
    for document in others.into_iter().chain(operations) {
        put(
            client,
            &document.api_version,
            &document.kind,
            &document.plural,
            &document.namespace,
            &document.name,
            &document.object,
        )
        .await?;
    }
    Ok(())
}

/// Every namespace that an object is in, once.
fn namespaces(documents: &[Document]) -> Vec<String> {
    let mut namespaces: Vec<_> =
        documents.iter().map(|document| document.namespace.clone()).filter(|name| !name.is_empty()).collect();
    namespaces.sort();
    namespaces.dedup();
    namespaces
}

async fn put(
    client: &Client,
    api_version: &str,
    kind: &str,
    plural: &str,
    namespace: &str,
    name: &str,
    object: &Value,
) -> Result<(), ApplyError> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let api: Api<DynamicObject> = match namespace {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let params = PatchParams::apply(MANAGER_CLI).force();
    let applied = api.patch(name, &params, &Patch::Apply(object)).await;
    let applied = applied.map_err(|error| ApplyError {
        title: crate::manifest::document::title(kind, namespace, name),
        source: Box::new(error),
    })?;
    tracing::debug!(kind, name, version = applied.resource_version(), "applied");
    Ok(())
}
