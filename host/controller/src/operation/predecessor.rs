//! Finding what an operation runs after. What the watches do not have is asked for once more, since
//! a watch may lag behind and "gone" ends things.

use kube::{Api, Resource};
use millrace_crds::operation::RunAfter;
use millrace_crds::{DataFlow, DataLoad, DataProcess, DataProcessing};
use millrace_decide::operation::Operation;
use millrace_decide::predecessor::{Candidate, Found, SeenPredecessor};
use millrace_decide::refusal::Refusal;
use millrace_decide::target::{Target, TargetKind, Which, WorkloadKind};
use millrace_decide::{OperationKind, OperationName};
use serde::de::DeserializeOwned;

use crate::Context;
use crate::error::Error;
use crate::task::read;
use crate::workload;

/// Everything that an operation runs after, or why nothing can run after that.
pub(super) async fn find(
    context: &Context,
    operation: &Operation,
) -> Result<Result<Vec<SeenPredecessor>, Refusal>, Error> {
    let mut seen = Vec::new();
    for run_after in operation.ask.fields().predecessors() {
        match Target::read(run_after, &operation.name.name.namespace) {
            Ok(target) => {
                let found = found(context, operation, run_after, &target).await?;
                let before = &operation.status.predecessors;
                seen.push(SeenPredecessor::new(target, run_after.wanted(), before, found));
            }
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    Ok(Ok(seen))
}

async fn found(
    context: &Context,
    operation: &Operation,
    run_after: &RunAfter,
    target: &Target,
) -> Result<Found, Error> {
    match (&target.kind, &target.which) {
        (TargetKind::Workload(kind), which) => Ok(workloads(context, kind, target, which, run_after)),
        (TargetKind::Operation(kind), Which::Labelled(labels)) => {
            let objects = context.cache.read();
            let candidates = objects.labelled(*kind, &target.namespace, labels, &operation.name);
            Ok(Found { candidates, several: true, ..Found::default() })
        }
        (TargetKind::Operation(_), Which::Named(_)) => match target.operation() {
            Some(name) => named(context, operation, &name).await,
            None => Ok(Found::default()),
        },
    }
}

fn workloads(
    context: &Context,
    kind: &WorkloadKind,
    target: &Target,
    which: &Which,
    run_after: &RunAfter,
) -> Found {
    workload::want(context, kind);
    let objects = context.cache.read();
    let success_when = run_after.success_when.as_deref();
    match objects.workloads().find(kind, &target.namespace, which, success_when) {
        Ok(candidates) if candidates.is_empty() => {
            Found { others: objects.workloads().names(kind, &target.namespace), ..Found::default() }
        }
        Ok(candidates) => Found { candidates, ..Found::default() },
        Err(why) => Found { unseen: Some(why), ..Found::default() },
    }
}

async fn named(context: &Context, operation: &Operation, name: &OperationName) -> Result<Found, Error> {
    let status = &operation.status;
    let waits = status.start_time.is_none() && !status.phase.is_finished();
    let seen = context.cache.read().operation(name).cloned();
    let live = match seen {
        Some(seen) => Some(seen),
        None if waits => live(context, name).await?.map(Into::into),
        None => None,
    };
    let objects = context.cache.read();
    // A circle comes about when its last member is created or edited, and that one looks.
    let look =
        waits && (status.predecessors.is_empty() || status.observed_generation != operation.generation);
    let cycle = if look { objects.cycle(&operation.name) } else { None };
    let Some(object) = live else {
        let others = objects.operation_names(name).map(str::to_owned).collect();
        return Ok(Found { others, cycle, ..Found::default() });
    };
    if !object.is_series() {
        let candidates = vec![Candidate::of_operation(&object)];
        return Ok(Found { candidates, cycle, ..Found::default() });
    }
    // After a Cron or OnEvent operation: after its latest run.
    let runs = objects.children(&object.uid);
    let candidates: Vec<Candidate> = runs.iter().map(|run| Candidate::of_operation(run)).collect();
    let waiting = &object.status.waiting_for;
    let series =
        if waiting.is_empty() { "about to run".to_owned() } else { format!("waiting for {waiting}") };
    let candidates = if candidates.is_empty() && object.status.phase.is_finished() {
        vec![Candidate::of_operation(&object)]
    } else {
        candidates
    };
    Ok(Found { candidates, several: true, series: Some(series), cycle, ..Found::default() })
}

/// The operation as the API server has it now.
pub(super) async fn live(context: &Context, name: &OperationName) -> Result<Option<Operation>, Error> {
    match name.kind {
        OperationKind::DataLoad => live_of::<DataLoad>(context, name).await,
        OperationKind::DataProcessing => live_of::<DataProcessing>(context, name).await,
        OperationKind::DataProcess => live_of::<DataProcess>(context, name).await,
        OperationKind::DataFlow => live_of::<DataFlow>(context, name).await,
    }
}

async fn live_of<K>(context: &Context, name: &OperationName) -> Result<Option<Operation>, Error>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Into<Operation>,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &name.name.namespace);
    Ok(read(&api, &name.name.name).await?.map(Into::into))
}
