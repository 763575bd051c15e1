//! `Clean`: what an ended operation left in staging.

use std::path::Path;
use std::time::Duration;

use millrace_crds::NodeTask;
use millrace_crds::node_task::TaskResult;

use super::blocking;
use super::target::Target;
use crate::agent::Agent;
use crate::failure::Failure;

/// Name of the note that a run shared by several agents leaves in its staging folder.
pub(super) const SHARED: &str = "shared.json";
/// A shared run has no process between its stages; it counts as dead after so long without a new stage.
const FORGOTTEN: Duration = Duration::from_secs(7 * 24 * 3600);

/// Removes the operation's staging, whether it was shared or not.
pub(super) async fn clean(agent: &Agent, task: &NodeTask) -> Result<TaskResult, Failure> {
    let uid = task.spec.operation.uid.clone();
    let Some(wasm) = &task.spec.wasm else { return Ok(TaskResult::default()) };
    for path in wasm.processor.output.iter().chain(&wasm.processor.model) {
        let target = Target::resolve(agent, &task.spec.datasets, path, false).await?;
        let uid = uid.clone();
        blocking(move || sweep(&target.folder, &|other| other != uid)).await?;
    }
    Ok(TaskResult::default())
}

/// Removes what dead runs left at `output`.
pub(super) fn sweep_dead(output: &Path) -> Result<(), Failure> {
    sweep(output, &|uid| is_shared(&output.join("_millrace/runs").join(uid)))
}

fn sweep(output: &Path, is_alive: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    let removed = millrace_data::publish::sweep(output, is_alive)?;
    if removed > 0 {
        tracing::info!(removed, output = %output.display(), "removed what dead runs had left in staging");
    }
    Ok(())
}

/// Whether several agents share the run and somebody worked on it lately.
fn is_shared(run: &Path) -> bool {
    let epochs = std::fs::read_dir(run).into_iter().flatten().flatten();
    let notes = epochs.filter_map(|epoch| std::fs::metadata(epoch.path().join(SHARED)).ok());
    let mut ages = notes.filter_map(|note| note.modified().ok()?.elapsed().ok());
    ages.any(|age| age < FORGOTTEN)
}
