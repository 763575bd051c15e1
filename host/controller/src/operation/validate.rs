//! From what was found to what a decision reads: the raw spec goes no further.

use millrace_crds::common::Phase;
use millrace_decide::gate::Predecessor;
use millrace_decide::operation::{Operation, Seen, SeenPredecessor};
use millrace_decide::refusal::Hold;
use millrace_decide::text;

use super::dereference::{Found, FoundPredecessor};
use crate::Context;

/// Reads the spec against what it points at.
pub(super) fn validate(context: &Context, found: Found) -> Seen {
    let Found { operation, predecessor, catalog, made, tasks, nodes, pods, refusal, awaited } = found;
    Seen {
        predecessor: predecessor.map(|found| seen_predecessor(&operation, found)),
        work: match refusal {
            Some(refusal) => Err(Hold::Refuse(refusal)),
            None => operation.ask.work(&operation.name.name.namespace, &catalog),
        },
        operation: Operation::clone(&operation),
        made,
        tasks,
        pods,
        nodes,
        awaited,
        missing: context.config.missing,
        now: context.config.clock.now(),
    }
}

fn seen_predecessor(operation: &Operation, found: FoundPredecessor) -> SeenPredecessor {
    let FoundPredecessor { target, object, others, cycle } = found;
    let before = operation.status.run_after_uid.as_deref();
    let state = match &object {
        Some(object) if before.is_some_and(|before| before != object.uid) => Predecessor::Deleted,
        Some(object) => state_of(object),
        None if before.is_some() => Predecessor::Deleted,
        None => {
            let nearest = text::nearest(&target.name.name, others.iter().map(String::as_str));
            Predecessor::Missing { nearest: nearest.map(str::to_owned) }
        }
    };
    SeenPredecessor { uid: object.map(|object| object.uid.clone()), target, state, cycle }
}

fn state_of(object: &Operation) -> Predecessor {
    let status = &object.status;
    match status.phase {
        Phase::Complete => Predecessor::Complete,
        Phase::Failed => {
            let reason = status.reason.map(|reason| reason.to_string()).unwrap_or_default();
            Predecessor::Failed { why: format!("{reason}: {}", status.message) }
        }
        Phase::Pending | Phase::Executing | Phase::Suspended if object.deleting.is_some() => {
            Predecessor::Deleted
        }
        phase @ (Phase::Pending | Phase::Executing | Phase::Suspended) => {
            Predecessor::Running { phase: phase.to_string() }
        }
    }
}
