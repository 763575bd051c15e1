//! Writing what is known of an operation, in the version that was read, and telling what changed.

use kube::api::Patch;
use millrace_crds::operation::OperationStatus;
use millrace_decide::operation::{Happening, Operation};

use super::api;
use crate::Context;
use crate::error::Error;
use crate::event::{self, About};
use crate::patch;
use crate::task::changing;

/// Writes the status; a conflict means that somebody else was first.
pub(super) async fn write(
    context: &Context,
    operation: &Operation,
    status: &OperationStatus,
    version: &str,
) -> Result<(), Error> {
    let change = patch::status(Some(&operation.status), status, version)?;
    let written = api(context, &operation.name)
        .patch_status(&operation.name.name.name, &changing(), &Patch::Merge(change))
        .await;
    written
        .map(|_| ())
        .map_err(|source| Error::Change { what: operation.name.to_string(), source: Box::new(source) })
}

/// Writes the Events that the change is worth.
pub(super) async fn tell(
    context: &Context,
    operation: &Operation,
    status: &OperationStatus,
    events: Vec<Happening>,
) {
    let about = About {
        api_version: operation.name.kind.api_version(),
        kind: operation.name.kind.word(),
        namespace: operation.name.name.namespace.clone(),
        name: operation.name.name.name.clone(),
        uid: operation.uid.clone(),
        tick: format!("{}-{}", status.attempts, status.phase),
    };
    event::tell(context, &about, events).await;
}
