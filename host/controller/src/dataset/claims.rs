//! Carrying out changes to volumes and claims. A volume is removed only once no Dataset has its UID.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt};
use millrace_crds::dataset::DatasetGroup;
use millrace_decide::Name;
use millrace_decide::claim::{self, ClaimChange, Volume};
use tracing::info;

use super::{api, dereference};
use crate::Context;
use crate::error::{Error, code};
use crate::task::creating;

/// Carries one change out; doing so twice is doing it once.
pub(super) async fn apply(context: &Context, name: &Name, change: ClaimChange) -> Result<(), Error> {
    match change {
        ClaimChange::CreateVolume(volume) => create_volume(context, &volume).await,
        ClaimChange::CreateClaim(claim) => create_claim(context, name, &claim).await,
        ClaimChange::RemoveVolume(volume) => remove(context, name, volume).await,
    }
}

/// Removes what a Dataset that is gone has left: nothing else in the cluster would.
pub(super) async fn clear(context: &Context, name: &Name) -> Result<(), Error> {
    let seen = dereference::claims(&context.cache.read(), name);
    for change in claim::orphans(&seen) {
        apply(context, name, change).await?;
    }
    Ok(())
}

async fn create_volume(context: &Context, volume: &PersistentVolume) -> Result<(), Error> {
    let api: Api<PersistentVolume> = Api::all(context.client.clone());
    match api.create(&creating(), volume).await {
        // The name has the Dataset's UID in it: what is there is this very one.
        Err(error) if code(&error) != Some(409) => {
            let what = format!("PersistentVolume {}", volume.metadata.name.as_deref().unwrap_or_default());
            Err(Error::Create { what, source: Box::new(error) })
        }
        _ => Ok(()),
    }
}

/// A claim that was just removed with its Dataset is not made again: the Dataset is read first.
async fn create_claim(context: &Context, name: &Name, claim: &PersistentVolumeClaim) -> Result<(), Error> {
    let owner = claim.owner_references().first().map(|owner| owner.uid.clone()).unwrap_or_default();
    if !is_there(context, name, &owner).await? {
        return Ok(());
    }
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), &name.namespace);
    match api.create(&creating(), claim).await {
        // Whose the one is that is there, the watch tells.
        Err(error) if code(&error) != Some(409) => {
            Err(Error::Create { what: format!("PersistentVolumeClaim {name}"), source: Box::new(error) })
        }
        _ => Ok(()),
    }
}

async fn remove(context: &Context, name: &Name, volume: Volume) -> Result<(), Error> {
    if is_there(context, name, &volume.dataset).await? {
        return Ok(());
    }
    let api: Api<PersistentVolume> = Api::all(context.client.clone());
    let only = Preconditions { uid: Some(volume.uid), resource_version: None };
    match api
        .delete(&volume.name, &DeleteParams { preconditions: Some(only), ..DeleteParams::default() })
        .await
    {
        Ok(_) => {
            info!(volume = volume.name, dataset = %name, "the volume of a Dataset that is gone was removed");
            Ok(())
        }
        Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(()),
        Err(source) => {
            Err(Error::Delete { what: format!("PersistentVolume {}", volume.name), source: Box::new(source) })
        }
    }
}

/// Whether the API server has the Dataset of this UID now.
async fn is_there(context: &Context, name: &Name, uid: &str) -> Result<bool, Error> {
    for group in DatasetGroup::ALL {
        let live = api::live(context, group, name).await?;
        if live.is_some_and(|dataset| dataset.uid().as_deref() == Some(uid)) {
            return Ok(true);
        }
    }
    Ok(false)
}
