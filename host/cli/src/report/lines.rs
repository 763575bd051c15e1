//! One line on standard error for each change of state: for logs, pipes and CI.

use std::collections::BTreeMap;

use millrace_crds::common::Phase;

use super::View;
use super::numbers;
use crate::local::step::Step;
use crate::terminal;

/// What was said of each step last.
pub struct Lines {
    said: BTreeMap<String, Phase>,
    width: usize,
}

impl Lines {
    /// For these steps.
    pub fn new(steps: &[Step]) -> Self {
        Self { said: BTreeMap::new(), width: steps.iter().map(|step| step.label().len()).max().unwrap_or(0) }
    }
}

impl View for Lines {
    fn changed(&mut self, step: &Step) {
        let phase = step.status.phase;
        let waits_in_silence = phase == Phase::Pending && step.status.waiting_for.is_empty();
        if waits_in_silence || self.said.insert(step.title(), phase) == Some(phase) {
            return;
        }
        let line = format!("{:width$}  {phase:9}  {}", step.label(), detail(step), width = self.width);
        terminal::tell(line.trim_end());
    }

    fn say(&mut self, line: &str) {
        terminal::tell(line);
    }

    fn finish(&mut self) {}
}

/// What goes with a state's word.
pub(super) fn detail(step: &Step) -> String {
    let status = &step.status;
    match status.phase {
        Phase::Pending | Phase::Suspended if status.waiting_for.is_empty() => String::new(),
        Phase::Pending | Phase::Suspended => format!("waits for {}", status.waiting_for),
        Phase::Executing => status.done.as_ref().map(|done| done.stage.clone()).unwrap_or_default(),
        Phase::Complete => complete(step),
        Phase::Failed => {
            let reason = status.reason.map(|reason| reason.to_string()).unwrap_or_default();
            format!("{reason}: {}", status.message.lines().next().unwrap_or_default())
        }
    }
}

/// How long it took and what came of it.
fn complete(step: &Step) -> String {
    let time = step.time().map(numbers::duration);
    let rows = step.status.outputs.iter().filter(|output| output.port != "model");
    let rows = rows
        .map(|output| format!("{} {} rows", output.port, numbers::count(output.rows)))
        .collect::<Vec<_>>()
        .join(", ");
    let reused = (step.status.reason == Some(millrace_crds::Reason::Reused))
        .then(|| "reused what was there".to_owned());
    let files = step.status.done.as_ref().filter(|_| rows.is_empty()).map(|done| {
        format!("{} files, {}", numbers::count(done.files_done), numbers::bytes(done.bytes_done))
    });
    time.into_iter()
        .chain(reused)
        .chain(Some(rows))
        .chain(files)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("  ")
}
