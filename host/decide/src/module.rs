//! A `ProcessorModule`'s next step: an agent brings the file, checks it against its digest, compiles it,
//! and reports what it says of itself.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use millrace_crds::dataset::Dataset;
use millrace_crds::node_task::{
    Action, ModuleFile, NodeTask, NodeTaskSpec, TaskDataset, TaskFailure, TaskInspect, TaskResult,
};
use millrace_crds::operation::ResolvedModule;
use millrace_crds::processor_module::{DatasetSource, ProcessorModuleStatus};
use millrace_crds::{ProcessorModule, Reason, condition};

use crate::catalog::ShippedModule;
use crate::mounts;
use crate::name::Name;
use crate::placement::Node;
use crate::probe::{self, Asker, Known, Probe};
use crate::refusal::Refusal;
use crate::text;

/// Seconds that bringing and compiling a module may take; compiling alone is given 60 s of processor time.
const INSPECT_SECONDS: i64 = 300;

/// Everything that a decision is made from.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The module.
    pub module: Arc<ProcessorModule>,
    /// Its namespace and name.
    pub name: Name,
    /// The Dataset that its source names, if it is there.
    pub dataset: Option<Arc<Dataset>>,
    /// The modules of this program, whose names are reserved.
    pub shipped: Arc<[ShippedModule]>,
    /// No cluster.
    pub laptop: bool,
    /// Its own tasks.
    pub tasks: Vec<NodeTask>,
    /// Every node that has an agent.
    pub nodes: Vec<Node>,
    /// The time.
    pub now: Timestamp,
}

/// What is to be done about a module.
pub type Decision = probe::Decision<ProcessorModuleStatus>;

/// The next step of a module.
#[must_use]
pub fn decide(seen: &Seen) -> Decision {
    let mut decision = Decision::default();
    if seen.module.metadata.deletion_timestamp.is_some() {
        return decision;
    }
    let old = seen.module.status.clone().unwrap_or_default();
    let mut status = old.clone();
    status.observed_generation = seen.module.metadata.generation;
    match source(seen) {
        // What was found good stays good: its bytes are known by their digest, wherever they came from.
        _ if condition::is_true(&old.conditions, condition::READY) => {}
        Err(refusal) => set(seen, &mut status, condition::READY, false, refusal.reason, &refusal.message),
        Ok(file) => {
            let known = look(seen, file, &mut decision);
            tell(seen, known, &mut status);
        }
    }
    decision.events = probe::events(&old.conditions, &status.conditions);
    decision.status = (status != old).then(|| Box::new(status));
    decision
}

/// Where the file is.
fn source(seen: &Seen) -> Result<ModuleFile, Refusal> {
    let Some(source) = &seen.module.spec.source.dataset else {
        let message = "this version takes modules out of a Dataset: put the file there and name it in spec.source.dataset";
        return Err(Refusal::new(Reason::NotSupported, message));
    };
    let Some(dataset) = &seen.dataset else {
        let dataset = dataset_name(source, &seen.name);
        let message =
            format!("Dataset {dataset}, which is to hold the module's file, is not there: create it");
        return Err(Refusal::new(Reason::NotFound, message));
    };
    let file = file(source, &seen.name, dataset);
    mounts::check(&file.dataset.mounts, seen.laptop)?;
    Ok(file)
}

/// The Dataset of the module `owner` that `source` names: one of its own namespace.
#[must_use]
pub fn dataset_name(source: &DatasetSource, owner: &Name) -> Name {
    Name::new(&owner.namespace, &source.name)
}

/// What an agent is told of the file that `source` names.
pub(crate) fn file(source: &DatasetSource, owner: &Name, dataset: &Dataset) -> ModuleFile {
    let dataset: TaskDataset = mounts::task_dataset(dataset, &dataset_name(source, owner), "/");
    ModuleFile { dataset, path: mounts::tidy(&source.path) }
}

fn look(seen: &Seen, file: ModuleFile, decision: &mut Decision) -> Known {
    let sha256 = seen.module.spec.source.dataset.as_ref().map(|source| source.sha256.as_str());
    let near = Name::new(&file.dataset.namespace, &file.dataset.name);
    let module = ResolvedModule {
        name: seen.name.name.clone(),
        version: String::new(),
        digest: format!("sha256:{}", sha256.unwrap_or_default()),
    };
    let probe = Probe {
        asker: Asker::new(&seen.module.metadata, "millrace.dev/v1alpha1", "ProcessorModule", &seen.name),
        action: Action::Inspect,
        tasks: &seen.tasks,
        nodes: &seen.nodes,
        near: &near,
        now: seen.now,
    };
    let spec = NodeTaskSpec {
        inspect: Some(TaskInspect { module, file }),
        active_deadline_seconds: Some(INSPECT_SECONDS),
        ..NodeTaskSpec::default()
    };
    probe.look(spec, |_| None, decision)
}

fn tell(seen: &Seen, known: Known, status: &mut ProcessorModuleStatus) {
    match known {
        Known::Unknown { words, reason } => set(seen, status, condition::READY, false, reason, &words),
        Known::Failed(failure) => tell_failure(seen, &failure, status),
        Known::Answered(result) => match reserved(seen, &result) {
            Some(message) => set(seen, status, condition::READY, false, Reason::NameTaken, &message),
            None => tell_ready(seen, result, status),
        },
    }
}

fn tell_failure(seen: &Seen, failure: &TaskFailure, status: &mut ProcessorModuleStatus) {
    // A file that was refused is one that was there.
    let stored = failure.reason == Reason::ModuleRefused;
    if stored {
        set(seen, status, condition::STORED, true, Reason::Succeeded, "the file was read");
    }
    let failed = if stored { condition::VALID } else { condition::STORED };
    for kind in [failed, condition::READY] {
        set(seen, status, kind, false, failure.reason, &failure.message);
    }
}

fn tell_ready(seen: &Seen, result: TaskResult, status: &mut ProcessorModuleStatus) {
    let source = seen.module.spec.source.dataset.as_ref();
    status.digest = source.map(|source| format!("sha256:{}", source.sha256)).unwrap_or_default();
    status.descriptor = result.descriptor;
    for (kind, message) in [
        (condition::STORED, "the file is what its digest says"),
        (condition::VALID, "it is a module of this contract"),
        (condition::COMPILED, "it was compiled; each node does so once"),
        (condition::READY, "it can be used"),
    ] {
        set(seen, status, kind, true, Reason::Succeeded, message);
    }
}

/// Why the name that the module gives itself cannot be used.
fn reserved(seen: &Seen, result: &TaskResult) -> Option<String> {
    let name = result.descriptor.as_ref()?.0.get("name")?.as_str()?;
    let taken = seen.shipped.iter().any(|shipped| shipped.name == name || shipped.name == seen.name.name);
    taken.then(|| {
        format!("it calls itself {name}, and names of shipped modules are reserved: rename it, or the object")
    })
}

fn set(
    seen: &Seen,
    status: &mut ProcessorModuleStatus,
    kind: &str,
    value: bool,
    reason: Reason,
    message: &str,
) {
    let (generation, message) = (seen.module.metadata.generation, text::clip(message, 32_000));
    condition::set(&mut status.conditions, kind, value, reason, &message, generation, seen.now);
}
