//! Reconciling a `ProcessorModule`: dereference, decide (which validates), apply, status.

mod apply;
mod dereference;

use k8s_openapi::jiff::Timestamp;
use millrace_decide::Name;
use millrace_decide::module::decide;

use crate::Context;
use crate::error::Error;

/// Takes the module one step further; says when to look again.
pub(crate) async fn reconcile(context: &Context, name: &Name) -> Result<Option<Timestamp>, Error> {
    let Some(seen) = dereference::dereference(context, name) else { return Ok(None) };
    let decision = decide(&seen);
    apply::apply(context, &seen.module, decision).await
}
