//! Reconciling an operation of any kind: dereference, validate, decide, apply, status.

mod apply;
mod child;
mod dereference;
mod predecessor;
mod status;
mod validate;

use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use millrace_decide::OperationName;
use millrace_decide::operation::{Seen, decide};

use self::apply::Applied;
use crate::Context;
use crate::error::Error;

/// Takes the operation one step further; says when to look again.
pub(crate) async fn reconcile(context: &Context, name: &OperationName) -> Result<Option<Timestamp>, Error> {
    let Some(found) = dereference::dereference(context, name).await? else { return Ok(None) };
    let seen = validate::validate(context, found);
    let Applied { wake, refused } = apply::apply(context, &seen.operation, decide(&seen)).await?;
    if refused.is_empty() {
        return Ok(wake);
    }
    // An operation that it would have made is refused for good: it says so, and goes on from there.
    let Some(found) = dereference::again(context, name).await? else { return Ok(None) };
    let seen = Seen { refused, ..validate::validate(context, found) };
    Ok(apply::apply(context, &seen.operation, decide(&seen)).await?.wake)
}

/// The API of an operation's kind. What is changed of it is the same for every kind.
fn api(context: &Context, operation: &OperationName) -> Api<DynamicObject> {
    let kind = operation.kind;
    let resource = ApiResource {
        group: kind.group().to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: kind.api_version(),
        kind: kind.word().to_owned(),
        plural: kind.plural().to_owned(),
    };
    Api::namespaced_with(context.client.clone(), &operation.name.namespace, &resource)
}
