//! Steps that run outside of Millrace: a PodSpec as a Job, or any other workload.
//!
//! [`Command`] is what is created for such a step; [`view`] reads what was created back as a task,
//! so that tries, stops, deadlines and failures are decided as for every other step.

mod job;
mod object;
pub mod view;

use millrace_crds::Reason;
use millrace_crds::data_processing::{DataProcessingSpec, Processor, WorkloadProcessor};
use millrace_crds::node_task::TaskDataset;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::paths;
use crate::refusal::{Hold, Refusal};

pub use object::{Pods, object};

/// A Job or another workload that one step asks for, without a name yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Command {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Its spec.
    pub spec: Value,
    /// Another word for its success.
    pub success_when: Option<String>,
}

/// What a container or workload step asks for; none where it is neither.
///
/// # Errors
/// `InvalidSpec` or `NotSupported`, with what to do.
pub fn command(
    spec: &DataProcessingSpec,
    datasets: &[TaskDataset],
    namespace: &str,
    catalog: &Catalog,
) -> Result<Option<Command>, Hold> {
    let processor = &spec.processor;
    if processor.spec.is_none() && processor.workload.is_none() {
        return Ok(None);
    }
    if catalog.laptop {
        return Err(Hold::Refuse(no_cluster(processor)));
    }
    for output in &spec.outputs {
        paths::resolve_output("outputs[].port", &output.port, datasets)?;
    }
    if let Some(pod) = &processor.spec {
        check_claims(datasets, namespace)?;
        let spec = job::spec(&pod.0, datasets, &spec.operation)?;
        return Ok(Some(Command {
            api_version: "batch/v1".into(),
            kind: "Job".into(),
            spec,
            success_when: None,
        }));
    }
    Ok(processor.workload.as_ref().map(of_workload))
}

/// Nothing on a laptop runs Jobs.
fn no_cluster(processor: &Processor) -> Refusal {
    let what = match &processor.workload {
        Some(workload) => format!("processor.workload ({})", workload.kind),
        None => "processor.spec (a container)".to_owned(),
    };
    let message = format!(
        "this step is a {what}, and a local run has Wasm modules only: use processor.wasm, or apply the manifest to a cluster"
    );
    Refusal::new(Reason::NotSupported, message)
}

fn of_workload(workload: &WorkloadProcessor) -> Command {
    Command {
        api_version: workload.api_version.clone(),
        kind: workload.kind.clone(),
        spec: Value::Object(workload.spec.0.clone()),
        success_when: workload.success_when.clone(),
    }
}

/// In a cluster a pod mounts claims of its own namespace only.
fn check_claims(datasets: &[TaskDataset], namespace: &str) -> Result<(), Refusal> {
    let foreign = datasets.iter().find(|dataset| dataset.namespace != namespace);
    let Some(dataset) = foreign else { return Ok(()) };
    let message = format!(
        "a container in namespace {namespace} cannot mount Dataset {}/{}: make a Dataset with the same mounts in {namespace}, or run the step in {}",
        dataset.namespace, dataset.name, dataset.namespace
    );
    Err(Refusal::new(Reason::NotSupported, message))
}
