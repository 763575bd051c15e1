//! Reconciling a Dataset: dereference, decide (which validates), apply, status.

pub(crate) mod api;
mod apply;
mod claims;
mod dereference;

use k8s_openapi::jiff::Timestamp;
use millrace_crds::dataset::DatasetGroup;
use millrace_decide::Name;
use millrace_decide::dataset::decide;

use crate::Context;
use crate::error::Error;

/// Takes the Dataset one step further; says when to look again.
pub(crate) async fn reconcile(
    context: &Context,
    group: DatasetGroup,
    name: &Name,
) -> Result<Option<Timestamp>, Error> {
    let Some(seen) = dereference::dereference(context, group, name) else {
        claims::clear(context, name).await?;
        return Ok(None);
    };
    let decision = decide(&seen);
    apply::apply(context, group, &seen.dataset, decision).await
}
