//! Reconciling an operation of any kind: dereference, validate, decide, apply, status.

mod apply;
mod dereference;
mod status;
mod validate;

use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use millrace_decide::operation::{Operation, decide};
use millrace_decide::{OperationKind, OperationName};

use crate::Context;
use crate::error::Error;

/// Takes the operation one step further; says when to look again.
pub(crate) async fn reconcile(context: &Context, name: &OperationName) -> Result<Option<Timestamp>, Error> {
    let Some(found) = dereference::dereference(context, name).await? else { return Ok(None) };
    let operation = found.operation.clone();
    let decision = decide(&validate::validate(context, found));
    apply::apply(context, &operation, decision).await
}

/// The API of an operation's kind. What is changed of it is the same for every kind.
fn api(context: &Context, operation: &Operation) -> Api<DynamicObject> {
    let kind = operation.name.kind;
    let resource = ApiResource {
        group: kind.group().to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: kind.api_version(),
        kind: kind.word().to_owned(),
        plural: plural(kind).to_owned(),
    };
    Api::namespaced_with(context.client.clone(), &operation.name.name.namespace, &resource)
}

fn plural(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::DataLoad => "dataloads",
        OperationKind::DataProcessing => "dataprocessings",
    }
}
