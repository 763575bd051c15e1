//! Whether a workload of any kind has ended: by its conditions, or by a phase out of a list.
//!
//! It reads an object as the API server has it and knows no kind; a kind nobody told us about is
//! read by `successWhen`. What becomes of the answer is decided elsewhere.

use serde_json::Value;

/// Condition types that say that a workload ended well (Job, PyTorchJob, JobSet, and their like).
const GOOD_CONDITIONS: [&str; 3] = ["Complete", "Succeeded", "Completed"];
/// Condition types that say that it ended badly.
const BAD_CONDITIONS: [&str; 2] = ["Failed", "Error"];
/// Phases that say that a workload ended well, in lower case (Pod, RayJob, SparkApplication, Workflow).
const GOOD_PHASES: [&str; 3] = ["succeeded", "complete", "completed"];
/// Phases that say that it ended badly, in lower case.
const BAD_PHASES: [&str; 8] = [
    "failed",
    "error",
    "submission_failed",
    "validationfailed",
    "stopped",
    "aborted",
    "terminated",
    "timeout",
];
/// Where the kinds in use keep a phase, in the order in which they are believed: a RayJob's
/// deployment is `Complete` also where the job in it failed, so the job comes first.
const PHASES: [&str; 6] = [
    "/status/jobStatus",
    "/status/applicationState/state",
    "/status/state/phase",
    "/status/phase",
    "/status/state",
    "/status/jobDeploymentStatus",
];

/// How a workload stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadState {
    /// It has not ended; its phase in words.
    Running {
        /// Such as `Running`, `Suspended` or `not started`.
        phase: String,
    },
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed {
        /// Reason and message, as far as it gives any.
        why: String,
    },
}

/// How `object` stands. With `success_when`, only a condition of that type or a phase of that word is
/// success; failure is read as ever, so that a wait for it ends.
#[must_use]
pub fn state(object: &Value, success_when: Option<&str>) -> WorkloadState {
    if success_when.is_some_and(|wanted| reached(object, wanted)) {
        return WorkloadState::Succeeded;
    }
    if let Some(why) = failure(object) {
        return WorkloadState::Failed { why };
    }
    if success_when.is_none() && succeeded(object) {
        return WorkloadState::Succeeded;
    }
    WorkloadState::Running { phase: phase_in_words(object) }
}

/// Whether a condition of that type is True, or a phase is that word.
fn reached(object: &Value, wanted: &str) -> bool {
    condition(object, wanted, "True").is_some()
        || phases(object).any(|phase| phase.eq_ignore_ascii_case(wanted))
}

fn succeeded(object: &Value) -> bool {
    let phase = phases(object).next().map(str::to_lowercase).unwrap_or_default();
    GOOD_CONDITIONS.iter().any(|kind| condition(object, kind, "True").is_some())
        || GOOD_PHASES.contains(&phase.as_str())
}

/// Why it failed; none where it did not. `Succeeded=False` with a finished time is Tekton's failure.
fn failure(object: &Value) -> Option<String> {
    let said = BAD_CONDITIONS.iter().find_map(|kind| condition(object, kind, "True"));
    let tekton = || {
        let ended = object.pointer("/status/completionTime").is_some();
        condition(object, "Succeeded", "False").filter(|_| ended)
    };
    if let Some(found) = said.or_else(tekton) {
        return Some(in_words(found));
    }
    let bad = phases(object).next().filter(|phase| BAD_PHASES.contains(&phase.to_lowercase().as_str()))?;
    let message = ["/status/message", "/status/applicationState/errorMessage", "/status/reason"];
    let said =
        message.iter().filter_map(|place| object.pointer(place)?.as_str()).find(|text| !text.is_empty());
    Some(said.map_or_else(|| bad.to_owned(), |said| format!("{bad}: {said}")))
}

/// `Reason: message` of a condition.
fn in_words(condition: &Value) -> String {
    let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default();
    match (text("reason"), text("message")) {
        ("", "") => text("type").to_owned(),
        ("", said) | (said, "") => said.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

fn condition<'a>(object: &'a Value, kind: &str, status: &str) -> Option<&'a Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let is = |one: &&Value, field: &str, wanted: &str| one.get(field).and_then(Value::as_str) == Some(wanted);
    conditions.iter().find(|one| is(one, "type", kind) && is(one, "status", status))
}

/// The phases that an object gives, the most telling first.
fn phases(object: &Value) -> impl Iterator<Item = &str> {
    PHASES.iter().filter_map(|place| object.pointer(place)?.as_str()).filter(|phase| !phase.is_empty())
}

/// What it is doing: its phase, its latest condition that holds, or that it has not started.
fn phase_in_words(object: &Value) -> String {
    if let Some(phase) = phases(object).next() {
        return phase.to_owned();
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let holds = |one: &&Value| one.get("status").and_then(Value::as_str) == Some("True");
    let latest = conditions.into_iter().flatten().rfind(holds);
    let active = object.pointer("/status/active").and_then(Value::as_i64).unwrap_or(0) > 0;
    match latest.and_then(|one| one.get("type")?.as_str()) {
        Some(kind) => kind.to_owned(),
        None if active => "Running".to_owned(),
        None => "not started".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(status: Value, success_when: Option<&str>, wanted: &str) {
        let object = json!({"kind": "Any", "status": status});
        let word = match state(&object, success_when) {
            WorkloadState::Running { phase } => format!("running: {phase}"),
            WorkloadState::Succeeded => "succeeded".to_owned(),
            WorkloadState::Failed { why } => format!("failed: {why}"),
        };
        assert_eq!(word, wanted, "{object}");
    }

    fn conditions(all: &[(&str, &str)]) -> Value {
        let one = |(kind, status): &(&str, &str)| json!({"type": kind, "status": status, "reason": "Why", "message": "so it is"});
        json!({"conditions": all.iter().map(one).collect::<Vec<_>>()})
    }

    #[test]
    fn conditions_of_the_kinds_in_use() {
        check(conditions(&[("SuccessCriteriaMet", "True")]), None, "running: SuccessCriteriaMet");
        check(conditions(&[("SuccessCriteriaMet", "True"), ("Complete", "True")]), None, "succeeded");
        check(conditions(&[("FailureTarget", "True"), ("Failed", "True")]), None, "failed: Why: so it is");
        check(conditions(&[("Created", "True"), ("Running", "True")]), None, "running: Running");
        check(conditions(&[("Running", "False"), ("Succeeded", "True")]), None, "succeeded");
        check(conditions(&[("Suspended", "True")]), None, "running: Suspended");
    }

    #[test]
    fn phases_of_the_kinds_in_use() {
        check(json!({"phase": "Succeeded"}), None, "succeeded");
        check(json!({"phase": "Failed", "message": "OOM"}), None, "failed: Failed: OOM");
        check(json!({"jobStatus": "FAILED", "jobDeploymentStatus": "Complete"}), None, "failed: FAILED");
        check(json!({"jobStatus": "SUCCEEDED", "jobDeploymentStatus": "Complete"}), None, "succeeded");
        check(json!({"applicationState": {"state": "COMPLETED"}}), None, "succeeded");
        check(
            json!({"applicationState": {"state": "SUBMISSION_FAILED", "errorMessage": "no jar"}}),
            None,
            "failed: SUBMISSION_FAILED: no jar",
        );
        check(json!({"state": {"phase": "Completed"}}), None, "succeeded");
        check(json!({"active": 1}), None, "running: Running");
        check(Value::Null, None, "running: not started");
    }

    #[test]
    fn another_word_for_success_replaces_ours() {
        check(json!({"phase": "Ready"}), Some("Ready"), "succeeded");
        check(conditions(&[("Trained", "True")]), Some("Trained"), "succeeded");
        check(
            conditions(&[("Trained", "False"), ("Complete", "True")]),
            Some("Trained"),
            "running: Complete",
        );
        check(conditions(&[("Failed", "True")]), Some("Trained"), "failed: Why: so it is");
        check(json!({"phase": "Stopped"}), Some("Stopped"), "succeeded");
    }

    #[test]
    fn a_pipeline_run_fails_only_once_it_ended() {
        let mut status = conditions(&[("Succeeded", "False")]);
        check(status.clone(), None, "running: not started");
        status["completionTime"] = json!("2026-01-01T00:00:00Z");
        check(status, None, "failed: Why: so it is");
    }

    proptest! {
        #[test]
        fn any_status_is_read(text in "[a-zA-Z]{0,12}", number in any::<i64>()) {
            for status in [json!(text), json!(number), json!({"conditions": text}), json!({"conditions": [number, {"type": number}]}),
                           json!({"phase": number, "state": [text]}), json!([text])] {
                drop(state(&json!({"status": status}), Some(&text)));
                drop(state(&json!({"status": status}), None));
            }
        }
    }
}
