//! Carrying a decision about a Dataset out, and writing what is known of it.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::Patch;
use millrace_crds::dataset::{Dataset, DatasetGroup, DatasetStatus};
use millrace_decide::dataset::Decision;

use super::{api, claims};
use crate::Context;
use crate::cache::name_of;
use crate::error::Error;
use crate::event::{self, About};
use crate::patch;
use crate::task::{self, changing};

/// Carries the decision out; says when to look again.
pub(super) async fn apply(
    context: &Context,
    group: DatasetGroup,
    dataset: &Dataset,
    decision: Decision,
) -> Result<Option<Timestamp>, Error> {
    let Decision { tasks, claims: volumes, status, events, wake } = decision;
    let name = name_of(dataset);
    for change in tasks {
        task::apply(context, &name.namespace, change).await?;
    }
    for change in volumes {
        claims::apply(context, &name, change).await?;
    }
    if let Some(status) = status {
        write(context, group, dataset, &status).await?;
        let about = About {
            api_version: dataset.api_version.clone(),
            kind: "Dataset",
            namespace: name.namespace,
            name: name.name,
            uid: dataset.uid().unwrap_or_default(),
            tick: dataset.metadata.generation.unwrap_or_default().to_string(),
        };
        event::tell(context, &about, events).await;
    }
    Ok(wake)
}

async fn write(
    context: &Context,
    group: DatasetGroup,
    dataset: &Dataset,
    status: &DatasetStatus,
) -> Result<(), Error> {
    let name = name_of(dataset);
    let api = api::api(context, group, &name.namespace);
    let version = dataset.resource_version().unwrap_or_default();
    let change = patch::status(dataset.status.as_ref(), status, &version)?;
    let written = api.patch_status(&name.name, &changing(), &Patch::Merge(change)).await;
    written
        .map(|_| ())
        .map_err(|source| Error::Change { what: format!("Dataset {name}"), source: Box::new(source) })
}
