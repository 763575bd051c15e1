//! After the end: Datasets made of outputs, cleaning up, time to live, deletion.

use std::sync::Arc;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use millrace_crds::common::{OutputStatus, Phase};
use millrace_crds::dataset::{Dataset, DatasetSpec, Mount};
use millrace_crds::node_task::{Action, NodeTask, TaskMount};
use millrace_crds::operation::OperationStatus;
use millrace_crds::{Reason, names};

use super::history::{History, is_finished};
use super::next::stop_tasks;
use super::task::{clean_task, label_value};
use super::{Decision, Seen, TaskChange};
use crate::paths;
use crate::placement::later;
use crate::refusal::Refusal;

/// How long deletion waits for tasks to stop; their agents kill within a second.
const STOP_GRACE: SignedDuration = SignedDuration::from_secs(60);
/// How long deletion waits in all: a node that never comes back must not hold an object for ever.
const CLEAN_GRACE: SignedDuration = SignedDuration::from_secs(120);

/// An operation that is being deleted: tasks stop, staging is cleaned, then it is let go.
pub(super) fn deletion(seen: &Seen) -> Decision {
    let mut decision = Decision::default();
    let operation = &seen.operation;
    let (Some(since), true) = (operation.deleting, operation.finalizer) else { return decision };
    let history = History::new(&seen.tasks);
    let unfinished = history.unfinished();
    let waits = |grace| seen.now < later(since, grace);
    if !unfinished.is_empty() && waits(STOP_GRACE) {
        decision.tasks = stop_tasks(&unfinished);
        decision.wake = Some(later(since, STOP_GRACE));
        return decision;
    }
    match cleaning(seen, &history) {
        Cleaning::Due(task) if waits(CLEAN_GRACE) => decision.tasks.push(TaskChange::Create(task)),
        Cleaning::Running if waits(CLEAN_GRACE) => {}
        Cleaning::Due(_) | Cleaning::Running | Cleaning::Done => decision.remove_finalizer = true,
    }
    if !decision.remove_finalizer {
        decision.wake = Some(later(since, CLEAN_GRACE));
    }
    decision
}

/// An operation that has ended: what it left behind is cleaned, then it lives for its time.
pub(super) fn after_end(seen: &Seen) -> Decision {
    let mut decision = Decision::default();
    let history = History::new(&seen.tasks);
    let status = &seen.operation.status;
    if let Cleaning::Due(task) = cleaning(seen, &history) {
        decision.tasks.push(TaskChange::Create(task));
    }
    if let Ok(datasets) = datasets(seen, &status.outputs)
        && status.phase == Phase::Complete
    {
        decision.datasets = datasets;
    }
    match expiry(seen, status) {
        // What runs after it has to see how it ended first.
        Some(_) if seen.awaited => {}
        Some(at) if at <= seen.now => decision.delete = true,
        other => decision.wake = other,
    }
    decision
}

/// When `ttlSecondsAfterFinished` are over.
pub(super) fn expiry(seen: &Seen, status: &OperationStatus) -> Option<Timestamp> {
    let seconds = seen.operation.ask.fields().ttl_seconds_after_finished?;
    let ended = status.completion_time.as_ref()?.0;
    Some(later(ended, SignedDuration::from_secs(i64::from(seconds))))
}

/// Where the cleaning up after an operation stands.
enum Cleaning {
    /// There is nothing to clean, or it was cleaned.
    Done,
    /// A task is at it.
    Running,
    /// This task would do it.
    Due(Box<NodeTask>),
}

/// Only runs leave anything in staging. One that published at the first try cleaned up by publishing.
fn cleaning(seen: &Seen, history: &History<'_>) -> Cleaning {
    let attempt = history.attempt();
    let published = seen.operation.status.phase == Phase::Complete && attempt <= 1;
    let ran = history.all().filter(|task| task.spec.wasm.is_some()).last();
    let (Some(like), false) = (ran, published) else { return Cleaning::Done };
    if let Some(task) = seen.tasks.iter().find(|task| task.spec.action == Action::Clean) {
        return if is_finished(task) { Cleaning::Done } else { Cleaning::Running };
    }
    // While another task may still write there, nothing is removed.
    if !history.unfinished().is_empty() && seen.operation.deleting.is_none() {
        return Cleaning::Running;
    }
    match cleaner(seen, like) {
        Some(node) => Cleaning::Due(Box::new(clean_task(&seen.operation, like, node, attempt))),
        None => Cleaning::Running,
    }
}

/// A live node that sees the staging folder: the one that ran last, or one with the same files.
fn cleaner<'a>(seen: &'a Seen, like: &NodeTask) -> Option<&'a str> {
    let alive = || seen.nodes.iter().filter(|node| node.is_alive(seen.now));
    let files = seen.nodes.iter().find(|node| node.name == like.spec.node).map(|node| &node.file_system);
    let same = |file_system: &String| !file_system.is_empty() && Some(file_system) == files;
    alive()
        .find(|node| node.name == like.spec.node)
        .or_else(|| alive().find(|node| same(&node.file_system)))
        .map(|node| node.name.as_str())
}

/// The Datasets that published outputs become, as far as they are not there yet.
///
/// # Errors
/// `NameTaken` where a Dataset of that name is somebody else's.
pub(super) fn datasets(seen: &Seen, outputs: &[OutputStatus]) -> Result<Vec<Dataset>, Refusal> {
    let mut made = Vec::new();
    for wanted in seen.operation.ask.outputs() {
        let Some(output) = outputs.iter().find(|output| output.port == wanted.port) else {
            let ports = crate::text::list(outputs.iter().map(|output| &output.port), 8);
            let message = format!(
                "outputs[] names port {}, and what was published has {ports}: correct the port",
                wanted.port
            );
            return Err(Refusal::new(Reason::InvalidSpec, message));
        };
        let dataset = output_dataset(seen, &wanted.dataset, output);
        match seen.made.iter().find(|there| there.metadata.name.as_deref() == Some(wanted.dataset.as_str())) {
            None => made.push(dataset),
            Some(there) if !is_ours(there, &dataset) => return Err(taken(&wanted.dataset)),
            Some(there) if there.spec.mounts != dataset.spec.mounts => made.push(dataset),
            Some(_) => {}
        }
    }
    Ok(made)
}

/// Made by an operation of this name, or saying the same already.
fn is_ours(there: &Arc<Dataset>, wanted: &Dataset) -> bool {
    let label = |dataset: &Dataset| {
        dataset.metadata.labels.as_ref().and_then(|labels| labels.get(names::LABEL_OPERATION).cloned())
    };
    label(there) == label(wanted) || there.spec.mounts == wanted.spec.mounts
}

fn taken(name: &str) -> Refusal {
    let message = format!(
        "the outputs are published, but Dataset {name} is there already and was not made by this operation: rename one of them"
    );
    Refusal::new(Reason::NameTaken, message)
}

/// A read-only Dataset over one port's folder. Nothing owns it: the data outlives the operation.
fn output_dataset(seen: &Seen, name: &str, output: &OutputStatus) -> Dataset {
    let source = mount_of(seen, &output.path);
    let mount = Mount {
        mount_point: output.url.clone(),
        // A container's port is a path; the mount goes by its last part.
        name: output.port.rsplit('/').next().unwrap_or_default().to_owned(),
        path: Some("/".to_owned()),
        read_only: true,
        options: source.map(|mount| mount.options.clone()).unwrap_or_default(),
        encrypt_options: source.map(|mount| mount.encrypt_options.clone()).unwrap_or_default(),
    };
    let mut dataset = Dataset::new(name, DatasetSpec { mounts: vec![mount], ..DatasetSpec::default() });
    let operation = &seen.operation.name;
    let label = label_value(&format!("{}.{}", operation.kind, operation.name.name));
    dataset.metadata.namespace = Some(operation.name.namespace.clone());
    dataset.metadata.labels = Some([(names::LABEL_OPERATION.to_owned(), label)].into());
    dataset
}

/// The mount that an output lies in, for its options.
fn mount_of<'a>(seen: &'a Seen, path: &str) -> Option<&'a TaskMount> {
    let ran = seen.tasks.iter().find(|task| task.spec.wasm.is_some()).map(|task| &task.spec.datasets);
    let datasets = ran.or_else(|| seen.work.as_ref().ok().map(|work| &work.datasets))?;
    paths::resolve("output", path, datasets).ok()?.mount()
}
