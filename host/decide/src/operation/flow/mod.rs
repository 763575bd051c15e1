//! DataFlows: steps that become operations, each once the steps that it needs have ended.

mod parameters;
mod specs;
mod steps;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use millrace_crds::Reason;
use millrace_crds::common::{Phase, Progress};
use millrace_crds::data_flow::DataFlowSpec;
use millrace_crds::operation::{OperationFields, OperationStatus, StepPhase, StepState};
use serde_json::Value;

use super::ask::{Ask, Work};
use super::child::{self, ChildChange};
use super::next::{self, STOP_GRACE};
use super::{Decision, Operation, Seen, history, status};
use crate::catalog::Catalog;
use crate::gate::Gate;
use crate::name::Name;
use crate::placement::later;
use crate::refusal::{Hold, Refusal};
use crate::text;

pub(super) use steps::run_again;

impl Ask for DataFlowSpec {
    fn fields(&self) -> &OperationFields {
        &self.operation
    }

    fn spec(&self) -> Value {
        child::as_json(self)
    }

    fn flow(&self) -> Option<&DataFlowSpec> {
        Some(self)
    }

    fn uses(&self, namespace: &str) -> Vec<Name> {
        let mut names: Vec<Name> =
            self.steps.iter().flat_map(|step| specs::datasets(step, namespace)).collect();
        names.sort();
        names.dedup();
        names
    }

    fn work(&self, _: &str, _: &Catalog) -> Result<Work, Hold> {
        // Its steps do the work.
        Ok(Work::default())
    }
}

/// The next step of a flow.
pub(super) fn decide(seen: &Seen, spec: &DataFlowSpec) -> Decision {
    let mut status = seen.operation.status.clone();
    status.observed_generation = seen.operation.generation;
    "Unfinished".clone_into(&mut status.duration);
    status::remember(seen, &mut status);
    status.step_states = steps::states(seen, spec);
    if let Some(refusal) = next::stop_wanted(seen) {
        return stop(seen, status, &refusal);
    }
    let made = match specs::make(&seen.operation, spec) {
        Ok(made) => made,
        Err(refusal) => return fail(seen, status, &refusal),
    };
    if spec.operation.suspend {
        return suspend(seen, status);
    }
    if status.start_time.is_none() {
        match next::gate(seen) {
            Gate::Open => {}
            Gate::NotNeeded(message) => {
                let outcome = Refusal::new(Reason::PredecessorSucceeded, message);
                status::end(seen, &mut status, true, &outcome);
                return status::finish(seen, status, Decision::default());
            }
            Gate::Shut(Hold::Wait(words)) => {
                status::wait(&mut status, Phase::Pending, Reason::Waiting, &words);
                return status::finish(seen, status, Decision::default());
            }
            Gate::Shut(Hold::Refuse(refusal)) => return fail(seen, status, &refusal),
        }
    }
    go_on(seen, spec, status, made)
}

fn fail(seen: &Seen, mut status: OperationStatus, refusal: &Refusal) -> Decision {
    status::end(seen, &mut status, false, refusal);
    status::finish(seen, status, Decision::default())
}

/// Nothing new is started; what runs is let end.
fn suspend(seen: &Seen, mut status: OperationStatus) -> Decision {
    let running = steps::named(&status.step_states, StepPhase::Running);
    if running.is_empty() {
        status::wait(&mut status, Phase::Suspended, Reason::Suspended, "spec.suspend to become false");
    } else {
        let words = format!("{} to end, since spec.suspend is true", text::list(running, 5));
        status::wait(&mut status, Phase::Executing, Reason::Suspended, &words);
    }
    status::finish(seen, status, Decision::default())
}

/// Steps at work are cancelled; once they have stopped it ends. One that never stops is given up.
fn stop(seen: &Seen, mut status: OperationStatus, refusal: &Refusal) -> Decision {
    let since = history::stopping(&status.conditions).map_or(seen.now, |(since, _, _)| since);
    let wake = later(since, later_grace());
    let active: Vec<&Operation> =
        seen.children.iter().map(AsRef::as_ref).filter(|child: &&Operation| child.is_active()).collect();
    let children = active.iter().filter_map(|child| child.cancel()).collect();
    let mut decision = Decision { children, ..Decision::default() };
    if active.is_empty() || wake <= seen.now {
        steps::give_up(&mut status.step_states);
        status::end(seen, &mut status, false, refusal);
    } else {
        let words =
            format!("{} to stop", text::list(steps::named(&status.step_states, StepPhase::Running), 5));
        status::stop(seen, &mut status, Phase::Executing, refusal, &words);
        decision.wake = Some(wake);
    }
    count(&mut status);
    status::finish(seen, status, decision)
}

/// Twice what a step takes to give up its own tasks.
fn later_grace() -> k8s_openapi::jiff::SignedDuration {
    STOP_GRACE.saturating_mul(2)
}

/// Starts the steps that are due, skips those that never will be, and says how it stands.
fn go_on(seen: &Seen, spec: &DataFlowSpec, mut status: OperationStatus, made: Vec<child::Child>) -> Decision {
    let mut decision = Decision::default();
    status.start_time.get_or_insert(Time(seen.now));
    let due = steps::advance(spec, &mut status.step_states);
    for (state, child) in status.step_states.iter_mut().zip(made) {
        let missing = state.state == StepPhase::Running && state.uid.is_none();
        if due.contains(&state.name) || missing {
            steps::start(state, &child);
            decision.children.push(ChildChange::Create(Box::new(child)));
        }
    }
    count(&mut status);
    if status.step_states.iter().all(|step| step.state.is_finished()) {
        end(seen, &mut status);
        return status::finish(seen, status, decision);
    }
    let running = steps::named(&status.step_states, StepPhase::Running);
    status.phase = Phase::Executing;
    status.reason = Some(Reason::Executing);
    status.message = format!("{} at work", text::list(running, 5));
    status.waiting_for = waiting(seen, &status.step_states);
    status.attempts = status.retries.saturating_add(1);
    status::finish(seen, status, decision)
}

/// Where every step at work waits itself: for what the first of them waits.
fn waiting(seen: &Seen, states: &[StepState]) -> String {
    let running = states.iter().filter(|state| state.state == StepPhase::Running);
    let words = |state: &StepState| {
        let child = seen.children.iter().find(|child| Some(&child.uid) == state.uid.as_ref())?;
        let words = &child.status.waiting_for;
        (!words.is_empty()).then(|| format!("step {}: {words}", state.name))
    };
    let all: Option<Vec<String>> = running.map(words).collect();
    all.and_then(|all| all.into_iter().next()).map_or_else(String::new, |words| text::clip(&words, 4000))
}

/// `3/5`, and the same as a percentage.
fn count(status: &mut OperationStatus) {
    let ended = status.step_states.iter().filter(|step| step.state.is_finished()).count();
    let all = status.step_states.len();
    status.steps = format!("{ended}/{all}");
    let whole = ended.saturating_mul(100).checked_div(all).unwrap_or(0);
    status.progress = format!("{whole}%");
    status.done = Some(Progress {
        stage: text::list(steps::named(&status.step_states, StepPhase::Running), 1),
        ..Progress::default()
    });
}

fn end(seen: &Seen, status: &mut OperationStatus) {
    let failed: Vec<&StepState> =
        status.step_states.iter().filter(|step| step.state == StepPhase::Failed).collect();
    let skipped = steps::named(&status.step_states, StepPhase::Skipped).len();
    let rest = if skipped == 0 { String::new() } else { format!("; {skipped} skipped") };
    let outcome = match failed.first() {
        None => Refusal::new(Reason::Succeeded, format!("{} steps{rest}", status.step_states.len())),
        Some(first) => {
            let others = failed.len().saturating_sub(1);
            let others = if others == 0 { String::new() } else { format!(", and {others} others failed") };
            let reason = first.reason.map(|reason| format!("{reason}: ")).unwrap_or_default();
            let message = format!("step {} failed: {reason}{}{others}{rest}", first.name, first.message);
            Refusal::new(Reason::StepFailed, message)
        }
    };
    let well = failed.is_empty();
    status::end(seen, status, well, &outcome);
}
