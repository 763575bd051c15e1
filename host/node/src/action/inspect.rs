//! `Inspect`: brings a module, compiles it, and says what it says of itself.

use millrace_crds::NodeTask;
use millrace_crds::node_task::TaskResult;
use millrace_crds::raw::RawObject;
use serde_json::Value;

use crate::agent::{Agent, Reporter};
use crate::failure::Failure;

/// What the module says of itself. Nothing of it runs.
pub(super) async fn inspect(
    agent: &Agent,
    task: &NodeTask,
    reporter: &Reporter,
) -> Result<TaskResult, Failure> {
    let wanted = task.spec.inspect.as_ref().ok_or_else(|| Failure::internal("the task names no module"))?;
    let module = agent.modules.get(agent, &wanted.module, Some(&wanted.file), reporter).await?;
    let descriptor = match serde_json::to_value(&module.info.descriptor) {
        Ok(Value::Object(fields)) => RawObject(fields),
        other => return Err(Failure::internal(format!("a descriptor is no JSON object: {other:?}"))),
    };
    Ok(TaskResult { descriptor: Some(descriptor), ..TaskResult::default() })
}
