//! A step that is a Job or another workload: one object per try.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use millrace_crds::Reason;
use millrace_crds::common::OutputStatus;
use millrace_crds::node_task::{Action, NodeTask, TaskDataset, TaskPhase};

use super::ask::Work;
use super::history::{History, phase, task_name};
use super::next::Next;
use super::stages::Ended;
use super::{Seen, TaskChange};
use crate::container::object;
use crate::name::Name;
use crate::paths;
use crate::placement::later;
use crate::refusal::{Hold, Refusal};

/// Pods that have not started for so long are waited for in the status; a start takes a moment.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// The Job or workload of try `attempt`, or its end.
pub(super) fn advance(seen: &Seen, history: &History<'_>, work: Work, attempt: i32) -> Next {
    let Some(task) = history.all().find(|task| task.spec.attempt == attempt) else {
        return start(seen, work, attempt);
    };
    if phase(task) == TaskPhase::Complete {
        return Next::Complete { ended: ended(seen, &work, task) };
    }
    match waits(seen) {
        Some(words) => Next::Wait { words, reason: Reason::Waiting, wake: None, changes: Vec::new() },
        None => Next::Execute { work: Box::new(work), changes: Vec::new() },
    }
}

fn start(seen: &Seen, work: Work, attempt: i32) -> Next {
    let Some(command) = &work.command else { return unknown(seen) };
    let datasets = work.datasets.iter().map(|one| Name::new(&one.namespace, &one.name)).collect();
    let object = Box::new(object(seen, command, &datasets, attempt));
    Next::Execute { changes: vec![TaskChange::Start { attempt, object }], work: Box::new(work) }
}

/// Another try is due, and what it would work on cannot be read any more.
fn unknown(seen: &Seen) -> Next {
    let refusal = match &seen.work {
        Err(Hold::Wait(words)) => {
            let words = words.clone();
            return Next::Wait { words, reason: Reason::Waiting, wake: None, changes: Vec::new() };
        }
        Err(Hold::Refuse(refusal)) => refusal.clone(),
        Ok(_) => Refusal::new(
            Reason::SpecChangeIgnored,
            "the processor was changed to another kind: create a new operation",
        ),
    };
    Next::Fail { refusal, changes: Vec::new() }
}

fn waits(seen: &Seen) -> Option<String> {
    let pods = seen.pods.as_ref()?;
    (later(pods.since, PATIENCE) <= seen.now).then(|| pods.words.clone())
}

/// When pods that have not started are worth a word.
pub(super) fn patience(seen: &Seen) -> Option<Timestamp> {
    let at = later(seen.pods.as_ref()?.since, PATIENCE);
    (at > seen.now).then_some(at)
}

/// `Job data-job-x on n1`; none for work of agents.
pub(super) fn in_words(work: &Work, at_work: &[&NodeTask]) -> Option<String> {
    let command = work.command.as_ref()?;
    let Some(task) = at_work.iter().find(|task| task.spec.action == Action::Command) else {
        return Some(format!("{} is being created", command.kind));
    };
    let node = if task.spec.node.is_empty() { String::new() } else { format!(" on {}", task.spec.node) };
    Some(format!("{} {}{node}", command.kind, task_name(task)))
}

fn ended(seen: &Seen, work: &Work, task: &NodeTask) -> Ended {
    let kind = work.command.as_ref().map_or("workload", |command| command.kind.as_str());
    let wanted = seen.operation.ask.outputs();
    Ended {
        outputs: wanted.iter().filter_map(|one| output(&one.port, &work.datasets)).collect(),
        log_tail: task.status.as_ref().map(|status| status.log_tail.clone()).unwrap_or_default(),
        words: Some(format!("{kind} {} ended well", task_name(task))),
        ..Ended::default()
    }
}

/// A folder that a container wrote to, by its path. What is in it nobody counted.
fn output(path: &str, datasets: &[TaskDataset]) -> Option<OutputStatus> {
    let place = paths::resolve_output("outputs[].port", path, datasets).ok()?;
    let mount = place.mount()?;
    let inside = format!("/{}", place.inside);
    let rest = inside.strip_prefix(mount.path.trim_end_matches('/')).unwrap_or(&inside).trim_matches('/');
    let root = mount.mount_point.trim_end_matches('/');
    let url = if rest.is_empty() { root.to_owned() } else { format!("{root}/{rest}") };
    Some(OutputStatus { port: path.to_owned(), path: path.to_owned(), url, ..OutputStatus::default() })
}
