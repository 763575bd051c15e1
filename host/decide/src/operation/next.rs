//! What happens next to an operation that has not ended: stop, hold back, wait, or go on.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use millrace_crds::Reason;
use millrace_crds::node_task::{Action, NodeTask, TaskFailure};

use super::ask::Work;
use super::history::{self, History, task_name};
use super::stages;
use super::{Seen, TaskChange};
use crate::gate::{self, Gate};
use crate::placement::later;
use crate::refusal::{Hold, Refusal};

/// A task that does not stop when asked is given up after this long; its agent kills it within a second.
const STOP_GRACE: SignedDuration = SignedDuration::from_secs(60);

/// What happens next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// It has not started, or pauses between tries.
    Wait { words: String, reason: Reason, wake: Option<Timestamp>, changes: Vec<TaskChange> },
    /// Held back by `suspend`; what ran is being stopped.
    Suspend { changes: Vec<TaskChange>, idle: bool },
    /// Tasks are at work, or about to be.
    Execute { work: Box<Work>, changes: Vec<TaskChange> },
    /// It ends badly once its tasks have stopped.
    Stopping { refusal: Refusal, changes: Vec<TaskChange>, wake: Timestamp },
    /// It ends badly.
    Fail { refusal: Refusal, changes: Vec<TaskChange> },
    /// It ends well.
    Complete { ended: stages::Ended },
    /// It ends well without having run.
    NotNeeded { message: String },
}

pub(super) fn next(seen: &Seen) -> Next {
    let history = History::new(&seen.tasks);
    if let Some(refusal) = stop_wanted(seen) {
        return stop(seen, &history, refusal);
    }
    if seen.operation.ask.fields().suspend {
        let running = history.unfinished();
        // Those of lost nodes never say that they stopped; they are declared lost once it goes on.
        let lost = history::lost(&running, &seen.nodes, seen.now).len();
        return Next::Suspend { idle: running.len() == lost, changes: stop_tasks(&running) };
    }
    if history.is_empty() { start(seen, &history) } else { go_on(seen, &history) }
}

/// Whether it has to stop: the first reason stays the reason.
fn stop_wanted(seen: &Seen) -> Option<Refusal> {
    let status = &seen.operation.status;
    if let Some((_, reason, message)) = history::stopping(&status.conditions) {
        return Some(Refusal { reason, message });
    }
    let fields = seen.operation.ask.fields();
    if fields.cancelled {
        return Some(Refusal::new(Reason::Cancelled, "cancelled by spec.cancelled"));
    }
    let seconds = fields.active_deadline_seconds?;
    (deadline(seen)? <= seen.now).then(|| {
        let message = format!("it did not end within activeDeadlineSeconds: {seconds}; raise it, or load and process less at once");
        Refusal::new(Reason::OperationDeadlineExceeded, message)
    })
}

/// When `activeDeadlineSeconds` are over; none before the start.
pub(super) fn deadline(seen: &Seen) -> Option<Timestamp> {
    let seconds = seen.operation.ask.fields().active_deadline_seconds?;
    let start = seen.operation.status.start_time.as_ref()?.0;
    Some(later(start, SignedDuration::from_secs(seconds)))
}

/// Stops what runs, then ends.
fn stop(seen: &Seen, history: &History<'_>, refusal: Refusal) -> Next {
    let unfinished = history.unfinished();
    let gone = history::lost(&unfinished, &seen.nodes, seen.now).len();
    let since = history::stopping(&seen.operation.status.conditions).map(|(since, _, _)| since);
    let wake = later(since.unwrap_or(seen.now), STOP_GRACE);
    let changes = stop_tasks(&unfinished);
    if unfinished.len() == gone || wake <= seen.now {
        return Next::Fail { refusal, changes };
    }
    Next::Stopping { refusal, changes, wake }
}

/// Asks the agents of tasks that were not asked before.
pub(super) fn stop_tasks(tasks: &[&NodeTask]) -> Vec<TaskChange> {
    let not_asked = tasks.iter().filter(|task| !task.spec.cancelled);
    not_asked.map(|task| stop_task(task)).collect()
}

fn stop_task(task: &NodeTask) -> TaskChange {
    let (name, uid) = (task_name(task).to_owned(), uid(task));
    if task.spec.action == Action::Command {
        return TaskChange::StopCommand { name, uid };
    }
    TaskChange::Stop { name, uid }
}

fn uid(task: &NodeTask) -> String {
    task.metadata.uid.clone().unwrap_or_default()
}

/// Nothing was started yet: may it start?
fn start(seen: &Seen, history: &History<'_>) -> Next {
    if let Err(Hold::Refuse(refusal)) = &seen.work
        && is_final(refusal.reason)
    {
        return fail(refusal.clone());
    }
    match shut(seen) {
        Some(Gate::NotNeeded(message)) => return Next::NotNeeded { message },
        Some(Gate::Shut(Hold::Wait(words))) => return wait(words),
        Some(Gate::Shut(Hold::Refuse(refusal))) => return fail(refusal),
        Some(Gate::Open) | None => {}
    }
    match &seen.work {
        Ok(work) => stages::advance(seen, history, work.clone(), 1),
        Err(Hold::Wait(words)) => wait(words.clone()),
        Err(Hold::Refuse(refusal)) => fail(refusal.clone()),
    }
}

/// A refusal that what it runs after cannot mend: a predecessor may make what is missing.
fn is_final(reason: Reason) -> bool {
    !matches!(reason, Reason::NotFound | Reason::NotSupported)
}

/// What the gate says; none where it runs after nothing.
fn shut(seen: &Seen) -> Option<Gate> {
    let run_after = seen.operation.ask.fields().run_after.as_ref()?;
    let Some(predecessor) = &seen.predecessor else {
        let refused = gate::target(run_after, &seen.operation.name.name.namespace).err();
        return refused.map(|refusal| Gate::Shut(Hold::Refuse(refusal)));
    };
    if let Some(cycle) = &predecessor.cycle {
        return Some(Gate::Shut(Hold::refuse(
            Reason::Cycle,
            format!("{cycle}: remove one of the runAfter lines"),
        )));
    }
    Some(gate::gate(&predecessor.target, run_after.on, &predecessor.state, seen.missing))
}

fn wait(words: String) -> Next {
    Next::Wait { words, reason: Reason::Waiting, wake: None, changes: Vec::new() }
}

fn fail(refusal: Refusal) -> Next {
    Next::Fail { refusal, changes: Vec::new() }
}

/// Something was started: failures first, then the next stage.
fn go_on(seen: &Seen, history: &History<'_>) -> Next {
    let lost = history::lost(&history.unfinished(), &seen.nodes, seen.now);
    if !lost.is_empty() {
        return declare_lost(seen, &lost);
    }
    let work = match (&seen.work, history.all().next()) {
        (Ok(work), Some(_)) if history.is_command() => work.clone(),
        // A running operation keeps what was resolved when it started, even if that is gone since.
        (_, Some(task)) => Work::of_task(&task.spec, replicas(seen, history)),
        (Ok(work), None) => work.clone(),
        (Err(_), None) => Work::default(),
    };
    if let Some((task, failure)) = history.failure() {
        return after_failure(seen, history, work, task, &failure);
    }
    if history.was_stopped() {
        // Stopped by `suspend`, which is over: a new try that counts as no failure.
        return match history.unfinished().len() {
            0 => stages::advance(seen, history, work, history.attempt().saturating_add(1)),
            left => wait(format!("{left} tasks to stop")),
        };
    }
    stages::advance(seen, history, work, history.attempt())
}

/// Replicas of a load that runs: as asked for where that can still be read, else as started.
fn replicas(seen: &Seen, history: &History<'_>) -> usize {
    seen.work.as_ref().map_or_else(|_| history.current().len(), |work| work.replicas)
}

fn declare_lost(seen: &Seen, lost: &[&NodeTask]) -> Next {
    let changes = lost.iter().map(|task| TaskChange::Lose {
        name: task_name(task).to_owned(),
        uid: uid(task),
        message: format!("the agent of node {} has not been heard of for 40 s", task.spec.node),
    });
    let words =
        format!("another node, since {} was lost", lost.first().map_or("one", |task| &task.spec.node));
    let wake = Some(seen.now);
    Next::Wait { words, reason: Reason::NodeLost, wake, changes: changes.collect() }
}

/// A task failed: the others of its try are stopped, then another try begins, or it ends.
fn after_failure(
    seen: &Seen,
    history: &History<'_>,
    work: Work,
    task: &NodeTask,
    failure: &TaskFailure,
) -> Next {
    let limit = seen.operation.ask.fields().backoff_limit;
    let failures = history.failures();
    if !failure.retryable || failures > limit {
        return stop(seen, history, last_failure(failure, failures));
    }
    let unfinished = history.unfinished();
    let what = format!(
        "{} on node {} failed: {}: {}",
        task.spec.action, task.spec.node, failure.reason, failure.message
    );
    let pause = |words: String, wake| Next::Wait {
        words,
        reason: failure.reason,
        wake,
        changes: stop_tasks(&unfinished),
    };
    if !unfinished.is_empty() {
        return pause(
            format!("{} tasks of the failed try to stop, then another try; {what}", unfinished.len()),
            None,
        );
    }
    let at = history.next_try();
    if seen.now < at {
        let words = format!(
            "try {} of {} at {}; {what}",
            failures.saturating_add(1),
            limit.saturating_add(1),
            clock(at)
        );
        return pause(words, Some(at));
    }
    stages::advance(seen, history, work, history.attempt().saturating_add(1))
}

/// The failure that ends it. One try's failure is the reason; after several the limit is.
fn last_failure(failure: &TaskFailure, failures: i32) -> Refusal {
    if !failure.retryable || failures <= 1 {
        return Refusal::new(failure.reason, failure.message.clone());
    }
    let message = format!(
        "it failed {failures} times, which is more than backoffLimit allows; the last time: {}: {}",
        failure.reason, failure.message
    );
    Refusal::new(Reason::BackoffLimitExceeded, message)
}

/// A time of day, to the second.
fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%SZ").to_string()
}
