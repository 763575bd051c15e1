//! Claiming: a status update under the resource version that was seen, so that a change wins over us.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use millrace_crds::NodeTask;
use millrace_crds::node_task::{NodeTaskStatus, TaskPhase};

use super::Agent;

/// Claims `task` for this boot; `None` if it changed meanwhile or ended (the watch tells what it is now).
///
/// # Errors
/// The API server did not answer.
pub(super) async fn claim(agent: &Agent, mut task: NodeTask) -> Result<Option<NodeTask>, kube::Error> {
    let api: Api<NodeTask> = Api::namespaced(agent.client.clone(), &task.namespace().unwrap_or_default());
    let name = task.name_any();
    let before = task.status.take().unwrap_or_default();
    task.status = Some(NodeTaskStatus {
        phase: TaskPhase::Running,
        boot_id: agent.boot_id.clone(),
        // The deadline counts from the first claim: a restart of the agent gives no new time.
        start_time: before.start_time.or_else(|| Some(Time((agent.config.clock)()))),
        ..NodeTaskStatus::default()
    });
    match api.replace_status(&name, &PostParams::default(), &task).await {
        Ok(claimed) => Ok(Some(claimed)),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
        Err(error) => Err(error),
    }
}
