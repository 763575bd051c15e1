//! Carrying out changes to operations that an operation made. Before one is made, stopped or
//! removed, what speaks for it is read again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, Patch, Preconditions, PropagationPolicy, TypeMeta};
use millrace_decide::OperationName;
use millrace_decide::operation::{Child, ChildChange};
use serde_json::json;

use super::api;
use crate::Context;
use crate::error::{Error, code};
use crate::task::{changing, creating, read};

/// Carries one change out; doing so twice is doing it once. Says what the API server refuses for good.
pub(super) async fn apply(context: &Context, change: ChildChange) -> Result<Option<(String, String)>, Error> {
    match change {
        ChildChange::Create(child) => create(context, *child).await,
        ChildChange::Cancel { name, uid } => cancel(context, &name, &uid).await.map(|()| None),
        ChildChange::Delete { name, uid } => delete(context, &name, uid).await.map(|()| None),
    }
}

async fn create(context: &Context, child: Child) -> Result<Option<(String, String)>, Error> {
    let Child { name, owner, labels, annotations, spec } = child;
    // What makes it may be gone or another one by now, and then nobody would ever clean up after it.
    let maker = read(&api(context, &owner.name), &owner.name.name.name).await?;
    let wants = |maker: &DynamicObject| {
        maker.uid().as_deref() == Some(owner.uid.as_str()) && maker.metadata.deletion_timestamp.is_none()
    };
    if !maker.is_some_and(|maker| wants(&maker)) {
        return Ok(None);
    }
    let mut object = DynamicObject {
        types: Some(TypeMeta { api_version: name.kind.api_version(), kind: name.kind.word().to_owned() }),
        metadata: kube::core::ObjectMeta::default(),
        data: json!({ "spec": spec }),
    };
    object.metadata.name = Some(name.name.name.clone());
    object.metadata.namespace = Some(name.name.namespace.clone());
    object.metadata.labels = Some(labels);
    object.metadata.annotations = Some(annotations);
    object.metadata.owner_references = Some(vec![OwnerReference {
        api_version: owner.name.kind.api_version(),
        kind: owner.name.kind.word().to_owned(),
        name: owner.name.name.name.clone(),
        uid: owner.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }]);
    match api(context, &name).create(&creating(), &object).await {
        Ok(_) => Ok(None),
        Err(error) => match code(&error) {
            Some(409) => is_ours(context, &name, &owner.uid).await.map(|()| None),
            // Another try is answered alike: somebody has to change something.
            Some(400 | 403 | 422) => Ok(Some((name.name.name, error.to_string()))),
            _ => Err(Error::Create { what: name.to_string(), source: Box::new(error) }),
        },
    }
}

/// An operation of that name is there: it is this very one, or its name is taken.
async fn is_ours(context: &Context, name: &OperationName, owner: &str) -> Result<(), Error> {
    let there: Option<DynamicObject> = read(&api(context, name), &name.name.name).await?;
    let ours = |there: &DynamicObject| there.owner_references().iter().any(|one| one.uid == owner);
    match there {
        Some(there) if !ours(&there) => {
            Err(Error::NameTaken { kind: name.kind.word(), name: name.name.clone() })
        }
        // Gone in between: the next look sees that.
        Some(_) | None => Ok(()),
    }
}

async fn cancel(context: &Context, name: &OperationName, uid: &str) -> Result<(), Error> {
    let api = api(context, name);
    let there: Option<DynamicObject> = read(&api, &name.name.name).await?;
    let Some(there) = there.filter(|there| there.uid().as_deref() == Some(uid)) else { return Ok(()) };
    let change = json!({
        "metadata": { "resourceVersion": there.resource_version() },
        "spec": { "cancelled": true },
    });
    let changed = api.patch(&name.name.name, &changing(), &Patch::Merge(change)).await;
    changed.map(|_| ()).map_err(|source| Error::Change { what: name.to_string(), source: Box::new(source) })
}

async fn delete(context: &Context, name: &OperationName, uid: String) -> Result<(), Error> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid), resource_version: None }),
        propagation_policy: Some(PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    match api(context, name).delete(&name.name.name, &parameters).await {
        Ok(_) => Ok(()),
        // Gone, or another one by now.
        Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(()),
        Err(source) => Err(Error::Delete { what: name.to_string(), source: Box::new(source) }),
    }
}
