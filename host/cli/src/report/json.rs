//! The JSON document that `-o json` prints: one, whatever happened.

use serde_json::{Value, json};

use crate::local::follow::Ended;
use crate::local::step::Step;
use crate::manifest::fault::Fault;

/// What came of a run.
pub fn run(steps: &[Step], ended: &Ended) -> String {
    let steps: Vec<_> = steps.iter().map(step).collect();
    format!("{:#}\n", json!({"state": state(&steps, ended), "steps": steps}))
}

/// Why nothing was run.
pub fn invalid(faults: &[Fault]) -> String {
    let errors: Vec<_> = faults.iter().map(Fault::to_json).collect();
    format!("{:#}\n", json!({"state": "Invalid", "errors": errors}))
}

fn state(steps: &[Value], ended: &Ended) -> &'static str {
    match ended {
        Ended::TimedOut => "TimedOut",
        Ended::Interrupted => "Interrupted",
        Ended::Finished if steps.iter().all(|step| step["state"] == "Complete") => "Complete",
        Ended::Finished => "Failed",
    }
}

fn step(step: &Step) -> Value {
    let status = serde_json::to_value(&step.status).unwrap_or_default();
    let field = |name: &str| status.get(name).cloned().unwrap_or_default();
    let state = if step.gone { json!("Gone") } else { field("phase") };
    let seconds = step.time().map(|time| time.as_secs_f64());
    json!({
        "kind": step.kind,
        "namespace": step.namespace,
        "name": step.name,
        "state": state,
        "reason": field("reason"),
        "message": field("message"),
        "waitingFor": field("waitingFor"),
        "startTime": field("startTime"),
        "completionTime": field("completionTime"),
        "seconds": seconds,
        "attempts": field("attempts"),
        "module": field("module"),
        "outputs": status.get("outputs").cloned().unwrap_or_else(|| json!([])),
        "logTail": field("logTail"),
    })
}
