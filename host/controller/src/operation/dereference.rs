//! Gathering what a decision needs. It comes from the watches; what they do not have is asked for
//! once more, since a watch may lag behind and "absent" ends things.

use std::sync::Arc;

use kube::Api;
use millrace_crds::NodeTask;
use millrace_crds::dataset::{Dataset, DatasetGroup};
use millrace_crds::{ProcessorModule, condition};
use millrace_decide::operation::Operation;
use millrace_decide::placement::Node;
use millrace_decide::predecessor::SeenPredecessor;
use millrace_decide::refusal::Refusal;
use millrace_decide::{Catalog, Name, OperationName, module, modules};

use super::predecessor;
use crate::Context;
use crate::cache::name_of;
use crate::dataset::api as datasets;
use crate::error::Error;
use crate::task::list;

/// What was found.
pub(super) struct Found {
    pub(super) operation: Arc<Operation>,
    pub(super) predecessors: Result<Vec<SeenPredecessor>, Refusal>,
    pub(super) children: Vec<Arc<Operation>>,
    pub(super) listings: Vec<String>,
    pub(super) catalog: Catalog,
    pub(super) made: Vec<Arc<Dataset>>,
    pub(super) tasks: Vec<NodeTask>,
    pub(super) nodes: Vec<Node>,
    pub(super) awaited: bool,
}

/// Everything that the next decision about `name` needs; none where it is gone.
pub(super) async fn dereference(context: &Context, name: &OperationName) -> Result<Option<Found>, Error> {
    let Some(operation) = context.cache.read().operation(name).cloned() else { return Ok(None) };
    gather(context, operation).await.map(Some)
}

/// The same for the operation as the API server has it now, which may be newer than what was seen.
pub(super) async fn again(context: &Context, name: &OperationName) -> Result<Option<Found>, Error> {
    match predecessor::live(context, name).await? {
        Some(operation) => gather(context, Arc::new(operation)).await.map(Some),
        None => Ok(None),
    }
}

async fn gather(context: &Context, operation: Arc<Operation>) -> Result<Found, Error> {
    let name = &operation.name;
    let mut catalog = Catalog {
        shipped: Arc::clone(&context.config.modules),
        laptop: context.config.local,
        missing: context.config.missing,
        ..Catalog::default()
    };
    let started = operation.status.start_time.is_some();
    let namespace = &name.name.namespace;
    // A flow and what runs over and over work on nothing themselves.
    let works = operation.ask.flow().is_none() && !operation.is_series();
    let uses = operation.ask.uses(namespace);
    for dataset in uses.iter().filter(|_| works) {
        add_dataset(context, &mut catalog, dataset, !started).await?;
    }
    let listings = uses.iter().filter_map(|dataset| listing(context, dataset)).collect();
    let mut made = Vec::new();
    for output in operation.ask.outputs() {
        made.extend(first_dataset(context, &Name::new(namespace, &output.dataset)));
    }
    add_modules(context, &operation, &mut catalog).await?;
    let predecessors = predecessor::find(context, &operation).await?;
    let objects = context.cache.read();
    catalog.profiles.clone_from(objects.profiles());
    let (tasks, nodes) = (objects.tasks_of(&operation.uid), objects.nodes());
    let (children, awaited) = (objects.children(&operation.uid), objects.is_awaited(&operation));
    drop(objects);
    Ok(Found { predecessors, children, listings, catalog, made, tasks, nodes, awaited, operation })
}

/// What tells the files of a Dataset from those that it had before; none until they were listed.
fn listing(context: &Context, name: &Name) -> Option<String> {
    let dataset = first_dataset(context, name)?;
    let status = dataset.status.as_ref()?;
    (!status.file_num.is_empty()).then(|| {
        format!(
            "{} {} {}",
            dataset.metadata.uid.as_deref().unwrap_or_default(),
            status.file_num,
            status.ufs_total
        )
    })
}

/// The Dataset of a name: of two the older.
fn first_dataset(context: &Context, name: &Name) -> Option<Arc<Dataset>> {
    let mut catalog = Catalog::default();
    for dataset in context.cache.read().datasets(name) {
        catalog.add_dataset(Arc::clone(dataset));
    }
    catalog.datasets.remove(name)
}

async fn add_dataset(
    context: &Context,
    catalog: &mut Catalog,
    name: &Name,
    ask_again: bool,
) -> Result<(), Error> {
    if let Some(dataset) = first_dataset(context, name) {
        catalog.add_dataset(dataset);
        return Ok(());
    }
    if !ask_again {
        return Ok(());
    }
    for group in DatasetGroup::ALL {
        if let Some(dataset) = datasets::live(context, group, name).await? {
            catalog.add_dataset(Arc::new(dataset));
        }
    }
    if !catalog.datasets.contains_key(name) {
        // For the nearest name.
        for dataset in context.cache.read().datasets_in(&name.namespace) {
            catalog.add_dataset(Arc::clone(dataset));
        }
    }
    Ok(())
}

/// The modules of the namespace in which the operation looks for one, with the Datasets they lie in.
async fn add_modules(context: &Context, operation: &Operation, catalog: &mut Catalog) -> Result<(), Error> {
    let Some(module) = operation.ask.module() else { return Ok(()) };
    let own = operation.name.name.namespace.as_str();
    let namespace = module.split_once('/').map_or(own, |(namespace, _)| namespace);
    for (name, module) in context.cache.read().modules_in(namespace) {
        catalog.modules.insert(name.clone(), Arc::clone(module));
    }
    if operation.status.start_time.is_none() && !modules::is_known(module, catalog) {
        let there = Api::<ProcessorModule>::namespaced(context.client.clone(), namespace);
        for module in list(&there, "ProcessorModules").await? {
            catalog.modules.insert(name_of(&module), Arc::new(module));
        }
    }
    let mut sources = Vec::new();
    for (name, module) in &catalog.modules {
        let Some(source) = &module.spec.source.dataset else { continue };
        let conditions = module.status.iter().flat_map(|status| &status.conditions);
        let ready = conditions.into_iter().any(|one| one.type_ == condition::READY && one.status == "True");
        sources.push((module::dataset_name(source, name), !ready));
    }
    for (source, ask_again) in sources {
        add_dataset(context, catalog, &source, ask_again).await?;
    }
    Ok(())
}
