//! Reaching Datasets of either group: kube's typed access knows one group per kind.

use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use millrace_crds::dataset::{Dataset, DatasetGroup};
use millrace_decide::Name;

use crate::Context;
use crate::error::Error;
use crate::task::read;

/// The API of a namespace's Datasets of one group.
pub(crate) fn api(context: &Context, group: DatasetGroup, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<Dataset>(&group);
    Api::namespaced_with(context.client.clone(), namespace, &resource)
}

/// A Dataset as the API server has it now.
pub(crate) async fn live(
    context: &Context,
    group: DatasetGroup,
    name: &Name,
) -> Result<Option<Dataset>, Error> {
    let found = read(&api(context, group, &name.namespace), &name.name).await?;
    let typed = found.map(|object| serde_json::from_value(serde_json::to_value(object)?)).transpose();
    Ok(typed?)
}
