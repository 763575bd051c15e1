//! How the steps of a flow stand, and which of them are due.

use std::collections::BTreeSet;

use millrace_crds::Reason;
use millrace_crds::common::Phase;
use millrace_crds::data_flow::{DataFlowSpec, FlowStep, OnStepFailure, When};
use millrace_crds::operation::{StepPhase, StepState};

use super::super::child::Child;
use super::super::{Operation, Seen};
use crate::text;

/// Bytes of a step's message.
const MESSAGE: usize = 2000;

/// The steps in the order of the spec, as their operations say that they stand.
pub(super) fn states(seen: &Seen, spec: &DataFlowSpec) -> Vec<StepState> {
    let old = |name: &str| seen.operation.status.step_states.iter().find(|state| state.name == name);
    let state = |step: &FlowStep| {
        let name = step.name.clone();
        let old = old(&step.name).cloned().unwrap_or(StepState { name, ..StepState::default() });
        if old.state == StepPhase::Running { running(seen, old) } else { old }
    };
    spec.steps.iter().map(state).collect()
}

/// A step that was started.
fn running(seen: &Seen, old: StepState) -> StepState {
    let name = old.operation.split_once('/').map_or("", |(_, name)| name).to_owned();
    if let Some(child) = seen.children.iter().find(|child| child.name.name.name == name) {
        return of_child(seen, old, child);
    }
    if let Some(why) = seen.refused.get(&name) {
        let message = format!("the API server refused it: {why}");
        return failed(old, Reason::InvalidSpec, &message);
    }
    if old.uid.is_some() {
        return failed(old, Reason::NotFound, "its operation was deleted before it ended");
    }
    old
}

fn of_child(seen: &Seen, old: StepState, child: &Operation) -> StepState {
    let status = &child.status;
    let state = match status.phase {
        Phase::Complete => StepPhase::Complete,
        Phase::Failed => StepPhase::Failed,
        Phase::Pending | Phase::Executing | Phase::Suspended => StepPhase::Running,
    };
    let start = status.start_time.clone();
    let ended = status.completion_time.as_ref().map_or(seen.now, |time| time.0);
    let duration = match (&start, state.is_finished()) {
        (Some(start), true) => text::duration(start.0, ended),
        _ => String::new(),
    };
    StepState {
        state,
        uid: Some(child.uid.clone()),
        progress: status.progress.clone(),
        start_time: start,
        duration,
        reason: status.reason,
        message: text::clip(&status.message, MESSAGE),
        ..old
    }
}

fn failed(old: StepState, reason: Reason, message: &str) -> StepState {
    StepState { state: StepPhase::Failed, reason: Some(reason), message: text::clip(message, MESSAGE), ..old }
}

/// The names of the steps in that state.
pub(super) fn named(states: &[StepState], phase: StepPhase) -> Vec<&str> {
    states.iter().filter(|state| state.state == phase).map(|state| state.name.as_str()).collect()
}

/// Marks the steps that never run, says for what the others wait, and names those that are due.
pub(super) fn advance(spec: &DataFlowSpec, states: &mut [StepState]) -> BTreeSet<String> {
    let mut due = BTreeSet::new();
    // A step that is skipped may be what another one needs: at most one round per step.
    for _ in 0..=spec.steps.len() {
        let before = states.to_vec();
        for (step, state) in spec.steps.iter().zip(states.iter_mut()) {
            if state.state != StepPhase::Waiting {
                continue;
            }
            match verdict(spec, step, &before) {
                Verdict::Due => {
                    due.insert(step.name.clone());
                }
                Verdict::Waits(words) => state.message = words,
                Verdict::Never(words) => {
                    state.state = StepPhase::Skipped;
                    state.message = words;
                }
            }
        }
        if before == states {
            break;
        }
    }
    due
}

/// What becomes of a step that has not been started.
enum Verdict {
    Due,
    Waits(String),
    Never(String),
}

fn verdict(spec: &DataFlowSpec, step: &FlowStep, states: &[StepState]) -> Verdict {
    let needed: Vec<&StepState> = states.iter().filter(|state| step.needs.contains(&state.name)).collect();
    let not_well = needed.iter().find(|state| matches!(state.state, StepPhase::Failed | StepPhase::Skipped));
    if let (When::Success, Some(state)) = (step.when, not_well) {
        return Verdict::Never(format!("step {} {}", state.name, past(state.state)));
    }
    let failed = states.iter().find(|state| state.state == StepPhase::Failed);
    if let (When::Success, OnStepFailure::Stop, Some(failed)) = (step.when, spec.on_failure, failed) {
        return Verdict::Never(format!("step {} failed, and onFailure is Stop", failed.name));
    }
    let open: Vec<&str> =
        needed.iter().filter(|state| !state.state.is_finished()).map(|state| state.name.as_str()).collect();
    if !open.is_empty() {
        return Verdict::Waits(format!("waits for {}", text::list(open, 8)));
    }
    let any_failed = needed.iter().any(|state| state.state == StepPhase::Failed);
    if step.when == When::Failure && !any_failed {
        return Verdict::Never("no step that it needs failed".to_owned());
    }
    Verdict::Due
}

fn past(phase: StepPhase) -> &'static str {
    if phase == StepPhase::Failed { "failed" } else { "was skipped" }
}

/// A step whose operation is about to be created.
pub(super) fn start(state: &mut StepState, child: &Child) {
    state.state = StepPhase::Running;
    state.operation = format!("{}/{}", child.name.kind.word().to_lowercase(), child.name.name.name);
    state.reason = Some(Reason::Executing);
    state.message.clear();
}

/// The flow ends before its steps did.
pub(super) fn give_up(states: &mut [StepState]) {
    for state in states.iter_mut().filter(|state| !state.state.is_finished()) {
        state.state = if state.state == StepPhase::Running { StepPhase::Failed } else { StepPhase::Skipped };
        "the flow was stopped".clone_into(&mut state.message);
        state.reason = Some(Reason::Cancelled);
    }
}

/// The steps that `retry` runs again: from `retryFrom` on, or all that did not end well and what follows them.
pub(in super::super) fn run_again(spec: &DataFlowSpec, states: &[StepState]) -> BTreeSet<String> {
    let mut again: BTreeSet<String> = match &spec.retry_from {
        Some(from) => [from.clone()].into(),
        None => states
            .iter()
            .filter(|state| state.state != StepPhase::Complete)
            .map(|state| state.name.clone())
            .collect(),
    };
    // What was skipped or stopped has to run too; what follows follows.
    if spec.retry_from.is_some() {
        let ended_badly = states.iter().filter(|state| state.state != StepPhase::Complete);
        again.extend(ended_badly.map(|state| state.name.clone()));
    }
    if spec.retry_from.is_none() && again.is_empty() {
        again = spec.steps.iter().map(|step| step.name.clone()).collect();
    }
    for _ in 0..spec.steps.len() {
        let follows = |step: &&FlowStep| step.needs.iter().any(|need| again.contains(need));
        let more: Vec<String> = spec.steps.iter().filter(follows).map(|step| step.name.clone()).collect();
        let before = again.len();
        again.extend(more);
        if again.len() == before {
            break;
        }
    }
    again
}
