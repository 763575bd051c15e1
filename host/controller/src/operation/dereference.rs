//! Gathering what a decision needs. It comes from the watches; what they do not have is asked for
//! once more, since a watch may lag behind and "absent" ends things.

use std::sync::Arc;

use kube::Api;
use millrace_crds::dataset::{Dataset, DatasetGroup};
use millrace_crds::{DataLoad, DataProcessing, NodeTask};
use millrace_decide::container::Pods;
use millrace_decide::gate;
use millrace_decide::operation::Operation;
use millrace_decide::order::Cycle;
use millrace_decide::placement::Node;
use millrace_decide::refusal::Refusal;
use millrace_decide::{Catalog, Name, OperationKind, OperationName};

use crate::Context;
use crate::container;
use crate::dataset::api as datasets;
use crate::error::Error;
use crate::task::read;

/// What was found.
pub(super) struct Found {
    pub(super) operation: Arc<Operation>,
    pub(super) predecessor: Option<FoundPredecessor>,
    pub(super) catalog: Catalog,
    pub(super) made: Vec<Arc<Dataset>>,
    pub(super) tasks: Vec<NodeTask>,
    pub(super) nodes: Vec<Node>,
    pub(super) pods: Option<Pods>,
    pub(super) refusal: Option<Refusal>,
    pub(super) awaited: bool,
}

/// What the operation runs after.
pub(super) struct FoundPredecessor {
    pub(super) target: OperationName,
    pub(super) object: Option<Arc<Operation>>,
    /// Names of its kind and namespace, where it is not there.
    pub(super) others: Vec<String>,
    pub(super) cycle: Option<Cycle>,
}

/// Everything that the next decision about `name` needs; none where it is gone.
pub(super) async fn dereference(context: &Context, name: &OperationName) -> Result<Option<Found>, Error> {
    let Some(operation) = context.cache.read().operation(name).cloned() else { return Ok(None) };
    let mut catalog = Catalog {
        shipped: Arc::clone(&context.config.modules),
        laptop: context.config.local,
        missing: context.config.missing,
        ..Catalog::default()
    };
    let started = operation.status.start_time.is_some();
    let namespace = &name.name.namespace;
    for dataset in operation.ask.uses(namespace) {
        add_dataset(context, &mut catalog, &dataset, !started).await?;
    }
    let mut made = Vec::new();
    for output in operation.ask.outputs() {
        made.extend(first_dataset(context, &Name::new(namespace, &output.dataset)));
    }
    add_modules(context, &operation, &mut catalog);
    let predecessor = predecessor(context, &operation).await?;
    let refusal = refusal(context, &operation).await?;
    let objects = context.cache.read();
    catalog.profiles.clone_from(objects.profiles());
    let (commands, pods) = container::seen(&objects, &operation);
    let (mut tasks, nodes, awaited) =
        (objects.tasks_of(&operation.uid), objects.nodes(), objects.is_awaited(name));
    drop(objects);
    tasks.extend(commands);
    Ok(Some(Found { operation, predecessor, catalog, made, tasks, nodes, pods, refusal, awaited }))
}

/// Why the workload that it asks for can never be, as far as the API server has said.
async fn refusal(context: &Context, operation: &Operation) -> Result<Option<Refusal>, Error> {
    if operation.status.phase.is_finished() {
        return Ok(None);
    }
    let unknown = match operation.ask.workload() {
        Some(workload) => context.kinds.learn(context, workload).await?,
        None => None,
    };
    Ok(unknown.or_else(|| context.kinds.take_refusal(&operation.uid)))
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

fn add_modules(context: &Context, operation: &Operation, catalog: &mut Catalog) {
    let Some(module) = operation.ask.module() else { return };
    let own = operation.name.name.namespace.as_str();
    let namespace = module.split_once('/').map_or(own, |(namespace, _)| namespace);
    for (name, module) in context.cache.read().modules_in(namespace) {
        catalog.modules.insert(name.clone(), Arc::clone(module));
    }
}

async fn predecessor(context: &Context, operation: &Operation) -> Result<Option<FoundPredecessor>, Error> {
    let Some(run_after) = &operation.ask.fields().run_after else { return Ok(None) };
    let Ok(target) = gate::target(run_after, &operation.name.name.namespace) else { return Ok(None) };
    let seen = context.cache.read().operation(&target).cloned();
    let waits = operation.status.start_time.is_none() && !operation.status.phase.is_finished();
    let object = match seen {
        None if waits => live(context, &target).await?.map(Arc::new),
        seen => seen,
    };
    let objects = context.cache.read();
    let others = if object.is_some() { Vec::new() } else { other_names(&objects, &target) };
    // A circle comes about when its last member is created or edited, and that one looks.
    let status = &operation.status;
    let look =
        waits && (status.run_after_uid.is_none() || status.observed_generation != operation.generation);
    let cycle = if look { objects.cycle(&operation.name) } else { None };
    Ok(Some(FoundPredecessor { target, object, others, cycle }))
}

fn other_names(objects: &crate::cache::Objects, target: &OperationName) -> Vec<String> {
    objects.operation_names(target).map(str::to_owned).collect()
}

/// The operation as the API server has it now.
async fn live(context: &Context, name: &OperationName) -> Result<Option<Operation>, Error> {
    let (client, namespace) = (context.client.clone(), &name.name.namespace);
    Ok(match name.kind {
        OperationKind::DataLoad => {
            read::<DataLoad>(&Api::namespaced(client, namespace), &name.name.name).await?.map(Into::into)
        }
        OperationKind::DataProcessing => {
            read::<DataProcessing>(&Api::namespaced(client, namespace), &name.name.name)
                .await?
                .map(Into::into)
        }
    })
}
