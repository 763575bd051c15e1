//! Loads that pods ask for: a Dataset is made whole on a node where a pod waits to mount it.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use millrace_crds::node_task::{Action, NodeTask, NodeTaskSpec, TaskDataset, TaskPhase};

use crate::dataset::{Seen, asker};
use crate::operation::TaskChange;
use crate::operation::history::{is_finished, own_failure, phase, task_name};
use crate::placement::{Node, later};
use crate::probe::{LATER, SOON};

/// How long a node may go on wanting what it has just loaded before it is loaded again: the agent
/// says so with its next heartbeat, and only an eviction in between is a reason.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);

/// What there is to do for the pods that wait, and when to look again.
pub(crate) fn fetch(seen: &Seen, source: &TaskDataset) -> (Vec<TaskChange>, Option<Timestamp>) {
    let uid = seen.dataset.metadata.uid.as_deref().unwrap_or_default();
    let (mut changes, mut wake) = (Vec::new(), None);
    for node in &seen.nodes {
        let tasks: Vec<&NodeTask> = tasks(seen, node).collect();
        if node.wanted.contains(uid) && node.is_alive(seen.now) {
            wake = wake.into_iter().chain(next(seen, source, node, &tasks, &mut changes)).min();
        } else {
            changes.extend(tasks.into_iter().filter(|task| is_finished(task)).map(remove));
        }
    }
    (changes, wake)
}

/// The Dataset's own loads on a node.
fn tasks<'a>(seen: &'a Seen, node: &'a Node) -> impl Iterator<Item = &'a NodeTask> {
    seen.lists.iter().filter(|task| task.spec.action == Action::Load && task.spec.node == node.name)
}

/// The next load on a node that wants one; says when to look again.
fn next(
    seen: &Seen,
    source: &TaskDataset,
    node: &Node,
    tasks: &[&NodeTask],
    changes: &mut Vec<TaskChange>,
) -> Option<Timestamp> {
    let current = tasks.iter().filter(|task| task.spec.epoch == asker(seen).generation());
    let latest = current.max_by_key(|task| task.spec.attempt);
    let older =
        tasks.iter().filter(|task| is_finished(task) && latest.is_none_or(|one| !std::ptr::eq(*one, **task)));
    changes.extend(older.map(|task| remove(task)));
    let due = latest.map_or(Some(Timestamp::MIN), |task| due(seen, task));
    if due.is_some_and(|due| due <= seen.now) {
        let attempt = latest.map_or(0, |task| task.spec.attempt).saturating_add(1);
        let spec = NodeTaskSpec { datasets: vec![source.clone()], ..NodeTaskSpec::default() };
        let task = asker(seen).task(Action::Load, attempt, &node.name, spec);
        changes.push(TaskChange::Create(Box::new(task)));
        return None;
    }
    due
}

/// When another try is due; none while this one goes on.
fn due(seen: &Seen, task: &NodeTask) -> Option<Timestamp> {
    let ended = task.status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|time| time.0);
    let pause = match phase(task) {
        TaskPhase::Pending | TaskPhase::Running => return None,
        TaskPhase::Complete => SETTLED,
        TaskPhase::Failed => match own_failure(task) {
            Some(failure) if !failure.retryable => LATER,
            _ => SOON,
        },
    };
    Some(later(ended.unwrap_or(seen.now), pause))
}

fn remove(task: &NodeTask) -> TaskChange {
    TaskChange::Remove {
        name: task_name(task).to_owned(),
        uid: task.metadata.uid.clone().unwrap_or_default(),
    }
}
