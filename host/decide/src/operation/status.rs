//! From the next step to the status that tells of it, and the Events that its changes are worth.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use millrace_crds::common::{Phase, Progress};
use millrace_crds::node_task::NodeTask;
use millrace_crds::operation::OperationStatus;
use millrace_crds::{Dataset, Reason, condition};

use super::ask::Work;
use super::history::{History, is_finished, own_failure};
use super::next::{Next, deadline};
use super::stages::Ended;
use super::{Decision, Happening, Seen, TaskChange, command, ending};
use crate::refusal::Refusal;
use crate::text;

/// What Fluid writes as the duration of what has not ended.
const UNFINISHED: &str = "Unfinished";
/// Bytes that a message may have in a status.
const MESSAGE: usize = 32_000;
/// Bytes that `waitingFor` may have.
const WAITING: usize = 4000;
/// Bytes that an Event's message may have.
const EVENT: usize = 1000;

/// The decision that carries `next` out.
pub(super) fn compose(seen: &Seen, next: Next) -> Decision {
    let mut status = seen.operation.status.clone();
    status.observed_generation = seen.operation.generation;
    UNFINISHED.clone_into(&mut status.duration);
    if let (None, Some(predecessor)) = (&status.run_after_uid, &seen.predecessor) {
        status.run_after_uid.clone_from(&predecessor.uid);
    }
    let mut decision = Decision::default();
    tell(seen, next, &mut status, &mut decision);
    finish(seen, status, decision)
}

/// Writes into status and decision what `next` means.
fn tell(seen: &Seen, next: Next, status: &mut OperationStatus, decision: &mut Decision) {
    match next {
        Next::Wait { words, reason, wake, changes } => {
            wait(status, phase_of_waiting(seen), reason, &words);
            (decision.tasks, decision.wake) = (changes, wake);
        }
        Next::Suspend { changes, idle } => {
            suspend(seen, status, idle);
            decision.tasks = changes;
        }
        Next::Execute { work, changes } => {
            execute(seen, status, &work, &changes);
            decision.add_finalizer = !seen.operation.finalizer;
            decision.tasks = changes;
        }
        Next::Stopping { refusal, changes, wake } => {
            stopping(seen, status, &refusal);
            (decision.tasks, decision.wake) = (changes, Some(wake));
        }
        Next::Fail { refusal, changes } => {
            end(seen, status, false, &refusal);
            decision.tasks = changes;
        }
        Next::Complete { ended } => complete(seen, status, ended, decision),
        Next::NotNeeded { message } => {
            end(seen, status, true, &Refusal::new(Reason::PredecessorSucceeded, message));
        }
    }
}

/// What is the same after every step: what changed, the Event that it is worth, the next look.
fn finish(seen: &Seen, status: OperationStatus, mut decision: Decision) -> Decision {
    let old = &seen.operation.status;
    decision.events = untold_failure(seen, &status);
    decision.events.extend(events(old, &status));
    decision.wake = if status.phase.is_finished() {
        ending::expiry(seen, &status)
    } else {
        [decision.wake, deadline(seen), next_loss(seen), command::patience(seen)].into_iter().flatten().min()
    };
    decision.status = (status != *old).then(|| Box::new(status));
    decision
}

/// When the first of the agents at work would count as lost.
fn next_loss(seen: &Seen) -> Option<Timestamp> {
    let at_work = |name: &str| seen.tasks.iter().any(|task| task.spec.node == name && !is_finished(task));
    let nodes = seen.nodes.iter().filter(|node| node.is_alive(seen.now) && at_work(&node.name));
    nodes.map(crate::placement::Node::lost_at).min()
}

/// Pending until something was started.
fn phase_of_waiting(seen: &Seen) -> Phase {
    if History::new(&seen.tasks).is_empty() { Phase::Pending } else { Phase::Executing }
}

fn wait(status: &mut OperationStatus, phase: Phase, reason: Reason, words: &str) {
    status.phase = phase;
    status.reason = Some(reason);
    status.waiting_for = text::clip(words, WAITING);
    status.message = text::clip(&format!("waits for {words}"), MESSAGE);
}

fn suspend(seen: &Seen, status: &mut OperationStatus, idle: bool) {
    if idle {
        wait(status, Phase::Suspended, Reason::Suspended, "spec.suspend to become false");
        // As on a Job: the time while it is held back does not count towards the deadline.
        status.start_time = None;
        return;
    }
    wait(status, phase_of_waiting(seen), Reason::Suspended, "its tasks to stop, since spec.suspend is true");
}

fn execute(seen: &Seen, status: &mut OperationStatus, work: &Work, changes: &[TaskChange]) {
    let created: Vec<&NodeTask> = changes.iter().filter_map(created).collect();
    let made = changes.iter().filter_map(attempt_of);
    let started = made.max().unwrap_or(0);
    status.phase = Phase::Executing;
    status.reason = Some(Reason::Executing);
    status.waiting_for.clear();
    status.start_time.get_or_insert(Time(seen.now));
    status.attempts = started.max(History::new(&seen.tasks).attempt());
    status.module = work.wasm.as_ref().map(|wasm| wasm.module.clone());
    let running = seen.tasks.iter().filter(|task| task.spec.attempt == status.attempts);
    let at_work: Vec<&NodeTask> = running.filter(|task| !is_finished(task)).chain(created).collect();
    status.message = command::in_words(work, &at_work).unwrap_or_else(|| at_work_in_words(&at_work));
    let done = progress(seen, status.attempts, &at_work);
    status.progress = whole_percentage(&done);
    status.done = Some(done);
}

fn created(change: &TaskChange) -> Option<&NodeTask> {
    match change {
        TaskChange::Create(task) => Some(task),
        TaskChange::Start { .. } | TaskChange::StopCommand { .. } => None,
        TaskChange::Stop { .. } | TaskChange::Remove { .. } | TaskChange::Lose { .. } => None,
    }
}

fn attempt_of(change: &TaskChange) -> Option<i32> {
    match change {
        TaskChange::Start { attempt, .. } => Some(*attempt),
        other => created(other).map(|task| task.spec.attempt),
    }
}

/// `fit on a, b and c`.
fn at_work_in_words(tasks: &[&NodeTask]) -> String {
    let action = tasks.first().map(|task| task.spec.action.to_string()).unwrap_or_default();
    format!("{action} on {}", text::list(tasks.iter().map(|task| &task.spec.node), 5))
}

/// The progress of the stage at work, all shares together.
fn progress(seen: &Seen, attempt: i32, at_work: &[&NodeTask]) -> Progress {
    let action = at_work.first().map(|task| task.spec.action);
    let stage =
        seen.tasks.iter().filter(|task| task.spec.attempt == attempt && Some(task.spec.action) == action);
    let said = stage.filter_map(|task| task.status.as_ref()?.progress.as_ref());
    let mut sum =
        Progress { stage: action.map(|one| one.to_string()).unwrap_or_default(), ..Progress::default() };
    for one in said {
        if !one.stage.is_empty() {
            sum.stage.clone_from(&one.stage);
        }
        sum.bytes_done = sum.bytes_done.saturating_add(one.bytes_done);
        sum.bytes_total = sum.bytes_total.saturating_add(one.bytes_total);
        sum.rows_done = sum.rows_done.saturating_add(one.rows_done);
        sum.files_done = sum.files_done.saturating_add(one.files_done);
    }
    sum
}

/// `62%`; what is unknown has no percentage, and what has not ended has less than all.
fn whole_percentage(done: &Progress) -> String {
    if done.bytes_total <= 0 {
        return "0%".to_owned();
    }
    let share = i128::from(done.bytes_done.max(0)) * 100 / i128::from(done.bytes_total);
    format!("{}%", share.clamp(0, 99))
}

fn stopping(seen: &Seen, status: &mut OperationStatus, refusal: &Refusal) {
    let Refusal { reason, message } = refusal;
    let message = text::clip(message, MESSAGE);
    let (generation, now) = (seen.operation.generation, seen.now);
    condition::set(&mut status.conditions, condition::STOPPING, true, *reason, &message, generation, now);
    wait(status, phase_of_waiting(seen), *reason, "its tasks to stop");
    status.message = message;
}

fn end(seen: &Seen, status: &mut OperationStatus, well: bool, outcome: &Refusal) {
    let Refusal { reason, message } = outcome;
    let message = text::clip(message, MESSAGE);
    let (generation, now) = (seen.operation.generation, seen.now);
    status.phase = if well { Phase::Complete } else { Phase::Failed };
    status.reason = Some(*reason);
    status.waiting_for.clear();
    // Work that ended before its start could be told is told with its end.
    status.attempts = status.attempts.max(History::new(&seen.tasks).attempt());
    if status.start_time.is_none() {
        let created = seen.tasks.iter().filter_map(|task| task.metadata.creation_timestamp.clone());
        status.start_time = created.min_by_key(|time| time.0);
    }
    status.completion_time = Some(Time(now));
    status.duration = status.start_time.as_ref().map_or("-".to_owned(), |start| text::duration(start.0, now));
    status.conditions.retain(|one| one.type_ != condition::STOPPING);
    for kind in [if well { condition::COMPLETE } else { condition::FAILED }, condition::FINISHED] {
        condition::set(&mut status.conditions, kind, true, *reason, &message, generation, now);
    }
    if !well {
        status.log_tail = last_log(seen);
    }
    status.message = message;
}

/// The log of the task that failed last.
fn last_log(seen: &Seen) -> String {
    let history = History::new(&seen.tasks);
    let failed = history.failure().and_then(|(task, _)| task.status.as_ref());
    failed.map(|status| status.log_tail.clone()).unwrap_or_default()
}

fn complete(seen: &Seen, status: &mut OperationStatus, ended: Ended, decision: &mut Decision) {
    let datasets = match ending::datasets(seen, &ended.outputs) {
        Ok(datasets) => datasets,
        Err(refusal) => return end(seen, status, false, &refusal),
    };
    let reason = if ended.reused { Reason::Reused } else { Reason::Succeeded };
    let message = in_words(&ended, &datasets);
    end(seen, status, true, &Refusal { reason, message });
    "100%".clone_into(&mut status.progress);
    status.log_tail = ended.log_tail;
    status.outputs = ended.outputs;
    for output in &mut status.outputs {
        let wanted = seen.operation.ask.outputs().iter().find(|one| one.port == output.port);
        output.dataset = wanted.map(|one| one.dataset.clone());
    }
    let done = status.done.get_or_insert_default();
    if let Some((files, bytes, _)) = ended.loaded {
        (done.files_done, done.bytes_done) = (files, bytes);
    }
    done.bytes_done = done.bytes_total.max(done.bytes_done);
    decision.datasets = datasets;
}

fn in_words(ended: &Ended, datasets: &[Dataset]) -> String {
    let mut words = match ended.loaded {
        _ if ended.words.is_some() => ended.words.clone().unwrap_or_default(),
        Some((files, bytes, nodes)) => {
            let s = |count: i64| if count == 1 { "" } else { "s" };
            let nodes = i64::try_from(nodes).unwrap_or(i64::MAX);
            format!("{files} file{} ({}) on {nodes} node{}", s(files), text::size(bytes), s(nodes))
        }
        None => {
            let rows: i64 = ended.outputs.iter().map(|output| output.rows).sum();
            let ports = text::list(ended.outputs.iter().map(|output| &output.port), 8);
            let verb = if ended.reused { "was already published, so it was kept" } else { "published" };
            format!("{ports} {verb}: {rows} rows")
        }
    };
    if ended.bad_rows > 0 {
        words = format!("{words}; {} bad rows were left out", ended.bad_rows);
    }
    if !datasets.is_empty() {
        let names = datasets.iter().filter_map(|dataset| dataset.metadata.name.as_ref());
        words = format!("{words}; as Dataset {}", text::list(names, 8));
    }
    words
}

/// One Event where phase, reason or what it waits for changed; progress alone is worth none.
fn events(old: &OperationStatus, new: &OperationStatus) -> Vec<Happening> {
    let same = (old.phase, old.reason, &old.waiting_for) == (new.phase, new.reason, &new.waiting_for);
    let (false, Some(reason)) = (same, new.reason) else { return Vec::new() };
    let warning = new.phase == Phase::Failed || !is_ordinary(reason);
    vec![Happening { warning, reason, message: text::clip(&new.message, EVENT) }]
}

/// A failure that the next try follows at once: the status passes over it, the Events do not.
fn untold_failure(seen: &Seen, new: &OperationStatus) -> Vec<Happening> {
    let old = &seen.operation.status;
    // The next try's tasks may be there already, made by a look whose status came too late.
    let untold = old.attempts..new.attempts;
    let tried = seen.tasks.iter().filter(|task| untold.contains(&task.spec.attempt));
    let mut failed = tried.filter_map(|task| Some((task, own_failure(task)?)));
    let Some((task, failure)) = failed.next() else { return Vec::new() };
    if old.reason == Some(failure.reason) {
        return Vec::new();
    }
    let message = format!("{} on node {} failed: {}", task.spec.action, task.spec.node, failure.message);
    vec![Happening { warning: true, reason: failure.reason, message: text::clip(&message, EVENT) }]
}

fn is_ordinary(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Succeeded
            | Reason::Reused
            | Reason::Executing
            | Reason::Waiting
            | Reason::Suspended
            | Reason::PredecessorSucceeded
    )
}
