//! Operations that run over and over: at the ticks of a schedule, or at events.
//!
//! Each run is an operation of its own. It is written into `status.active` first and created then:
//! one that stands there and was never seen is to be created, one that was seen and is gone was
//! deleted. So no tick runs twice, whoever dies when.

mod event;
mod history;
mod tick;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use millrace_crds::common::Phase;
use millrace_crds::operation::{ActiveRun, ConcurrencyPolicy, OperationStatus, Policy};
use millrace_crds::{Reason, names};

use super::child::{self, Child, ChildChange};
use super::{Decision, Operation, Seen, next, status};
use crate::refusal::{Missing, Refusal};
use crate::text;

/// Runs at once, whatever `concurrencyPolicy` says: `status.active` holds no more.
const AT_ONCE: usize = 1000;

/// What is to run now, and what is waited for.
#[derive(Debug, Clone, Default, PartialEq)]
struct Plan {
    /// Runs to start.
    runs: Vec<ActiveRun>,
    /// The last tick or event that is done with.
    last: Option<Timestamp>,
    /// The next tick.
    next: Option<Timestamp>,
    /// Events that are done with.
    events: Vec<String>,
    /// Runs that are at work have to stop first.
    replace: bool,
    /// Why it stands as it does, and what it waits for.
    waits: Option<(Reason, String)>,
    /// When to look again.
    wake: Option<Timestamp>,
}

/// The next step of an operation that runs over and over.
pub(super) fn decide(seen: &Seen) -> Decision {
    let mut status = seen.operation.status.clone();
    status.observed_generation = seen.operation.generation;
    "Unfinished".clone_into(&mut status.duration);
    status.active = active(seen);
    status.last_successful_time = last_success(seen);
    if let Some(refusal) = next::stop_wanted(seen) {
        return stop(seen, status, &refusal);
    }
    match plan(seen, &status) {
        Ok(plan) => carry_on(seen, status, plan),
        Err(refusal) if seen.missing == Missing::Fail => stop(seen, status, &refusal),
        // Editing it mends it.
        Err(Refusal { reason, message }) => {
            status.next_schedule_time = None;
            status::wait(&mut status, Phase::Pending, reason, &message);
            status::finish(seen, status, Decision::default())
        }
    }
}

fn plan(seen: &Seen, status: &OperationStatus) -> Result<Plan, Refusal> {
    let plan = match seen.operation.ask.fields().policy {
        Policy::Cron => tick::plan(seen, status),
        Policy::OnEvent => event::plan(seen, status),
        Policy::Once => Ok(Plan::default()),
    }?;
    // A run that is attached to a terminal ends, and a series does not.
    if seen.missing == Missing::Fail {
        let message = "it runs over and over, which needs a control plane that stays: apply it to a cluster, or leave spec.policy out to run it once";
        return Err(Refusal::new(Reason::NotSupported, message));
    }
    Ok(plan)
}

/// Runs that have not ended, as far as that is known.
fn active(seen: &Seen) -> Vec<ActiveRun> {
    let child = |name: &str| seen.children.iter().find(|child| child.name.name.name == name);
    let still = |run: &ActiveRun| match child(&run.name) {
        Some(child) => child.is_active().then(|| ActiveRun { uid: Some(child.uid.clone()), ..run.clone() }),
        None if run.uid.is_some() || seen.refused.contains_key(&run.name) => None,
        None => Some(run.clone()),
    };
    let known = &seen.operation.status.active;
    let mut active: Vec<ActiveRun> = known.iter().filter_map(still).collect();
    for child in seen.children.iter().filter(|child| child.is_active()) {
        let name = &child.name.name.name;
        if !active.iter().any(|run| run.name == *name) && active.len() < AT_ONCE {
            let time = Time(child.tick.or(child.created).unwrap_or(seen.now));
            active.push(ActiveRun { name: name.clone(), time, uid: Some(child.uid.clone()) });
        }
    }
    active
}

fn last_success(seen: &Seen) -> Option<Time> {
    let well = seen.children.iter().filter(|child| child.status.phase == Phase::Complete);
    let ended = well.filter_map(|child| child.status.completion_time.clone());
    ended.chain(seen.operation.status.last_successful_time.clone()).max_by_key(|time| time.0)
}

/// The operations behind the active runs.
fn at_work(seen: &Seen) -> impl Iterator<Item = &Operation> {
    seen.children.iter().filter(|child| child.is_active()).map(AsRef::as_ref)
}

/// It is cancelled: first what runs, then itself.
fn stop(seen: &Seen, mut status: OperationStatus, refusal: &Refusal) -> Decision {
    let mut decision = Decision::default();
    status.next_schedule_time = None;
    // What was never created need not be.
    status.active.retain(|run| run.uid.is_some());
    if status.active.is_empty() {
        status::end(seen, &mut status, false, refusal);
    } else {
        let words = format!("{} to stop", runs(&status.active));
        status::stop(seen, &mut status, Phase::Executing, refusal, &words);
        decision.children = at_work(seen).filter_map(Operation::cancel).collect();
    }
    status::finish(seen, status, decision)
}

/// Starts what is due, and says what is at work or waited for.
fn carry_on(seen: &Seen, mut status: OperationStatus, plan: Plan) -> Decision {
    let Plan { runs: started, last, next, events, replace, waits, wake } = plan;
    let mut decision = Decision { wake, ..Decision::default() };
    status.active.extend(started);
    status.last_schedule_time = last.map(Time).or(status.last_schedule_time);
    status.next_schedule_time = next.map(Time);
    status.events = events;
    let new = status.active.iter().filter(|run| run.uid.is_none());
    decision.children = new.map(|run| ChildChange::Create(Box::new(run_of(seen, run)))).collect();
    if replace {
        decision.children.extend(at_work(seen).filter_map(Operation::cancel));
    }
    decision.children.extend(history::expired(seen, &status.active));
    tell(seen, &mut status, waits);
    status::finish(seen, status, decision)
}

fn tell(seen: &Seen, status: &mut OperationStatus, waits: Option<(Reason, String)>) {
    if let Some((name, why)) = seen.refused.iter().next() {
        let message = format!("the run {name} was refused by the API server: {why}");
        return status::wait(status, Phase::Pending, Reason::InvalidSpec, &message);
    }
    let at_work = !status.active.is_empty();
    match waits {
        Some((reason, words)) => {
            let idle = if reason == Reason::Suspended { Phase::Suspended } else { Phase::Pending };
            status::wait(status, if at_work { Phase::Executing } else { idle }, reason, &words);
        }
        None => {
            status.phase = Phase::Executing;
            status.reason = Some(Reason::Executing);
            status.waiting_for.clear();
        }
    }
    if at_work {
        let words = format!("{} at work", runs(&status.active));
        status.message = if status.waiting_for.is_empty() {
            words
        } else {
            text::clip(&format!("{words}; waits for {}", status.waiting_for), 32_000)
        };
    }
}

/// `nightly-202611240200-abc and 2 more`.
fn runs(active: &[ActiveRun]) -> String {
    text::list(active.iter().map(|run| &run.name), 3)
}

/// The operation that a run is.
fn run_of(seen: &Seen, run: &ActiveRun) -> Child {
    let operation = &seen.operation;
    let fields = operation.ask.fields();
    let mut spec = child::without_makers(operation.ask.spec());
    if let (Policy::OnEvent, Some(given)) = (fields.policy, spec.as_object_mut()) {
        given.retain(|field, _| !matches!(field.as_str(), "runAfter" | "runAfterAll"));
    }
    let ours = |key: &String| key.starts_with(names::DOMAIN);
    let mut labels = operation.labels.clone();
    labels.retain(|key, _| !ours(key));
    let series = format!("{}.{}", operation.name.kind, operation.name.name.name);
    labels.insert(names::LABEL_SCHEDULE.to_owned(), super::task::label_value(&series));
    let mut annotations = [(names::ANNOTATION_TICK.to_owned(), run.time.0.to_string())].to_vec();
    if operation.fresh {
        annotations.push((names::ANNOTATION_FRESH.to_owned(), "true".to_owned()));
    }
    let mut name = operation.name.clone();
    name.name.name.clone_from(&run.name);
    Child { name, owner: operation.as_owner(), labels, annotations: annotations.into_iter().collect(), spec }
}

/// Whether runs at work keep a new one from starting, and whether they are stopped for it.
fn is_blocked(seen: &Seen, status: &OperationStatus) -> (bool, bool) {
    let busy = !status.active.is_empty();
    match seen.operation.ask.fields().concurrency_policy {
        ConcurrencyPolicy::Allow => (status.active.len() >= AT_ONCE, false),
        ConcurrencyPolicy::Forbid => (busy, false),
        ConcurrencyPolicy::Replace => (busy, busy),
    }
}

/// What a run that may not start yet waits for.
fn blocked_words(seen: &Seen, status: &OperationStatus) -> String {
    let policy = match seen.operation.ask.fields().concurrency_policy {
        ConcurrencyPolicy::Allow => "1000 runs at once are the most",
        ConcurrencyPolicy::Forbid => "concurrencyPolicy: Forbid",
        ConcurrencyPolicy::Replace => "concurrencyPolicy: Replace",
    };
    format!("{} to end, then the next run ({policy})", runs(&status.active))
}
