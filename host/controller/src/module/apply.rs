//! Carrying a decision about a module out, and writing what is known of it.

use k8s_openapi::jiff::Timestamp;
use kube::api::Patch;
use kube::{Api, ResourceExt};
use millrace_crds::ProcessorModule;
use millrace_crds::processor_module::ProcessorModuleStatus;
use millrace_decide::module::Decision;

use crate::Context;
use crate::cache::name_of;
use crate::error::Error;
use crate::event::{self, About};
use crate::patch;
use crate::task::{self, changing};

/// Carries the decision out; says when to look again.
pub(super) async fn apply(
    context: &Context,
    module: &ProcessorModule,
    decision: Decision,
) -> Result<Option<Timestamp>, Error> {
    let Decision { tasks, status, events, wake } = decision;
    let name = name_of(module);
    for change in tasks {
        task::apply(context, &name.namespace, change).await?;
    }
    if let Some(status) = status {
        write(context, module, &status).await?;
        let about = About {
            api_version: "millrace.dev/v1alpha1".to_owned(),
            kind: "ProcessorModule",
            namespace: name.namespace,
            name: name.name,
            uid: module.uid().unwrap_or_default(),
            tick: module.metadata.generation.unwrap_or_default().to_string(),
        };
        event::tell(context, &about, events).await;
    }
    Ok(wake)
}

async fn write(
    context: &Context,
    module: &ProcessorModule,
    status: &ProcessorModuleStatus,
) -> Result<(), Error> {
    let name = name_of(module);
    let api: Api<ProcessorModule> = Api::namespaced(context.client.clone(), &name.namespace);
    let version = module.resource_version().unwrap_or_default();
    let change = patch::status(module.status.as_ref(), status, &version)?;
    let written = api.patch_status(&name.name, &changing(), &Patch::Merge(change)).await;
    written
        .map(|_| ())
        .map_err(|source| Error::Change { what: format!("ProcessorModule {name}"), source: Box::new(source) })
}
