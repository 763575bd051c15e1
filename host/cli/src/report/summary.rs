//! The table at the end of a run: step, state, rows of each output, time, where it is.

use millrace_crds::common::OutputStatus;

use super::{numbers, table};
use crate::local::step::Step;

/// The table.
pub fn table(steps: &[Step]) -> String {
    table::render(&["STEP", "STATE", "ROWS", "TIME", "WHERE"], steps.iter().map(row))
}

fn row(step: &Step) -> Vec<String> {
    let outputs = &step.status.outputs;
    let lines = |line: fn(&OutputStatus) -> String| outputs.iter().map(line).collect::<Vec<_>>().join("\n");
    let time = step.time().filter(|_| step.status.start_time.is_some()).map(numbers::duration);
    vec![step.label(), state(step), lines(rows), time.unwrap_or_default(), lines(place)]
}

fn state(step: &Step) -> String {
    if step.gone {
        return "Gone".to_owned();
    }
    let reused = if step.status.reason == Some(millrace_crds::Reason::Reused) { " (reused)" } else { "" };
    format!("{}{reused}", step.status.phase)
}

fn rows(output: &OutputStatus) -> String {
    if output.port == "model" {
        "model".to_owned()
    } else {
        format!("{} {}", output.port, numbers::count(output.rows))
    }
}

/// The folder where it is one of this machine, else the URL.
fn place(output: &OutputStatus) -> String {
    let given = if output.url.is_empty() { &output.path } else { &output.url };
    given.strip_prefix("local://").unwrap_or(given).to_owned()
}
