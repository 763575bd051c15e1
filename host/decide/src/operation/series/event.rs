//! Runs at events: what it runs after ended again, or the files of what it works on changed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use millrace_crds::operation::{ActiveRun, OperationStatus};
use millrace_crds::{Reason, names};

use super::{Plan, blocked_words, is_blocked};
use crate::operation::Seen;
use crate::predecessor::{Candidate, SeenPredecessor};
use crate::refusal::Refusal;
use crate::text;

/// Runs that are started at one look.
const AT_A_LOOK: usize = 10;
/// Events that are remembered.
const REMEMBERED: usize = 1024;

pub(super) fn plan(seen: &Seen, status: &OperationStatus) -> Result<Plan, Refusal> {
    let predecessors = seen.predecessors.as_ref().map_err(Clone::clone)?;
    let visible = events(seen, predecessors);
    let first = status.events.is_empty() && status.last_schedule_time.is_none();
    let mut new: Vec<&String> = visible.iter().filter(|event| !status.events.contains(event)).collect();
    let mut plan = Plan {
        last: status.last_schedule_time.as_ref().map(|last| last.0),
        // While nothing can be seen, nothing is forgotten either.
        events: if visible.is_empty() { status.events.clone() } else { handled(status, &visible) },
        ..Plan::default()
    };
    if seen.operation.ask.fields().suspend {
        plan.waits = Some((Reason::Suspended, "spec.suspend to become false".to_owned()));
        return Ok(plan);
    }
    let (blocked, replace) = is_blocked(seen, status);
    if new.is_empty() {
        plan.waits = Some((Reason::Scheduled, waiting_words(seen, predecessors)));
        return Ok(plan);
    }
    if blocked {
        plan.replace = replace;
        plan.waits = Some((Reason::Waiting, blocked_words(seen, status)));
        return Ok(plan);
    }
    plan.events.extend(new.iter().map(|event| (*event).clone()));
    // What ended before it was there is one event, and so is what came while it could not start.
    let alone = first
        || seen.operation.ask.fields().concurrency_policy
            != millrace_crds::operation::ConcurrencyPolicy::Allow;
    let keep = if alone { 1 } else { AT_A_LOOK };
    let later = new.split_off(new.len().saturating_sub(keep));
    if !alone {
        // Those are for the next look.
        plan.events.retain(|event| !new.contains(&event));
        plan.wake = (!new.is_empty()).then_some(seen.now);
    }
    plan.runs = later.into_iter().map(|event| run(seen, event)).collect();
    plan.last = Some(seen.now);
    let excess = plan.events.len().saturating_sub(REMEMBERED);
    plan.events.drain(..excess);
    Ok(plan)
}

/// Events that were run and that can still be seen.
fn handled(status: &OperationStatus, visible: &[String]) -> Vec<String> {
    status.events.iter().filter(|event| visible.contains(event)).cloned().collect()
}

/// What has happened, the oldest first.
fn events(seen: &Seen, predecessors: &[SeenPredecessor]) -> Vec<String> {
    match predecessors {
        [] => listing(seen).into_iter().collect(),
        [one] => {
            let mut met: Vec<&Candidate> =
                one.candidates.iter().filter(|other| other.is_met(one.wanted)).collect();
            met.sort_by_key(|one| (one.ended, one.uid.as_str()));
            let newest = met.split_off(met.len().saturating_sub(REMEMBERED));
            newest.into_iter().map(Candidate::event).collect()
        }
        // Of several, all must have ended so: the latest of each make one event.
        several => together(several).into_iter().collect(),
    }
}

fn listing(seen: &Seen) -> Option<String> {
    let used = seen.operation.ask.uses(&seen.operation.name.name.namespace).len();
    let all = used > 0 && seen.listings.len() == used;
    all.then(|| key(seen.listings.iter().map(String::as_str)))
}

fn together(predecessors: &[SeenPredecessor]) -> Option<String> {
    let latest = |one: &SeenPredecessor| {
        let met = one.candidates.iter().filter(|other| other.is_met(one.wanted));
        met.max_by_key(|one| (one.ended, one.uid.as_str())).map(Candidate::event)
    };
    let events: Option<Vec<String>> = predecessors.iter().map(latest).collect();
    Some(key(events?.iter().map(String::as_str)))
}

/// A short word for what may be long.
fn key<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    names::made_name("", "", "event", &parts.collect::<Vec<_>>())
}

fn run(seen: &Seen, event: &str) -> ActiveRun {
    let name = seen.operation.child_name(seen.operation.name.kind, "event", &[event]);
    ActiveRun { name: name.name.name, time: Time(seen.now), uid: None }
}

fn waiting_words(seen: &Seen, predecessors: &[SeenPredecessor]) -> String {
    if predecessors.is_empty() {
        let names = seen.operation.ask.uses(&seen.operation.name.name.namespace);
        return format!("other files in Dataset {}", text::list(names, 4));
    }
    let unseen = predecessors.iter().find_map(|one| match &one.state {
        crate::gate::Predecessor::Unseen { why } => Some(format!("{}: {why}", one.target)),
        _ => None,
    });
    unseen.unwrap_or_else(|| {
        format!("{} to end", text::list(predecessors.iter().map(SeenPredecessor::what), 4))
    })
}
