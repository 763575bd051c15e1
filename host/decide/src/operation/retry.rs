//! Running an operation that has ended once more, because `spec.retry` was raised.

use millrace_crds::Reason;
use millrace_crds::common::Phase;
use millrace_crds::operation::{OperationStatus, StepPhase, StepState};

use super::history::History;
use super::{Decision, Seen, flow, status};

pub(super) fn is_wanted(seen: &Seen) -> bool {
    let fields = seen.operation.ask.fields();
    let cancelled_again = fields.cancelled && seen.operation.status.reason == Some(Reason::Cancelled);
    fields.retry > seen.operation.status.retries && !cancelled_again
}

/// It begins anew: what was seen and said of the earlier run is forgotten, its tries stay counted.
pub(super) fn again(seen: &Seen) -> Decision {
    let old = &seen.operation.status;
    let retries = seen.operation.ask.fields().retry;
    let mut status = OperationStatus {
        retries,
        attempts: old.attempts,
        attempts_before: History::new(seen).attempt(),
        last_schedule_time: old.last_schedule_time.clone(),
        last_successful_time: old.last_successful_time.clone(),
        events: old.events.clone(),
        step_states: kept_steps(seen, retries),
        observed_generation: seen.operation.generation,
        ..OperationStatus::default()
    };
    status::wait(&mut status, Phase::Pending, Reason::Waiting, "its next run, since spec.retry was raised");
    status::finish(seen, status, Decision::default())
}

/// Steps that are not run again stay as they ended.
fn kept_steps(seen: &Seen, round: i32) -> Vec<StepState> {
    let Some(spec) = seen.operation.ask.flow() else { return Vec::new() };
    let again = flow::run_again(spec, &seen.operation.status.step_states);
    let state = |old: &StepState| {
        if again.contains(&old.name) {
            return StepState {
                name: old.name.clone(),
                round,
                state: StepPhase::Waiting,
                ..StepState::default()
            };
        }
        old.clone()
    };
    seen.operation.status.step_states.iter().map(state).collect()
}
